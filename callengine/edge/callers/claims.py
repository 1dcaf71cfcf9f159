"""What an INVITE says of its caller beside From: asserted, private, forwarded by whom."""

import re

from callengine.core.callerid import Claim
from callengine.core.identity import MAX_DIVERTED, Heard
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.values import Address, parse_address

MAX_VALUES = 8
"Of each of these headers that are looked at."
_PRIVATE = frozenset({"id", "user", "header"})
_SEPARATORS = re.compile(r"[;,\s]+")


def heard(request: Received) -> Heard:
    """Return what is said; a value that cannot be read says nothing."""
    parties = _addresses(request, "remote-party-id")
    calling = [at for at in parties if (at.params.get("party") or "calling").lower() == "calling"]
    asked = set(_SEPARATORS.split(request.get("privacy").lower()))
    withheld = any(_is_withheld(at.params.get("privacy") or "") for at in calling[:1])
    return Heard(
        asserted=_first(_addresses(request, "p-asserted-identity")),
        remote_party=_first(calling),
        is_private=bool(asked & _PRIVATE) or withheld,
        diverted=tuple(map(_user, _diverted(request)))[:MAX_DIVERTED],
    )


def _is_withheld(text: str) -> bool:
    return text.lower() in ("full", "name", "uri", "yes")


def _addresses(request: Received, name: str) -> list[Address]:
    addresses = []
    for value in request.values(name)[:MAX_VALUES]:
        try:
            address = parse_address(value)
        except ValueError:
            continue
        if address.uri.user:
            addresses.append(address)
    return addresses


def _diverted(request: Received) -> list[Address]:
    """Return who forwarded it, the last one first (RFC 5806), or what a history tells of that."""
    if diversions := _addresses(request, "diversion"):
        return diversions
    # RFC 7044 section 5: in the order of time, the last entry is where it is sent now.
    return _addresses(request, "history-info")[-2::-1]


def _first(addresses: list[Address]) -> Claim | None:
    return Claim(_user(addresses[0]), clean(addresses[0].name)) if addresses else None


def _user(address: Address) -> str:
    return clean((address.uri.user or "").partition(";")[0])
