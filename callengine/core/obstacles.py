"""Why no audio can come of a description, though nothing is wrong with its codecs. Pure."""

from enum import Enum

from callengine.core.description import PLAIN_TRANSPORT, Media, is_ipv6, read
from callengine.core.outcomes import EndedBy, Termination
from callengine.core.reasons import Reason


class Obstacle(Enum):
    """What stands in the way: its reason, what was said, and how to mend it."""

    ENCRYPTED = (
        Reason.MEDIA_ENCRYPTION_UNSUPPORTED,
        "encrypted audio alone (SRTP, {transport}); that transport is not supported yet",
        "Turn SRTP off there, or make it optional.",
    )
    FEEDBACK = (
        Reason.MEDIA_FEEDBACK_UNSUPPORTED,
        "audio with the feedback profile alone ({transport}); that transport is not supported yet",
        "Have the device use plain RTP/AVP.",
    )
    TRANSPORT = (
        Reason.MEDIA_TRANSPORT_UNSUPPORTED,
        "audio over {transport} alone, which is not supported",
        "Have the device use plain RTP/AVP.",
    )
    IPV6 = (
        Reason.MEDIA_OVER_IPV6_UNSUPPORTED,
        "an IPv6 address for its audio, and audio goes over IPv4 here",
        "Give the device an IPv4 address, or have it prefer IPv4.",
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


def obstacle(sdp: str) -> tuple[Obstacle, str] | None:
    """Return what keeps a description from bringing audio, and the transport it names.

    None if it has a usable audio line, whatever codecs stand there. Raises SdpError.
    """
    description = read(sdp)
    if description.audio_index is not None:
        return None
    audio = [media for media in description.media if media.kind == "audio"]
    # Port 0 is a stream that is off (RFC 3264 section 5.1).
    if not (on := [media for media in audio if media.port] or audio):
        return Obstacle.OFF, ""
    plain = [media for media in on if media.transport == PLAIN_TRANSPORT]
    if plain:
        ipv6 = is_ipv6(description.address_of(plain[0]))
        return (Obstacle.IPV6 if ipv6 else Obstacle.OFF), PLAIN_TRANSPORT
    return _transport(on[0]), on[0].transport


def _transport(media: Media) -> Obstacle:
    if "SAVP" in media.transport:  # RFC 3711, RFC 5124
        return Obstacle.ENCRYPTED
    # RFC 4585
    return Obstacle.FEEDBACK if "AVPF" in media.transport else Obstacle.TRANSPORT


def sentence(hindrance: Obstacle, transport: str, *, who: str, verb: str) -> str:
    """Return what somebody did and what to do about it: "The caller offered ..."."""
    _, what, mend = hindrance.value
    return f"{who} {verb} {what.format(transport=transport)}. {mend}"


def declined(hindrance: Obstacle, transport: str) -> Termination:
    """Return the termination of a call whose offer nothing can be made of."""
    advice = sentence(hindrance, transport, who="The caller", verb="offered")
    return Termination("engine", hindrance.reason, 488, advice)


def without_media(by: EndedBy, label: str, why: str) -> Termination:
    """Return the termination of a call one party of which agreed on no audio."""
    return Termination(by, Reason(f"{by}-without-media"), 488, f"{label} {why}")


def lacking(answer: str) -> str:
    """Return what an answer lacks that has no usable audio: "answered with ..."; '' for nothing.

    Raises SdpError.
    """
    lack = obstacle(answer) if answer else (Obstacle.NO_DESCRIPTION, "")
    return "" if lack is None else sentence(*lack, who="", verb="answered with").strip()
