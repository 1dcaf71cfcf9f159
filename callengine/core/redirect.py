"""What becomes of a 3xx: whom its Contact means, if that is anybody we may ring instead. Pure."""

from collections.abc import Callable, Collection

FOLLOWED = (300, 301, 302)
"A 305 names a proxy and a 380 another service (RFC 3261 section 21.3): not a callee to ring."
MAX_REDIRECTS = 5
"Of one call, one after the other."

Names = Callable[[str], tuple[str, bool] | None]
"""The user part a URI's text dials and whether its host is ours (or it is a telephone number);
None for what cannot be dialled."""


def redirect_user(
    code: int, contacts: Collection[str], *, names: Names, been: Collection[str]
) -> tuple[str, str]:
    """Return the user part to dial instead and nothing, or nothing and why it is not followed.

    `been` holds the user parts that this call was sent to already.
    """
    if code not in FOLLOWED:
        return "", f"a {code} does not name another callee"
    if not contacts:
        return "", "it names nobody"
    if len(been) > MAX_REDIRECTS:
        return "", f"the call was redirected {MAX_REDIRECTS} times already"
    why = ""
    for contact in contacts:
        named = names(contact)
        if named is None:
            why = why or "its address cannot be read"
        elif not named[1]:
            why = why or "only users and numbers of this server are rung instead"
        elif named[0] in been:
            why = why or "the call was sent there before"
        else:
            return named[0], ""
    return "", why
