"""The registrar's rule (RFC 3261 section 10.3) as a pure function over a user's bindings."""

from collections.abc import Sequence
from dataclasses import dataclass

from callengine.core.reasons import Rule
from callengine.edge.flow import Flow
from callengine.edge.interface import Binding
from callengine.edge.messages.received import Received
from callengine.edge.messages.text import clean
from callengine.edge.messages.uris import URI, parse_uri, without_headers
from callengine.edge.messages.values import Via, parse_address, read_q
from callengine.edge.transport.reach import IsOurs, contact_objection, reached_at
from sip.names import without_password

MAX_CONTACT_CHARS = 512
MAX_PATH = 10
"Elements; every proxy on the way adds one."


@dataclass(frozen=True, slots=True)
class RegistrarLimits:
    """Bounds on what a phone may ask; seconds and counts."""

    min_expires_s: int
    max_expires_s: int
    default_expires_s: int
    max_contacts: int


@dataclass(frozen=True, slots=True)
class ContactRequest:
    """One Contact of a REGISTER, its address judged already (RFC 3261 section 20.10)."""

    uri: str
    expires_s: int | None
    q: float
    instance: str
    reached_at: str = ""
    "Flow of requests to it, if it is not where the REGISTER came from."
    objection: str = ""
    "What is wrong with its address; empty: nothing."


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """A REGISTER as far as the registrar's rule needs it; its contacts are in their order."""

    contacts: tuple[ContactRequest, ...]
    star: bool
    expires_s: int | None
    call_id: str
    cseq: int
    flow: str
    "As bindings keep it."
    user_agent: str
    path: tuple[str, ...] = ()
    "Route elements toward the phone (RFC 3327), the one nearest to us first."
    knows_path: bool = False
    "Whether the phone supports Path, and so may see who inserted one."
    is_direct: bool = True
    "No proxy stood between the phone and us."


@dataclass(frozen=True, slots=True)
class RegisterError:
    """The failure that answers a REGISTER, and what is stored of it; nothing was changed."""

    code: int
    phrase: str
    rule: Rule
    advice: str
    min_expires_s: int | None = None
    unsupported: str = ""


def read_register(
    message: Received, *, user_agent: str, is_ours: IsOurs = lambda *_: False
) -> RegisterRequest:
    """Return what a REGISTER asks for.

    Raises:
        ValueError: a Contact, a Path or an Expires cannot be read.
    """
    values = [value for value in message.values("contact") if value != "*"]
    path = _path(message)
    is_direct = len(message.vias) == 1 and not path
    reading = _Reading(message.flow, message.via, is_direct, len(values) == 1, bool(path), is_ours)
    return RegisterRequest(
        contacts=tuple(_contact(value, reading) for value in values),
        star="*" in message.values("contact"),
        expires_s=_delta_seconds(message.get("expires")) if message.get("expires") else None,
        call_id=message.call_id,
        cseq=message.cseq,
        flow=str(message.flow),
        user_agent=user_agent,
        path=path,
        knows_path="path" in message.tokens("supported") + message.tokens("require"),
        is_direct=is_direct,
    )


def _path(message: Received) -> tuple[str, ...]:
    """Return the Path as Route elements; strict routers (RFC 2543) are not called through."""
    values = message.values("path")
    if len(values) > MAX_PATH:
        raise ValueError("there are too many Path elements")
    return tuple(_hop(value) for value in values)


def _hop(value: str) -> str:
    if len(value) > MAX_CONTACT_CHARS:
        raise ValueError("a Path element is too long")
    address = parse_address(value)
    if not address.is_callable or "<" in address.uri_text or ">" in address.uri_text:
        raise ValueError("a Path element is not a SIP URI")
    if "lr" not in {name.lower() for name in address.uri.parameters}:
        raise ValueError("a Path element is not a loose router (lr)")
    return f"<{without_headers(address.uri_text)}>"


@dataclass(frozen=True, slots=True)
class _Reading:
    heard: Flow
    via: Via
    is_direct: bool
    is_alone: bool
    has_path: bool
    is_ours: IsOurs


def _contact(value: str, reading: _Reading) -> ContactRequest:
    if len(value) > MAX_CONTACT_CHARS:
        raise ValueError("a Contact is too long")
    address = parse_address(value)
    if not address.is_callable:
        raise ValueError("a Contact is not a SIP URI")
    expires = address.params.get("expires")
    return ContactRequest(
        uri=without_headers(address.uri_text),
        expires_s=_delta_seconds(expires) if expires is not None else None,
        q=read_q(address.params.get("q")),
        instance=(address.params.get("+sip.instance") or "")[:128],
        reached_at=_reached_at(address.uri, reading),
        # Its proxy is called, not the phone's address.
        objection=""
        if reading.has_path
        else contact_objection(
            address.uri,
            heard=reading.heard,
            is_direct=reading.is_direct,
            is_ours=reading.is_ours,
        ),
    )


def _reached_at(uri: URI, reading: _Reading) -> str:
    flow = reached_at(
        uri,
        heard=reading.heard,
        via=reading.via,
        is_direct=reading.is_direct,
        is_alone=reading.is_alone,
    )
    return "" if flow == reading.heard else str(flow)


def _delta_seconds(text: str) -> int:
    """RFC 3261 section 20.19: what cannot be read counts as 3600."""
    return min(int(text), 2**31) if text.isascii() and text.isdigit() and len(text) < 12 else 3600


def register(
    bindings: Sequence[Binding], request: RegisterRequest, *, now: float, limits: RegistrarLimits
) -> list[Binding] | RegisterError:
    """Return the bindings after a REGISTER, newest last, or why it is refused.

    All or nothing: one Contact that is refused leaves every binding as it was.
    """
    current = [binding for binding in bindings if binding.expires_at > now]
    if request.path and not request.knows_path:
        return _path_unknown()
    if request.star:
        return _remove_all(current, request)
    if len(request.contacts) > 2 * limits.max_contacts:  # every old one out, every new one in
        return _too_many(limits)
    for contact in request.contacts:
        expires_s = _granted(contact, request, limits)
        if 0 < expires_s < limits.min_expires_s:
            return RegisterError(
                423,
                "Interval Too Brief",
                Rule.REGISTRATION_TOO_BRIEF,
                f"The phone asked to register for {expires_s} s; set its registration interval to "
                f"{limits.min_expires_s} s or more.",
                limits.min_expires_s,
            )
        if expires_s > 0 and contact.objection:
            return _not_reachable(contact)
        same = [binding for binding in current if is_same(binding, contact, request.flow)]
        if any(_is_old(binding, request) for binding in same):
            return _out_of_order()
        current = [binding for binding in current if binding not in same]
        if expires_s > 0:
            current.append(_bind(contact, request, now + min(expires_s, limits.max_expires_s)))
    return _too_many(limits) if len(current) > limits.max_contacts else current


def _path_unknown() -> RegisterError:
    """RFC 3327 section 5.3: so the phone learns that somebody put himself into its way."""
    return RegisterError(
        420,
        "Bad Extension",
        Rule.PATH_NOT_SUPPORTED_BY_PHONE,
        "A proxy added a Path to a REGISTER whose phone does not say that it supports path. Turn "
        "that on in the phone, or have the proxy add Supported: path.",
        unsupported="path",
    )


def _not_reachable(contact: ContactRequest) -> RegisterError:
    return RegisterError(
        403,
        "Contact Not Allowed",
        Rule.CONTACT_NOT_ALLOWED,
        f"The phone registers {clean(without_password(contact.uri))}, which {contact.objection}. "
        "Have it register its own address; check its NAT, STUN and outbound proxy settings.",
    )


def _too_many(limits: RegistrarLimits) -> RegisterError:
    return RegisterError(
        403,
        "Too Many Contacts",
        Rule.TOO_MANY_CONTACTS,
        f"More than {limits.max_contacts} devices register as this user; unregister one or "
        "give the new device its own connection.",
    )


def _remove_all(current: list[Binding], request: RegisterRequest) -> list[Binding] | RegisterError:
    if request.contacts or request.expires_s != 0:
        return RegisterError(
            400,
            "Bad Request",
            Rule.MALFORMED_REGISTER,
            "Contact: * is only allowed alone and with Expires: 0.",
        )
    return _out_of_order() if any(_is_old(binding, request) for binding in current) else []


def _granted(contact: ContactRequest, request: RegisterRequest, limits: RegistrarLimits) -> int:
    for asked in (contact.expires_s, request.expires_s):
        if asked is not None:
            return asked
    return limits.default_expires_s


def _is_old(binding: Binding, request: RegisterRequest) -> bool:
    return binding.call_id == request.call_id and request.cseq <= binding.cseq


def _out_of_order() -> RegisterError:
    return RegisterError(
        500,
        "Out Of Order",
        Rule.REGISTER_OUT_OF_ORDER,
        "A REGISTER arrived after a newer one of the same phone; nothing to do if it registers.",
    )


def _bind(contact: ContactRequest, request: RegisterRequest, expires_at: float) -> Binding:
    return Binding(
        contact=contact.uri,
        call_id=request.call_id,
        cseq=request.cseq,
        expires_at=expires_at,
        flow=request.flow,
        user_agent=request.user_agent,
        q=contact.q,
        instance=contact.instance,
        reached_at=contact.reached_at,
        path=request.path,
        is_direct=request.is_direct,
    )


def is_same(binding: Binding, contact: ContactRequest, flow: str) -> bool:
    """Tell whether a Contact names an existing binding: its instance (RFC 5626), else its URI.

    Two instances at one URI are two phones behind two routers, or, heard from one flow, a phone
    that took another's place.
    """
    if binding.instance and contact.instance:
        if binding.instance == contact.instance:
            return True
        if binding.flow != flow:
            return False
    if binding.contact == contact.uri:
        return True
    try:
        return _key(parse_uri(binding.contact)) == _key(parse_uri(contact.uri))
    except ValueError:
        return False


def _key(uri: URI) -> tuple[object, ...]:
    """Compare as RFC 3261 section 19.1.4 does, as far as it matters for Contacts."""
    params = {name: (value or "").lower() for name, value in uri.parameters.items()}
    kept = tuple(params.get(name) for name in ("transport", "user", "ttl", "method", "maddr"))
    return (uri.scheme, uri.user, uri.password, uri.host.lower(), uri.port, kept)


def contact_values(bindings: Sequence[Binding], *, now: float) -> list[str]:
    """Return the Contact values of a 200 to REGISTER, with the seconds each has left."""
    values = []
    for binding in bindings:
        value = f"<{binding.contact}>;expires={max(0, round(binding.expires_at - now))}"
        value += f";q={binding.q:g}" if binding.q != 1.0 else ""
        value += f';+sip.instance="{binding.instance}"' if binding.instance else ""
        values.append(value)
    return values
