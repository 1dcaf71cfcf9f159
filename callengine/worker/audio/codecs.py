"""The codecs of a caller, driven one packet at a time: payloads to 16-bit samples, and back."""

from collections import deque
from typing import Any, Protocol

from audiocodecs import g711
from callengine.worker.audio.concealment import Concealment
from callengine.worker.native.libraries import FRAME_AUDIO, SUCCESS, ffi
from callengine.worker.plugins.instances import Instance

MAX_CONCEALED_MS = 100
"What is lost beyond this is silence: going on longer with what was heard would be an invention."
MAX_PACKET_MS = 320
MAX_PAYLOAD_BYTES = 1400
"Of what is sent."
MAX_HEARD_BYTES = 1500
"Of what is decoded: no datagram that is read is longer."
MAX_FRAMES = 16
_G711_RATE_HZ = 8000
_G711_HISTORY = 3


class VoiceCodec(Protocol):
    """Encoder and decoder of one stream; samples are 16-bit mono, native order, as bytes."""

    rate_hz: int
    "Of the samples."

    def decode(self, payload: bytes) -> bytes:
        """Return the samples of a payload; nothing if it is none."""

    def conceal(self, ms: int, following: bytes = b"") -> bytes:
        """Return samples for `ms` that are lost; `following` is the payload after them, if any."""

    def encode(self, samples: bytes) -> bytes:
        """Return the payload of samples, a whole number of its frames."""

    def close(self) -> None:
        """Free what it holds; a second call does nothing."""


class G711Codec:
    """PCMU or PCMA, by table."""

    rate_hz = _G711_RATE_HZ

    def __init__(self, name: str) -> None:
        self.name = name
        self._heard: deque[bytes] = deque(maxlen=_G711_HISTORY)
        self._concealment = Concealment(self.rate_hz)
        self.note = self._heard.append
        "Takes a payload that is not decoded: a loss may follow it."

    def decode(self, payload: bytes) -> bytes:
        """Return its samples."""
        self._heard.append(payload)
        return g711.linear(self.name, payload).tobytes()

    def conceal(self, ms: int, following: bytes = b"") -> bytes:
        """Go on with what was heard last."""
        concealed = min(ms, MAX_CONCEALED_MS) if self._heard else 0
        history = g711.linear(self.name, b"".join(self._heard)).tobytes()
        made = self._concealment.fill(history, concealed)
        return made + bytes(ms * self.rate_hz // 1000 * 2 - len(made))

    def encode(self, samples: bytes) -> bytes:
        """Return the nearest there is of each sample."""
        return g711.compressed(self.name, memoryview(samples).cast("h"))

    def close(self) -> None:
        """Free the concealment."""
        self._concealment.close()


class FramedCodec:
    """Any codec that is driven as pjmedia drives one: plug-ins of ours, and pjmedia's own."""

    def __init__(self, instance: Instance, rate_hz: int, clock_hz: int) -> None:
        """`instance` is open; samples have `rate_hz`, RTP timestamps count `clock_hz`."""
        self.rate_hz = rate_hz
        self._instance = instance
        self._per_ms = clock_hz // 1000
        self._at = 0
        self._room = MAX_PACKET_MS * rate_hz // 1000 * 2
        self._samples = ffi.new("uint8_t[]", self._room)
        self._packet = ffi.new("uint8_t[]", MAX_HEARD_BYTES)
        # Views of both, made once: bytes are copied in and out without a call.
        self._samples_view = ffi.buffer(self._samples)
        self._packet_view = ffi.buffer(self._packet)
        self._frames = ffi.new("pjmedia_frame[16]")
        self._in = ffi.new("pjmedia_frame *", {"type": FRAME_AUDIO})
        self._out = ffi.new("pjmedia_frame *")

    def decode(self, payload: bytes) -> bytes:
        """Return its samples; a frame that cannot be decoded is concealed."""
        count = self._parse(payload, self._at)
        done = 0
        for index in range(count):
            done += self._decode(self._frames + index, done)
        self._at += done * self._per_ms * 1000 // (self.rate_hz * 2)
        samples: bytes = self._samples_view[:done]
        return samples

    def _parse(self, payload: bytes, at: int) -> int:
        size = len(payload)
        if not 0 < size <= MAX_HEARD_BYTES:
            return 0
        self._packet_view[:size] = payload
        return self._instance.parse(self._packet, size, at, MAX_FRAMES, self._frames)

    def _decode(self, frame: Any, done: int) -> int:
        out, room = self._out, self._room - done
        out.buf, out.size = self._samples + done, 0
        if self._instance.decode(frame, room, out) != SUCCESS:
            out.size = 0
            if self._instance.recover(room, out) != SUCCESS:
                return 0
        return min(int(out.size), room)

    def conceal(self, ms: int, following: bytes = b"") -> bytes:
        """Have the codec guess; OPUS finds a copy of the last frame in the payload that follows."""
        if following:
            self._parse(following, self._at + ms * self._per_ms)
        wanted = ms * self.rate_hz // 1000 * 2
        done, out = 0, self._out
        while done < min(wanted, MAX_CONCEALED_MS * self.rate_hz // 1000 * 2):
            out.buf, out.size = self._samples + done, 0
            if self._instance.recover(self._room - done, out) != SUCCESS or not out.size:
                break
            done += out.size
        self._at += ms * self._per_ms
        samples: bytes = self._samples_view[: min(done, wanted)]
        return samples + bytes(wanted - len(samples))

    def encode(self, samples: bytes) -> bytes:
        """Return the payload of one packet; nothing if the codec refuses the samples."""
        # G.722 of pjmedia scales the samples where they are: never those of a bytes object.
        size = len(samples)
        self._samples_view[:size] = samples
        frame, out = self._in, self._out
        frame.buf, frame.size, out.buf, out.size = self._samples, size, self._packet, 0
        if self._instance.encode(frame, MAX_PAYLOAD_BYTES, out) != SUCCESS:
            return b""
        payload: bytes = self._packet_view[: out.size]
        return payload

    def close(self) -> None:
        """Free the codec."""
        self._instance.close()
