"""How calls end and how requests are refused: who, which rule, which code, what to do."""

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.core.reasons import Reason, Rule
from callengine.core.shapes import Most, Within

EndedBy = Literal["caller", "callee", "engine", "operator"]


@dataclass(frozen=True, slots=True)
class Termination:
    """The one reason a call ended."""

    by: EndedBy
    reason: Reason
    code: Annotated[int, Within(0, 699)]
    "The SIP status code; 200 for a call that was answered and then hung up."
    advice: Annotated[str, Most(4000)]
    "One sentence a person can act on."


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that never became a call."""

    source_address: str
    user: str
    "The user part the request claimed (From), or dialled if it claimed none."
    method: str
    code: int
    rule: Rule
    advice: str
    call_id: str = ""
    to: str = ""
    retry_after_s: int | None = None
    "What Retry-After says, where waiting helps (RFC 3261 section 20.33)."
