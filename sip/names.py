"""Names of SIP users: what is allowed in them."""

import re

SIP_USER_FORM = "1 to 64 of A-Z a-z 0-9 . _ + -"
SIP_USER = re.compile(r"\A[A-Za-z0-9._+-]{1,64}\Z")

_USER_OF_URI = re.compile(r"[^:]*\bsips?:[^@:]*:", re.IGNORECASE)


def without_password(uri: str) -> str:
    """Return one SIP URI with the password some phones write behind the user masked."""
    before, at, after = uri.rpartition("@")
    user = _USER_OF_URI.match(before)
    return f"{user.group()}***@{after}" if at and user else uri
