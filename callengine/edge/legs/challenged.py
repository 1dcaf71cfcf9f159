"""Answering a challenge in a call process's place (RFC 3261 section 22.2, RFC 7616)."""

import secrets

from callengine.edge.messages.challenges import read_challenge
from callengine.edge.messages.digest import Answer, written
from callengine.edge.messages.message import Message

_ASKED = {
    401: ("www-authenticate", "authorization"),
    407: ("proxy-authenticate", "proxy-authorization"),
}


def credentials(
    response: Message, *, username: str, password: str, method: str, uri: str
) -> tuple[str, str] | None:
    """Return the header that answers a response's challenge, or None if none can be answered.

    It is for a request without a body.
    """
    if response.code not in _ASKED or not password:
        return None
    asked, answered = _ASKED[response.code]
    challenges = filter(None, map(read_challenge, response.headers.get(asked, ())[:8]))
    challenge = next(challenges, None)
    if challenge is None:
        return None
    open_answer = Answer(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm or "MD5",
        qop=challenge.qop,
        nc="00000001",
        cnonce=secrets.token_hex(8),
    )
    return answered, written(open_answer, password=password, method=method, opaque=challenge.opaque)
