"""Who calls, by what a peer's headers say of it, and what others may learn of that. Pure.

Only a trunk is believed beyond its From (RFC 3325 section 7), and only a trunk that is set so is
told who an anonymous caller is; phones and voice agents never are.
"""

from dataclasses import dataclass, field

from callengine.core.callerid import ANONYMOUS, CallerId, Claim, KnownNames
from callengine.core.directory import Source
from callengine.core.numberrules import IDENTITY_NAMES, NumberRules, SentIdentity, Vouched
from callengine.core.rewriting import refusal, rewritten

MAX_DIVERTED = 5
ANONYMOUS_NAME = "Anonymous"


@dataclass(frozen=True, slots=True)
class Heard:
    """What an INVITE says of its caller beside From."""

    asserted: Claim | None = None
    "P-Asserted-Identity (RFC 3325)."
    remote_party: Claim | None = None
    "Remote-Party-ID, which older devices write."
    is_private: bool = False
    "Whether the callee is not to learn who calls (RFC 3323)."
    diverted: tuple[str, ...] = ()
    "User parts of who forwarded the call before it came here, the last one first."


@dataclass(frozen=True, slots=True)
class ArrivedCall:
    """A call as it is looked up and planned: numbers rewritten, the caller as its trunk says."""

    to_user: str
    claim: Claim
    is_private: bool
    notes: tuple[str, ...] = field(default=())
    refusal: str = ""
    "What refuses it, in words, if a filter does."


def arrival(source: Source, to_user: str, claim: Claim, heard: Heard, home: str) -> ArrivedCall:
    """Return what a call is by the rules of the trunk it comes from; by none if it is no trunk."""
    is_private = heard.is_private or claim.user.lower() == ANONYMOUS
    if source.trunk is None:
        return ArrivedCall(to_user, claim, is_private)
    rules, notes = source.trunk.rules, []
    said = {"pai": heard.asserted, "rpid": heard.remote_party}.get(rules.in_identity)
    if said is not None and said != claim:
        header = IDENTITY_NAMES[rules.in_identity]
        notes.append(f"{header} says that {said} calls; From said {claim}.")
    who = said or claim
    caller = rewritten(who.user, rules.in_caller, home)
    called = rewritten(to_user, rules.in_called, home)
    for what, before, after in (("caller", who.user, caller), ("dialled number", to_user, called)):
        if after.problem:
            notes.append(f"The {what} was not rewritten: {after.problem}.")
        elif after.number != before:
            notes.append(f"The {what} {before} was rewritten to {after.number} ({after.rule}).")
    return ArrivedCall(
        called.number,
        Claim(caller.number, who.name),
        is_private,
        tuple(notes),
        refusal(rules, caller=caller.number, called=called.number),
    )


def identity(
    source: Source, caller_id: CallerId, arrived: ArrivedCall, heard: Heard, names: KnownNames
) -> tuple[CallerId, Vouched]:
    """Return whom a callee is shown, and who it is for those who may know.

    `caller_id` is what it would be without privacy.
    """
    user, name = caller_id.user, caller_id.name
    connection = source.connection
    if connection is not None and user.lower() == ANONYMOUS:
        user, name = names.first_number or connection.sip_user, connection.name
    elif source.kind == "external" or user.lower() == ANONYMOUS:
        user, name = "", ""
    vouched = Vouched(user, name, arrived.is_private, heard.diverted)
    if not arrived.is_private or caller_id.user.lower() == ANONYMOUS:
        return caller_id, vouched
    note = "The caller asked to stay unknown, so the callee is shown Anonymous."
    return CallerId(ANONYMOUS, ANONYMOUS_NAME, caller_id.note or note), vouched


def sent_identity(
    from_user: str, from_name: str, vouched: Vouched, rules: NumberRules, home: str
) -> SentIdentity:
    """Return what a trunk is told of a caller, by its rules."""
    user = from_user
    if user.lower() != ANONYMOUS:
        user = rewritten(from_user, rules.out_caller, home).number
    if rules.out_identity == "from" or not vouched.user:
        return SentIdentity(user, from_name)
    real = rewritten(vouched.user, rules.out_caller, home).number
    return SentIdentity(user, from_name, real, vouched.name)
