"""Our registration at a carrier: what comes after each answer of its registrar. Pure.

RFC 3261 section 10.2; times are seconds.
"""

import re
from dataclasses import dataclass
from typing import Literal

from callengine.core.causes import SPOKEN_DIGEST
from callengine.core.naming import Chance

_CONTACT_USER = re.compile(r"trunk-[0-9a-f]{24}\Z")
REFRESH_SHARE = 0.9
"Of the time granted, after which it is registered again."
SHORTEST_REFRESH_S = 1.0
FIRST_RETRY_S = 30.0
LONGEST_RETRY_S = 900.0
MAX_EXPIRES_S = 86_400
ELSEWHERE = (408, 503)
"What another address of the registrar may do better."


@dataclass(frozen=True, slots=True)
class RegistrarAnswer:
    """The final answer to a REGISTER; 408 and 503 also where nobody answered."""

    code: int
    said: str
    "`200 OK`, or why nothing came of it."
    expires_s: int | None = None
    "Granted to our Contact; None: it does not say."
    min_expires_s: int | None = None
    retry_after_s: int | None = None
    is_theirs: bool = False
    "Whether the registrar itself said that."
    was_proved: bool = False
    "Whether the request carried our credentials."
    has_password: bool = False
    "Whether we have any."
    is_stale: bool = False
    "Whether it calls our answer right but outdated, again and again."


@dataclass(frozen=True, slots=True)
class RegistrationOutcome:
    """How a registration stands after an answer, and what comes next."""

    state: Literal["registered", "failed"]
    said: str
    next_in_s: float
    expires_in_s: float | None = None
    asks_s: int = 0
    "What is asked for next time."
    failures: int = 0


def after_answer(
    answer: RegistrarAnswer, *, asked_s: int, failures: int, chance: Chance
) -> RegistrationOutcome:
    """Return how a registration stands after an answer that nothing more follows at once."""
    if 200 <= answer.code < 300:
        granted_s = asked_s if answer.expires_s is None else answer.expires_s
        if granted_s > 0:
            return RegistrationOutcome(
                state="registered",
                said=f"Registered for {granted_s} s, of {asked_s} s asked for.",
                next_in_s=max(granted_s * REFRESH_SHARE, SHORTEST_REFRESH_S),
                expires_in_s=granted_s,
                asks_s=asked_s,
            )
    retry_s = max(_back_off_s(failures, chance), min(answer.retry_after_s or 0, LONGEST_RETRY_S))
    return RegistrationOutcome(
        state="failed",
        said=_why(answer),
        next_in_s=retry_s,
        asks_s=asked_s,
        failures=failures + 1,
    )


def contact_user(digits: str) -> str:
    """Return the user part of a new Contact at a registrar; `digits` are 24 random ones, hex."""
    return f"trunk-{digits}"


def is_contact_user(user: str) -> bool:
    """Tell whether a user part may be one of those."""
    return _CONTACT_USER.match(user) is not None


def asks_longer(answer: RegistrarAnswer, asked_s: int) -> int | None:
    """Return what to ask for at once after a 423 (section 10.2.8), or None."""
    longer_s = answer.min_expires_s
    if answer.code != 423 or longer_s is None or not asked_s < longer_s <= MAX_EXPIRES_S:
        return None
    return longer_s


def _back_off_s(failures: int, chance: Chance) -> float:
    """Return a pause that doubles from half a minute to a quarter of an hour, a fifth by lot."""
    longest_s = min(FIRST_RETRY_S * 2 ** min(failures, 10), LONGEST_RETRY_S)
    return float(longest_s * (0.8 + 0.2 * chance()))


def _why(answer: RegistrarAnswer) -> str:
    said = answer.said
    match answer.code:
        case 401 | 407:
            return _why_challenged(answer)
        case 403:
            return f"The registrar forbids it ({said}). Ask the carrier what it allows."
        case 404:
            return f"The registrar does not know the user ({said}). Check who is registered."
        case 423:
            return (
                f"The registrar wants a longer time ({said}), and none up to a day that could be "
                "asked for. Ask the carrier."
            )
        case 200:
            return "The registrar answered 200 and kept no binding of ours. Ask the carrier."
        case 408 | 503 if not answer.is_theirs:
            return f"The registrar cannot be reached: {said}. Check its address."
    return f"The registrar answered {said}. Ask the carrier."


def _why_challenged(answer: RegistrarAnswer) -> str:
    said = answer.said
    if answer.is_stale:
        return f"The registrar calls each answer of ours outdated ({said}, stale). Ask the carrier."
    if answer.was_proved:
        mend = "Check the OUT user name and password: the user name is not the display name."
        return f"The registrar refused our credentials ({said}). {mend}"
    if answer.has_password:
        return f"The registrar asks for credentials in another way than {SPOKEN_DIGEST} ({said})."
    return f"The registrar asks for a password ({said}). Set the OUT password."
