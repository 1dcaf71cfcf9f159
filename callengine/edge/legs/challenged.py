"""Answering a challenge in a call process's place (RFC 3261 section 22.2, RFC 7616)."""

import secrets

from callengine.edge.legs.inner import challenge
from callengine.edge.messages.digest import Answer, written
from callengine.edge.messages.grammar import parse_params, split_quoted
from callengine.edge.messages.message import Message

_ASKED = {
    401: ("www-authenticate", "authorization"),
    407: ("proxy-authenticate", "proxy-authorization"),
}


def credentials(
    response: Message, *, username: str, password: str, method: str, uri: str
) -> tuple[str, str] | None:
    """Return the header that answers a response's challenge, or None if none can be answered."""
    if response.code not in _ASKED or not password:
        return None
    asked, answered = _ASKED[response.code]
    usable = filter(None, map(challenge, response.headers.get(asked, ())[:8]))
    text = next(usable, None)
    if text is None:
        return None
    params = parse_params(split_quoted(text.partition(" ")[2], ","))
    open_answer = Answer(
        username=username,
        realm=params["realm"] or "",
        nonce=params["nonce"] or "",
        uri=uri,
        response="",
        algorithm=(params.get("algorithm") or "MD5").upper(),
        qop=params.get("qop") or "",
        nc="00000001",
        cnonce=secrets.token_hex(8),
    )
    return answered, written(
        open_answer, password=password, method=method, opaque=params.get("opaque")
    )
