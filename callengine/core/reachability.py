"""What is known of one address of a gateway, from calls and from probes. Pure.

Times are Unix times in seconds.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

HOLDS_S = 60.0
"For how long a failed call says that an address is down; then it is unknown again."
MAX_REST_S = 600.0
"The longest Retry-After that is obeyed: a carrier must not shut itself off by mistake for a day."
_NOT_ALIVE = (408, 503)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """One of the addresses that a trunk's gateway leads to."""

    trunk: str
    gateway: str
    "As it was written down."
    target: str
    "The flow to it, as text."
    name: str
    "The host name it came from; nothing if the gateway is written as an address."


@dataclass(frozen=True, slots=True)
class Sounding:
    """What came of one request to an address."""

    code: int
    "The final code; 408 and 503 also where nobody answered, and where it could not be sent."
    said: str
    "In words: `503 Service Unavailable`, `no answer within 4 s`."
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How an address stands."""

    state: Literal["up", "down"]
    since: float
    said: str
    holds_until: float
    "Until when this is believed."
    rests_until: float = 0.0
    "Until when it asked not to be called (503 with Retry-After, RFC 3261 section 21.5.4)."


def health_after(
    before: Health | None, sounding: Sounding, *, now: float, holds_s: float = HOLDS_S
) -> Health:
    """Return how an address stands after an answer of it; any but 408 and 503 means alive."""
    state: Literal["up", "down"] = "down" if sounding.code in _NOT_ALIVE else "up"
    goes_on = before is not None and before.state == state and now < before.holds_until
    rest_s = min(sounding.retry_after_s or 0, MAX_REST_S) if sounding.code == 503 else 0.0
    rests_until = now + rest_s if rest_s else 0.0
    if state == "down" and before is not None:
        rests_until = max(rests_until, before.rests_until)
    return Health(
        state=state,
        since=before.since if before is not None and goes_on else now,
        said=sounding.said,
        holds_until=max(now + holds_s, rests_until),
        rests_until=rests_until,
    )


def is_news(before: Health | None, after: Health) -> bool:
    """Tell whether somebody should be told, or whether what is known has to be kept longer."""
    if before is None or (before.state, before.said) != (after.state, after.said):
        return True
    spent = after.holds_until - before.holds_until
    return spent > HOLDS_S / 2 or after.rests_until != before.rests_until


def down_last(items: Sequence[tuple[str, Item]], down: Collection[str]) -> list[tuple[str, Item]]:
    """Put items whose address is known to be down after the others."""
    return sorted(items, key=lambda item: item[0] in down)
