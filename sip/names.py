"""Names of SIP users, trunks and voice agents: what is allowed in them."""

import re

SIP_USER_FORM = "1 to 64 of A-Z a-z 0-9 . _ + -"
SIP_USER = re.compile(r"\A[A-Za-z0-9._+-]{1,64}\Z")

PARTY_NAME_FORM = "1 to 100 of A-Z a-z 0-9 . _ - and spaces, a letter or digit first"
PARTY_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._ -]{0,99}\Z")
"What a trunk or a voice agent is called, also in files and in labels such as `trunk:carrier-one`."

_USER_OF_URI = re.compile(r"[^:]*\bsips?:[^@:]*:", re.IGNORECASE)


def without_password(uri: str) -> str:
    """Return one SIP URI with the password some phones write behind the user masked."""
    before, at, after = uri.rpartition("@")
    user = _USER_OF_URI.match(before)
    return f"{user.group()}***@{after}" if at and user else uri
