"""What a trunk does to numbers, callers and headers on their way in and out: values alone.

What follows from them is in `rewriting` and `identity`.
"""

from dataclasses import dataclass
from typing import Literal

IdentityHeader = Literal["from", "pai", "rpid"]
IDENTITY_NAMES = {"from": "From", "pai": "P-Asserted-Identity", "rpid": "Remote-Party-ID"}
Diverting = Literal["none", "diversion", "history-info"]


@dataclass(frozen=True, slots=True)
class NumberRules:
    """One trunk's, as they are stored; without any, everything passes as it is."""

    in_called: tuple[str, ...] = ()
    in_caller: tuple[str, ...] = ()
    out_called: tuple[str, ...] = ()
    out_caller: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    "Of calls in, on the numbers as they were rewritten."
    in_identity: IdentityHeader = "from"
    "Which header says who calls."
    out_identity: IdentityHeader = "from"
    "In which header we say who calls."
    diverting: Diverting = "diversion"
    "How a carrier is told that a call was forwarded to it."
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vouched:
    """Who calls, for those who may know it, and what goes with the call."""

    user: str = ""
    name: str = ""
    is_private: bool = False
    diverted: tuple[str, ...] = ()
    "User parts of who forwarded the call before it came here, the last one first."
    headers: tuple[tuple[str, str], ...] = ()
    "Passed on to whoever is called."
    recorded: tuple[tuple[str, str], ...] = ()
    "Kept with the record."


@dataclass(frozen=True, slots=True)
class SentIdentity:
    """Who calls, as one trunk is told."""

    from_user: str
    from_name: str
    asserted_user: str = ""
    "In the header of its rules; empty: in none."
    asserted_name: str = ""
