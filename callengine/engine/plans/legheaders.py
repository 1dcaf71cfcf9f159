"""The headers of a callee's INVITE that tell who calls and who forwarded the call."""

from collections.abc import Callable, Sequence

from callengine.core.identity import MAX_DIVERTED
from callengine.core.numberrules import SentIdentity, Vouched
from callengine.core.plan import PlannedTarget
from callengine.edge.messages.uris import name_addr

Pairs = tuple[tuple[str, str], ...]
UriOf = Callable[[str], str]
ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"
"From of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3)."
_FORWARDED = "?Reason=SIP%3Bcause%3D302"


def leg_headers(
    target: PlannedTarget, vouched: Vouched, *, diverted_from: str, uri_of: UriOf
) -> Pairs:
    """Return what the INVITE of one target bears besides; `uri_of` makes a URI of a user part.

    `diverted_from` is the user part of a callee of ours who forwarded the call.
    """
    diverted = (*filter(None, [diverted_from]), *vouched.diverted)[:MAX_DIVERTED]
    if not target.trunk:
        # Phones learn who of us forwarded the call, and nothing of what carriers tell each other.
        diverted = diverted[:1] if diverted_from else ()
    return (
        *_identity(target, target.caller, vouched, uri_of),
        *_diverting(target, diverted, uri_of),
        *((name.lower(), value) for name, value in target.headers),
    )


def _identity(
    target: PlannedTarget, caller: SentIdentity | None, vouched: Vouched, uri_of: UriOf
) -> Pairs:
    """Return who calls, for a carrier that is trusted with it (RFC 3325)."""
    if caller is None or not caller.asserted_user:
        return ()
    address = name_addr(caller.asserted_name, uri_of(caller.asserted_user))
    if target.identity == "rpid":
        privacy = "full" if vouched.is_private else "off"
        return (("remote-party-id", f"{address};party=calling;screen=yes;privacy={privacy}"),)
    private: Pairs = (("privacy", "id"),) if vouched.is_private else ()
    return (("p-asserted-identity", address), *private)


def _diverting(target: PlannedTarget, diverted: Sequence[str], uri_of: UriOf) -> Pairs:
    if not diverted or target.diverting == "none":
        return ()
    if target.diverting == "diversion":
        return tuple(("diversion", f"<{uri_of(user)}>;reason=unknown") for user in diverted)
    # RFC 7044 section 10.1.1: in the order of time, each retargeted from the one before.
    steps = [f"{uri_of(user)}{_FORWARDED}" for user in reversed(diverted)]
    steps.append(target.to_uri)
    entries, index = [], ""
    for step in steps:
        came = f";mp={index}" if index else ""
        index = f"{index}.1" if index else "1"
        entries.append(f"<{step}>;index={index}{came}")
    return (("history-info", ", ".join(entries)),)
