"""Names and passwords of SIP users: what is allowed, and how passwords are kept (RFC 8760)."""

import hashlib
import re

SIP_USER_FORM = "1 to 64 of A-Z a-z 0-9 . _ + -"
SIP_USER = re.compile(r"\A[A-Za-z0-9._+-]{1,64}\Z")

_USER_OF_URI = re.compile(r"[^:]*\bsips?:[^@:]*:", re.IGNORECASE)


def without_password(uri: str) -> str:
    """Return one SIP URI with the password some phones write behind the user masked."""
    before, at, after = uri.rpartition("@")
    user = _USER_OF_URI.match(before)
    return f"{user.group()}***@{after}" if at and user else uri


def digest_ha1(*, username: str, realm: str, password: str) -> tuple[str, str]:
    """Return H(username:realm:password) by MD5 and by SHA-256, lower-case hexadecimal."""
    secret = f"{username}:{realm}:{password}".encode()
    # MD5 is what the phones speak (RFC 3261 section 22.4); whoever can do SHA-256 is asked first.
    md5 = hashlib.md5(secret, usedforsecurity=False).hexdigest()
    return md5, hashlib.sha256(secret).hexdigest()
