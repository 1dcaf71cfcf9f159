"""What an INVITE says of its caller beside From: asserted, private, forwarded by whom."""

import re
from urllib.parse import unquote

from callengine.core.callerid import ANONYMOUS, Claim
from callengine.core.identity import MAX_DIVERTED, Heard
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.values import Address, parse_address

MAX_VALUES = 8
"Of each of these headers that are looked at."
_PRIVATE = frozenset({"id", "user", "header"})
NOBODY = "anonymous.invalid"
"The host of a caller who wants to stay unknown (RFC 3323 section 4.1.1.3)."
_NUMBER = re.compile(r"\+?[0-9().-]{1,64}")
_WITHOUT_SEPARATORS = str.maketrans("", "", "().-")
_SEPARATORS = re.compile(r"[;,\s]+")


def caller_of(request: Received) -> Claim:
    """Return who From says calls."""
    try:
        address = parse_address(request.get("from"))
    except ValueError:
        return Claim("", "")
    user = _number(address) or clean(address.uri.user or "")
    if user.lower() == ANONYMOUS or address.uri.host.lower().rstrip(".") == NOBODY:
        user = ANONYMOUS
    return Claim(user, clean(address.name))


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
        diverted=tuple(
            ANONYMOUS if "history" in asked or _is_secretive(at) else _user(at)
            for at in _diverted(request)[:MAX_DIVERTED]
        ),
    )


def _is_withheld(text: str) -> bool:
    # Of whom it is kept may follow: uri-network.
    return text.lower().partition("-")[0] in ("full", "name", "uri", "yes")


def _is_secretive(address: Address) -> bool:
    """Tell whether who forwarded the call wants to stay unknown (RFC 5806, RFC 7044)."""
    asked = unquote(address.uri.headers).lower()
    return _is_withheld(address.params.get("privacy") or "") or "privacy=history" in asked


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
    return _number(address) or clean((address.uri.user or "").partition(";")[0])


def _number(address: Address) -> str:
    """Return a telephone number without its visual separators (RFC 3966 section 5.1.1), or ''."""
    user = (address.uri.user or "").partition(";")[0]
    is_global = user.startswith("+")
    if not (is_global or address.uri.scheme == "tel") or not _NUMBER.fullmatch(user):
        return ""
    return user.translate(_WITHOUT_SEPARATORS)
