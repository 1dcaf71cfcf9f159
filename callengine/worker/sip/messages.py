"""What a leg reads of the messages pjsip shows it: the edge wrote them, from what the peer sent."""

import logging
from dataclasses import dataclass

from callengine.core import sdp
from callengine.worker.rtpguard.guard import HEADER

logger = logging.getLogger(__name__)

MAX_USER_AGENT = 255


@dataclass(frozen=True, slots=True)
class PeerMessage:
    """What one message says of a peer."""

    heard_from: str
    "The host it was heard from; empty if the edge does not say."
    user_agent: str
    "Of User-Agent or Server (RFC 3261 sections 20.41 and 20.35); empty if there is neither."
    is_described: bool
    "Whether it holds a description that can be read."
    audio: sdp.Audio | None
    "What that says of audio."
    allows: str = ""
    "Its Allow: the methods it takes (RFC 3261 section 20.5); empty if it does not say."


def read(message: str) -> PeerMessage:
    """Read a message as pjsip hands it out."""
    head, _, body = message.partition("\r\n\r\n")
    heard_from = user_agent = allows = ""
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        match name.strip().lower():
            case "user-agent" | "server":
                user_agent = value.strip()[:MAX_USER_AGENT]
            case "allow":
                allows = value.strip()
            case header if header == HEADER:
                heard_from = value.strip()
    is_described, audio = _described(body)
    return PeerMessage(heard_from, user_agent, is_described, audio, allows)


def body(message: str) -> str:
    """Return the description a message carries; empty if there is none."""
    return message.partition("\r\n\r\n")[2]


def has_audio_line(message: str) -> bool:
    """Tell whether a message describes audio at all."""
    return "\r\nm=audio" in message


def answers_invite(message: str) -> bool:
    """Tell whether a response is one to an INVITE."""
    lines = message.partition("\r\n\r\n")[0].split("\r\n")
    return any(x.lower().startswith("cseq:") and x.endswith("INVITE") for x in lines)


def _described(body: str) -> tuple[bool, sdp.Audio | None]:
    if not has_audio_line(body):
        return False, None
    try:
        return True, sdp.read_audio(body)
    except sdp.SdpError:
        logger.info("a description is nonsense")
        return False, None
