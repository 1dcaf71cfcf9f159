"""What becomes of a 3xx: whom its Contact means, if that is anybody we may ring instead. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

FOLLOWED = (300, 301, 302)
"A 305 names a proxy and a 380 another service (RFC 3261 section 21.3): not a callee to ring."
MAX_REDIRECTS = 5
"Of one call, one after the other."


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a Contact means."""

    user: str
    "The user part that its URI dials."
    is_ours: bool
    "Its host is ours, or it is a telephone number."
    is_sips: bool = False
    "It is to be reached over TLS alone."


Names = Callable[[str], Named | None]
"What a URI's text names; None for what cannot be dialled."


def redirect_user(
    code: int, contacts: Collection[str], *, names: Names, been: Collection[str]
) -> Named | str:
    """Return whom to dial instead, or why it is not followed.

    `been` holds the user parts that this call was sent to already.
    """
    if code not in FOLLOWED:
        return f"a {code} does not name another callee"
    if not contacts:
        return "it names nobody"
    if len(been) > MAX_REDIRECTS:
        return f"the call was redirected {MAX_REDIRECTS} times already"
    why = ""
    for contact in contacts:
        named = names(contact)
        if named is None:
            why = why or "its address cannot be read"
        elif not named.is_ours:
            why = why or "only users and numbers of this server are rung instead"
        elif named.user in been:
            why = why or "the call was sent there before"
        else:
            return named
    return why
