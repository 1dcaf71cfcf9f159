"""Twilio Media Streams, both ways: we are the carrier, and most servers of agents speak it."""

import hmac
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

from agents.dialects.carrier import FORMAT, CarrierConversation
from agents.dialects.conversation import Message
from agents.dialects.kinds import DialectKind
from agents.dialects.messages import at, base64
from agents.formats import Encoding

_TRACK = "inbound"
"What the caller says."


def call_sid(call_uuid: str) -> str:
    """Return how a call is named to agents; they hang up by it."""
    return f"CA{call_uuid}"


def call_uuid_of(sid: str) -> str:
    """Return the call_uuid of a `call_sid`; empty if it is none."""
    digits = sid.removeprefix("CA")
    is_hexadecimal = len(digits) == 32 and not set(digits) - set("0123456789abcdef")
    return digits if is_hexadecimal and digits != sid else ""


def signature(token: str, url: str) -> str:
    """Return the X-Twilio-Signature of a request that has no parameters."""
    return base64(hmac.digest(token.encode(), url.encode(), sha1))


class Twilio(CarrierConversation):
    """One media stream. All numbers are strings, and each message but the first is numbered."""

    stream_key, play, clear, mark = "streamSid", "media", "clear", "mark"
    number = str

    def credentials(self, now: float) -> list[tuple[str, str]]:
        session = self.session
        return [("X-Twilio-Signature", signature(session.secret, session.url))]

    @property
    def stream_id(self) -> str:
        return f"MZ{self.session.call_uuid}"

    def announcement(self) -> list[Mapping[str, Any]]:
        start = {
            "streamSid": self.stream_id,
            "accountSid": self.session.account,
            "callSid": call_sid(self.session.call_uuid),
            "tracks": [_TRACK],
            "customParameters": self._parameters(),
            "mediaFormat": {
                "encoding": "audio/x-mulaw",
                "sampleRate": FORMAT.sample_rate_hz,
                "channels": 1,
            },
        }
        connected = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        return [connected, self.numbered("start", {"start": start})]

    def _parameters(self) -> dict[str, str]:
        """What we know ourselves goes before what a SIP header claims."""
        session = self.session
        return {
            **session.parameters,
            "From": session.from_user,
            "To": session.to_user,
            "from_number": session.from_user,
            "to_number": session.to_user,
            "sipCallId": session.sip_call_id,
        }

    def media(self, payload: str) -> Mapping[str, Any]:
        media = {
            "track": _TRACK,
            "chunk": str(self.frames + 1),
            "timestamp": str(self.elapsed_ms),
            "payload": payload,
        }
        return self.numbered("media", {"media": media})

    def pressed(self, digit: str) -> Mapping[str, Any]:
        return self.numbered("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    def reached(self, mark: str) -> Mapping[str, Any]:
        return self.numbered("mark", {"mark": {"name": mark}})

    def farewell(self) -> Mapping[str, Any]:
        sids = {"accountSid": self.session.account, "callSid": call_sid(self.session.call_uuid)}
        return self.numbered("stop", {"stop": sids})

    def mark_name(self, message: Message) -> object:
        return at(message, "mark", "name")


KIND = Twilio.kind = DialectKind(
    name="twilio",
    label="Twilio Media Streams",
    about="We are the carrier: for servers made to be called by Twilio, such as pipecat's.",
    url_example="wss://agent.example.com/ws",
    make=Twilio,
    settings=frozenset({"secret", "headers"}),
    inputs=(Encoding.PCMU,),
    outputs=(Encoding.PCMU,),
    immutable_because="the agent's own server keeps its settings",
    takes_query=False,
    credential="Auth token",
    notes={
        "secret": "Signs the websocket (X-Twilio-Signature), and is the password with which the"
        " agent hangs up by Twilio's REST call.",
        "headers": "Reach the agent as customParameters of the start message.",
    },
)
