"""Why no audio can come of a description, though nothing is wrong with its codecs. Pure."""

import re
from collections.abc import Sequence
from enum import Enum

from callengine.core import standins
from callengine.core.description import Media, SessionDescription, read
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.reasons import Reason
from sip.srtp import Srtp


class Obstacle(Enum):
    """What stands in the way: its reason, what was said, and how to mend it."""

    ENCRYPTED = (
        Reason.MEDIA_ENCRYPTION_UNSUPPORTED,
        "encrypted audio alone (SRTP, {detail}), and SRTP is off here",
        "Set SRTP to allowed where its connection or trunk is set up, or turn it off there.",
    )
    NO_KEY = (
        Reason.MEDIA_ENCRYPTION_UNSUPPORTED,
        "encrypted audio alone (SRTP) without a key (a=crypto) that can be used: {detail}",
        "Have the device use SDES with AES_CM_128_HMAC_SHA1_80.",
    )
    DTLS = (
        Reason.MEDIA_ENCRYPTION_UNSUPPORTED,
        "audio encrypted with DTLS-SRTP alone ({detail}), which is not supported",
        "Have the device use SDES keys for SRTP, or plain RTP.",
    )
    NOT_ENCRYPTED = (
        Reason.MEDIA_NOT_ENCRYPTED,
        "audio that is not encrypted ({detail}), and SRTP is required here",
        "Turn on SRTP with SDES keys at the device, or set SRTP to allowed where its connection "
        "or trunk is set up.",
    )
    AGENT = (
        Reason.MEDIA_ENCRYPTION_UNSUPPORTED,
        "audio that must be encrypted ({detail}), and voice agents hear SIP callers in plain RTP "
        "alone",
        "Have SRTP optional at the device, and allowed, not required, where it is set up here.",
    )
    TRANSPORT = (
        Reason.MEDIA_TRANSPORT_UNSUPPORTED,
        "audio over {detail} alone, which is not supported",
        "Have the device use plain RTP/AVP.",
    )
    IPV6 = (
        Reason.MEDIA_OVER_IPV6_UNSUPPORTED,
        "an IPv6 address for its audio that none can be sent to from here ({detail})",
        "Give the device an address that this machine has a route to, or have it prefer IPv4.",
    )
    ADDRESS = (
        Reason.MEDIA_TRANSPORT_UNSUPPORTED,
        "audio at {detail}, which is not the IP address of one host",
        "Have the device write its own IP address into its descriptions (c=).",
    )
    OFF = (
        Reason.NO_AUDIO,
        "no audio line that is switched on",
        "Look at what the device is set to send: its media may be off, or video alone.",
    )
    NO_DESCRIPTION = (
        "no-session-description",
        "no session description (SDP) that can be used, so that there is no audio",
        "Look at the message on the ladder, and at the device's settings for SDP and late offers.",
    )

    @property
    def reason(self) -> Reason:
        """By what a call is ended for it."""
        reason: Reason = self.value[0]
        return reason


_NOTED = re.compile(r"x-obstacle:([A-Z0-9_]{1,20}) ([ -~]{0,300})")


def noted(hindrance: Obstacle, detail: str) -> str:
    """Return the line with which the edge tells a call process of an obstacle."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in detail)
    return f"a=x-obstacle:{hindrance.name} {plain[:300]}"


def obstacle(sdp: str, srtp: Srtp = Srtp.ALLOWED) -> tuple[Obstacle, str] | None:
    """Return what keeps a description from bringing audio, and what its words need to know.

    None if it has a usable audio line, whatever codecs stand there. Raises SdpError.
    """
    return obstacle_in(read(sdp), srtp)


def obstacle_in(description: SessionDescription, srtp: Srtp) -> tuple[Obstacle, str] | None:
    """Return what `obstacle` does of a description that has been read. Raises SdpError."""
    if description.audio_index_for(srtp) is not None:
        return None
    audio = [media for media in description.media if media.kind == "audio"]
    # Port 0 is a stream that is off (RFC 3264 section 5.1).
    if not (on := [media for media in audio if media.port] or audio):
        return Obstacle.OFF, ""
    told = (_NOTED.fullmatch(attribute) for media in audio for attribute in media.attributes)
    if (match := next(filter(None, told), None)) and match[1] in Obstacle.__members__:
        return Obstacle[match[1]], match[2]
    plain = [media for media in on if media.profile and not media.profile.is_secure]
    if not plain:
        return _transport(on[0], description.session, srtp)
    if not plain[0].port:  # whatever else stands there
        return Obstacle.OFF, plain[0].transport
    if not standins.is_for_one(address := description.address_of(plain[0])):
        return (Obstacle.IPV6 if standins.is_ipv6(address) else Obstacle.ADDRESS), address
    if srtp is Srtp.REQUIRED or plain[0].lacks_key:
        why = plain[0].unusable_crypto
        return (Obstacle.NO_KEY, why[0]) if why else (Obstacle.NOT_ENCRYPTED, plain[0].transport)
    return Obstacle.OFF, plain[0].transport


def _transport(media: Media, session: Sequence[str], srtp: Srtp) -> tuple[Obstacle, str]:
    if media.profile:
        if srtp is Srtp.OFF:
            return Obstacle.ENCRYPTED, media.transport
        misplaced = any(line[:9].lower() == "a=crypto:" for line in session)
        none = "it stands before the audio line, not below it" if misplaced else "there is none"
        return Obstacle.NO_KEY, next(iter(media.unusable_crypto), none)
    # RFC 5764
    is_dtls = "TLS" in media.transport and "SAVP" in media.transport
    return (Obstacle.DTLS if is_dtls else Obstacle.TRANSPORT), media.transport


def sentence(hindrance: Obstacle, detail: str, *, who: str, verb: str) -> str:
    """Return what somebody did and what to do about it: "The caller offered ..."."""
    _, what, mend = hindrance.value
    return f"{who} {verb} {what.format(detail=detail)}. {mend}"


def declined(hindrance: Obstacle, detail: str) -> Termination:
    """Return the termination of a call whose offer nothing can be made of."""
    advice = sentence(hindrance, detail, who="The caller", verb="offered")
    return Termination("engine", hindrance.reason, 488, advice)


def declined_by_agent(who: str, why: str) -> Termination:
    """Return the termination where only an agent could be talked to, by who must be encrypted."""
    advice = sentence(Obstacle.AGENT, why, who=who, verb="has")
    return Termination("engine", Obstacle.AGENT.reason, 488, advice)


def without_media(by: EndedBy, label: str, why: str) -> Termination:
    """Return the termination of a call one party of which agreed on no audio."""
    return Termination(by, Reason(f"{by}-without-media"), 488, f"{label} {why}")


def lacking(answer: str) -> str:
    """Return what an answer lacks that has no usable audio: "answered with ..."; '' for nothing.

    Raises SdpError.
    """
    lack = obstacle(answer) if answer else (Obstacle.NO_DESCRIPTION, "")
    return "" if lack is None else sentence(*lack, who="", verb="answered with").strip()
