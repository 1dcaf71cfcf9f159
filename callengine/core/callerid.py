"""What a callee may be shown of a caller, whatever the caller's device wrote into From. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from callengine.core.directory import Source
from callengine.core.outcomes import Rejection
from callengine.core.reasons import Rule

ANONYMOUS = "anonymous"
"The user part of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3)."
_ANONYMOUS_NAME = "Anonymous"
_SEPARATORS = re.compile(r"[().\- ]")
_NUMBER = re.compile(r"\+?[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who a request says it comes from: user part and display name of From."""

    user: str
    name: str

    def __str__(self) -> str:
        if self.name and self.name != self.user:
            return f"{self.name} ({self.user})" if self.user else self.name
        return self.user or "nobody"


@dataclass(frozen=True, slots=True)
class CallerId:
    """What the callee is shown."""

    user: str
    name: str
    note: str = ""
    "For the timeline, if it is not what was claimed."


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What the directory knows of the user part that was claimed."""

    own_number: str = ""
    "The Number that leads to the calling connection, as it is stored; empty: none of them."
    first_number: str = ""
    "The first Number that leads to a calling connection which wants to stay unknown."
    is_sip_user: bool = False
    "Whether a connection here has it as its SIP user."


def spellings(user: str) -> tuple[str, ...]:
    """Return how a Number may be stored that a phone writes so: with and without its plus."""
    plain = _SEPARATORS.sub("", user.partition(";")[0])
    if not _NUMBER.match(plain):
        return (user,) if user else ()
    digits = plain.removeprefix("+")
    return (plain, digits if plain.startswith("+") else f"+{digits}")


def own_spelling(user: str, numbers: Iterable[str]) -> str:
    """Return the number among these that a user part means, the closest spelling first."""
    stored = set(numbers)
    return next((text for text in spellings(user) if text in stored), "")


def caller_id(
    source: Source, claim: Claim, names: KnownNames, *, call_id: str, to: str
) -> CallerId | Rejection:
    """Return what the callee is shown, or the rejection of a claim that its connection forbids.

    A connection is its SIP user or one of its numbers, under its own name, unless it may show
    anything. A trunk vouches for its callers. An unknown caller is not one of ours.
    """
    connection = source.connection
    if connection is None:
        if source.kind == "external" and names.is_sip_user:
            identity = CallerId(ANONYMOUS, _ANONYMOUS_NAME)
            return _noted(identity, f"The caller, who did not authenticate, called itself {claim}")
        return CallerId(claim.user, claim.name)
    if connection.caller_id == "any":
        return CallerId(claim.user or connection.sip_user, claim.name)
    if claim.user.lower() == ANONYMOUS:
        return CallerId(ANONYMOUS, _ANONYMOUS_NAME)
    if claim.user == connection.sip_user or names.own_number:
        identity = CallerId(names.own_number or claim.user, connection.name)
    elif connection.caller_id == "refuse":
        return Rejection(
            source_address=source.address,
            user=claim.user,
            method="INVITE",
            code=403,
            rule=Rule.CALLER_ID_NOT_ITS_OWN,
            advice=f"{connection.name} called as {claim}, which is neither its SIP user "
            f"{connection.sip_user} nor a number that leads to it. Add the number, correct the "
            "phone, or set its caller ID to rewrite or any.",
            call_id=call_id,
            to=to,
        )
    else:
        identity = CallerId(connection.sip_user, connection.name)
    is_as_claimed = identity.user == claim.user and claim.name in ("", identity.name)
    return identity if is_as_claimed else _noted(identity, f"The phone called itself {claim}")


def _noted(identity: CallerId, what: str) -> CallerId:
    callee_sees = Claim(identity.user, identity.name)
    note = f"{what}; the callee was shown {callee_sees}."
    return CallerId(identity.user, identity.name, note)
