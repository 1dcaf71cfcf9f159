"""SRTP of a scripted phone, by libsrtp: keys it writes into its SDP, and reads in the other's."""

import base64
import os
import re

from pylibsrtp import Error, Policy, Session

from tests.peers.descriptions import audio_section

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
_CRYPTO = re.compile(r"a=crypto:(\d+) (\w+) inline:([A-Za-z0-9+/=]+)")


def new_key() -> str:
    """Return a master key and salt, in base64."""
    return base64.b64encode(os.urandom(30)).decode()


def with_key(sdp: str, key: str, suite: str = "AES_CM_128_HMAC_SHA1_80", *, tag: int = 1) -> str:
    """Return a description with an a=crypto of this key."""
    return f"{sdp.rstrip()}\r\na=crypto:{tag} {suite} inline:{key}\r\n"


def keys_in(sdp: str) -> list[tuple[int, str, str]]:
    """Return tag, suite and key of each a=crypto."""
    return [(int(tag), suite, key) for tag, suite, key in _CRYPTO.findall(sdp)]


def offered(sdp: str, profile: str) -> str:
    """Return an offer in this profile, with a new key."""
    return with_key(sdp.replace(" RTP/AVP ", f" {profile} "), new_key())


def answered(sdp: str, offer: str) -> str:
    """Return an answer in the offer's profile, with a new key if the offer has one."""
    profile = audio_section(offer)[0].split()[2]
    sdp = sdp.replace(" RTP/AVP ", f" {profile} ")
    keys = keys_in(offer)
    return with_key(sdp, new_key(), keys[0][1], tag=keys[0][0]) if keys else sdp


class Cipher:
    """Both directions of one stream."""

    def __init__(self, ours: str, theirs: str, suite: str = "AES_CM_128_HMAC_SHA1_80") -> None:
        self.keys = ours, theirs, suite
        self._out = _session(ours, suite, Policy.SSRC_ANY_OUTBOUND)
        self._in = _session(theirs, suite, Policy.SSRC_ANY_INBOUND)
        self.refused = 0
        "Packets that this key does not open."

    def sealed(self, packet: bytes) -> bytes:
        return bytes(self._out.protect(packet))

    def opened(self, packet: bytes) -> bytes | None:
        try:
            return bytes(self._in.unprotect(packet))
        except Error:
            self.refused += 1
            return None


def agreed(ours: str, theirs: str, before: Cipher | None = None) -> Cipher | None:
    """Return what both descriptions of one call make; `before` itself if nothing has changed."""
    mine, others = keys_in(ours), keys_in(theirs)
    pairs = [
        (my_key, other, suite)
        for tag, suite, my_key in mine
        for its_tag, its_suite, other in others
        if (tag, suite) == (its_tag, its_suite)
    ]
    if not pairs:
        return None
    return before if before and before.keys == pairs[0] else Cipher(*pairs[0])


def _session(key: str, suite: str, direction: int) -> Session:
    policy = Policy(key=base64.b64decode(key), ssrc_type=direction, srtp_profile=SUITES[suite])
    return Session(policy)
