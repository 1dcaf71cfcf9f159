"""The session description in a message, as a call process may read it."""

from callengine.core.obstacles import obstacle
from callengine.core.sdp import SdpError, compact
from callengine.edge.messages.bodies import BodyContent, find_sdp
from callengine.edge.messages.received import Received


class BadSdpError(ValueError):
    """A peer's session description cannot be read; the message says what is wrong."""


def description(message: Received) -> BodyContent:
    """Return the session description in a message's body, whatever it is wrapped in."""
    kind = message.get("content-type")
    if message.get("content-encoding").lower() not in ("", "identity"):
        kind = "an encoded body"
    return find_sdp(kind, message.get("content-disposition"), message.body)


def compact_body(message: Received) -> bytes:
    """Return a message's session description cut down to what a call process can read.

    Raises:
        BadSdpError: it is nonsense, or the body must be understood and is not.
    """
    content = description(message)
    if content.must_refuse:
        raise BadSdpError(content.reason)
    if not (content.sdp or b"").strip():
        return b""
    is_answer = bool(message.code) or message.method == "ACK"
    try:
        text = (content.sdp or b"").decode("utf-8", "replace")
        if message.method == "ACK" and obstacle(text):
            return b""  # no answer at all, as far as a call process can do anything with it
        return compact(text, is_answer=is_answer).encode()
    except SdpError as error:
        raise BadSdpError(str(error)) from error
