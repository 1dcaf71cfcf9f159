"""The client's side of digest authentication (RFC 7616, RFC 8760), for peers."""

import hashlib
import secrets

import sipmessage

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def credentials(
    response: sipmessage.Response,
    request: sipmessage.Request,
    user: str,
    password: str,
    algorithm: str | None = None,
) -> tuple[str, str] | None:
    """Return the header to add in answer to a challenge: the first that is understood.

    `algorithm` insists on one. None if there is no usable challenge.
    """
    names = {
        401: ("WWW-Authenticate", "Authorization"),
        407: ("Proxy-Authenticate", "Proxy-Authorization"),
    }
    if response.code not in names:
        return None
    asked, answered = names[response.code]
    for value in response.headers.getlist(asked):
        challenge = sipmessage.AuthChallenge.parse(value).parameters
        offered = challenge.get("algorithm", "MD5")
        if offered in HASHES and algorithm in (None, offered):
            return answered, _answer(challenge, offered, request, user, password)
    return None


def _answer(
    challenge: sipmessage.AuthParameters,
    algorithm: str,
    request: sipmessage.Request,
    user: str,
    password: str,
) -> str:
    def digest(text: str) -> str:
        return HASHES[algorithm](text.encode()).hexdigest()

    realm, nonce, uri = challenge["realm"], challenge["nonce"], str(request.uri)
    cnonce, count = secrets.token_hex(8), "00000001"
    ha1 = digest(f"{user}:{realm}:{password}")
    ha2 = digest(f"{request.method}:{uri}")
    parts = {"username": user, "realm": realm, "nonce": nonce, "uri": uri}
    if "auth" in challenge.get("qop", ""):
        parts["response"] = digest(f"{ha1}:{nonce}:{count}:{cnonce}:auth:{ha2}")
        parts |= {"cnonce": cnonce, "qop": "auth", "nc": count}
    else:
        parts["response"] = digest(f"{ha1}:{nonce}:{ha2}")
    if opaque := challenge.get("opaque"):
        parts["opaque"] = opaque
    plain = ("qop", "nc")
    quoted = [f"{k}={v}" if k in plain else f'{k}="{v}"' for k, v in parts.items()]
    return "Digest " + ", ".join([*quoted, f"algorithm={algorithm}"])
