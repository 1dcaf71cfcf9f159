"""SDES-SRTP of a leg: what is asked of it, which keys of a description can be used. Pure.

RFC 3711 (SRTP), RFC 4568 (a=crypto), RFC 8643 (keys offered beside plain RTP/AVP). pjmedia does the
encryption; what it is shown of a peer's keys is what stands here, written our way. Nothing here
may be put into a log, an exception or a page but suites and sentences: a key is a key.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
}
"""Suite -> bytes of its key and salt, in the order of our offers.

The one every device knows comes first: some look at the first alone.
"""
SECURE_USER = "srtp"
"Whom the edge writes into To where the audio of a leg may be encrypted."
MAX_LINES = 8
"Of one description that are looked at; pjmedia holds 16."
_CRYPTO = re.compile(
    r"crypto:(\d{1,9}) +([A-Za-z0-9_]{1,40}) +inline:([A-Za-z0-9+/=]{1,128})"
    r"(\|[0-9^]{1,12})?(\|[0-9]{1,10}:[0-9]{1,3})?(;[^ ]{0,512})?((?: +[^ ]{1,64}){0,8})",
    re.ASCII | re.IGNORECASE,
)
_HARMLESS = re.compile(r"WSH=\d{1,6}", re.ASCII | re.IGNORECASE)
_NAMED = re.compile(
    r"(KDR|UN(?:ENCRYPTED|AUTHENTICATED)_SRTC?P|FEC_(?:ORDER|KEY))(?:=.*)?", re.IGNORECASE
)
"""Session parameters that have a name in RFC 4568 section 6.3; of what else stands in their place,
or in a suite's, nothing is repeated: it may be a key."""
_SUITE_NAME = re.compile(r"(?=[^_]+_)[A-Z0-9_]{3,32}")


Offered = tuple[int, str]
"Tag and suite of a key."


class Profile(StrEnum):
    """What an audio line may be of (RFC 3551, 4585, 3711, 5124)."""

    AVP = "RTP/AVP"
    AVPF = "RTP/AVPF"
    SAVP = "RTP/SAVP"
    SAVPF = "RTP/SAVPF"

    @property
    def is_secure(self) -> bool:
        """Whether it is of encrypted audio alone."""
        return self in (Profile.SAVP, Profile.SAVPF)


PROFILES = frozenset(Profile)


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One a=crypto that can be used."""

    tag: int
    suite: str
    key: str
    "Base64 of key and salt."

    def __repr__(self) -> str:
        return f"CryptoLine({self.tag}, {self.suite})"

    @property
    def attribute(self) -> str:
        """The line as pjmedia reads it."""
        return f"a=crypto:{self.tag} {self.suite} inline:{self.key}"


def read_crypto(attribute: str) -> CryptoLine | str:
    """Read what follows `a=` of an a=crypto; the reason in words where it cannot be used.

    A lifetime is not kept to: no call sends so many packets that one would end. A key with an MKI
    is not taken, as every packet would carry it; nor is a session that would not be encrypted or
    authenticated in full (section 6.3).
    """
    match = _CRYPTO.fullmatch(attribute.strip())
    if match is None:
        return "it is not of the form `crypto:TAG SUITE inline:KEY`, with a TAG of 1 to 9 digits"
    suite = match[2].upper()
    if suite not in SUITES:
        named = f"the suite {suite}" if _SUITE_NAME.fullmatch(suite) else "its suite"
        return f"{named} is not one of {', '.join(SUITES)}"
    if match[5] or match[6]:
        return "it names a master key identifier (MKI), which is not supported"
    for parameter in match[7].split():
        if not _HARMLESS.fullmatch(parameter):
            asked = _NAMED.fullmatch(parameter)
            what = asked[1].upper() if asked else "a session parameter"
            return f"it asks for {what}, which is not supported"
    if not _is_key(match[3], SUITES[suite]):
        return f"its key is not {SUITES[suite]} bytes in base64, as {suite} needs"
    return CryptoLine(int(match[1]), suite, match[3])


def _is_key(text: str, size: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == size
    except (binascii.Error, ValueError):
        return False


def usable_crypto(
    attributes: Iterable[str], answering: frozenset[Offered] | None = None
) -> tuple[tuple[CryptoLine, ...], tuple[str, ...]]:
    """Return the keys of an audio line that can be used, and why the others cannot be.

    `answering` is what was offered, if the line is an answer's: one of those is used, the first
    (RFC 4568 section 5.1.2).
    """
    lines = [a for a in attributes if a[:7].lower() == "crypto:"][:MAX_LINES]
    readings = [_answering(read_crypto(line), answering) for line in lines]
    usable: dict[int, CryptoLine] = {}
    for line in readings:
        if isinstance(line, CryptoLine):
            usable.setdefault(line.tag, line)
    keys = tuple(usable.values())
    unusable = tuple(why for why in readings if isinstance(why, str))
    return keys if answering is None else keys[:1], unusable


def _answering(line: CryptoLine | str, offered: frozenset[Offered] | None) -> CryptoLine | str:
    if isinstance(line, str) or offered is None or (line.tag, line.suite) in offered:
        return line
    return f"its tag {line.tag} was not offered with {line.suite}"
