"""Plivo's audio streams, which Vobiz speaks as well: we are the carrier."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from agents.dialects.carrier import FORMAT, CarrierConversation
from agents.dialects.conversation import Message
from agents.dialects.interface import Effect, Odd, Session
from agents.dialects.kinds import DialectKind
from agents.dialects.messages import OddMessageError, at, base64
from agents.formats import Encoding

_CONTENT_TYPE = "audio/x-mulaw"


def signature(token: str, url: str, nonce: str) -> str:
    """Return the X-Plivo-Signature-V3 of a request that has no parameters but its URL's."""
    parts = urlsplit(url)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query)))
    signed = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
    return base64(hmac.digest(token.encode(), f"{signed}.{nonce}".encode(), sha256))


class Plivo(CarrierConversation):
    """One audio stream. It begins with `start`; our messages are numbered by integers."""

    stream_key, play, clear, mark = "streamId", "playAudio", "clearAudio", "checkpoint"
    tells_cleared = False

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.handlers = {**self.handlers, "sendDTMF": self._keys}

    def _keys(self, message: Message, now: float) -> tuple[Effect]:
        return (Odd("sendDTMF: no keys are sent to callers"),)

    def credentials(self, now: float) -> list[tuple[str, str]]:
        # Never the same twice, and nothing needs to be kept for it.
        nonce = f"{self.session.call_uuid}{int(now * 1000)}"
        return [
            ("X-Plivo-Signature-V3-Nonce", nonce),
            ("X-Plivo-Signature-V3", signature(self.session.secret, self.session.url, nonce)),
        ]

    @property
    def stream_id(self) -> str:
        return self.session.call_uuid

    def announcement(self) -> list[Mapping[str, Any]]:
        session = self.session
        start = {
            "callId": session.call_uuid,
            "streamId": self.stream_id,
            "accountId": session.account,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": _CONTENT_TYPE, "sampleRate": FORMAT.sample_rate_hz},
        }
        return [self.numbered("start", {"start": start, "extra_headers": self._headers()})]

    def _headers(self) -> str:
        """Return `name=value;name=value`; what would end a value early becomes a space."""
        session = self.session
        ours = {"From": session.from_user, "To": session.to_user, "sipCallId": session.sip_call_id}
        pairs = {**session.parameters, **ours}.items()
        return ";".join(f"{name}={value}".replace(";", " ") for name, value in pairs)

    def media(self, payload: str) -> Mapping[str, Any]:
        media = {
            "track": "inbound",
            "timestamp": str(self.elapsed_ms),
            "chunk": self.frames + 1,
            "payload": payload,
        }
        return self.numbered("media", {"media": media})

    def pressed(self, digit: str) -> Mapping[str, Any]:
        return self.numbered("dtmf", {"dtmf": {"track": "inbound", "digit": digit}})

    def reached(self, mark: str) -> Mapping[str, Any]:
        return self.numbered("playedStream", {"name": mark})

    def farewell(self) -> Mapping[str, Any]:
        return self.numbered("stop", {})

    def flushed(self, played_ms: Mapping[str, float]) -> list[Effect]:
        return [] if self.is_over else [self._send(self.numbered("clearedAudio", {}))]

    def mark_name(self, message: Message) -> object:
        return message.get("name")

    def check_media(self, message: Message) -> None:
        named = at(message, "media", "contentType"), at(message, "media", "sampleRate")
        kind, rate = (str(value or "").partition(";")[0].strip().lower() for value in named)
        is_ours = kind in ("", _CONTENT_TYPE) and rate in ("", str(FORMAT.sample_rate_hz))
        if not is_ours:
            raise OddMessageError(f"audio that is not {_CONTENT_TYPE} at {FORMAT.sample_rate_hz}")


KIND = Plivo.kind = DialectKind(
    name="plivo",
    label="Plivo / Vobiz audio streams",
    about="We are the carrier: for servers made to be called by Plivo or Vobiz.",
    url_example="wss://agent.example.com/stream",
    make=Plivo,
    settings=frozenset({"secret", "headers"}),
    inputs=(Encoding.PCMU,),
    outputs=(Encoding.PCMU,),
    immutable_because="the agent's own server keeps its settings",
    credential="Auth token",
    notes={
        "secret": "Signs the websocket (X-Plivo-Signature-V3).",
        "headers": "Reach the agent in extra_headers of the start message.",
    },
)
