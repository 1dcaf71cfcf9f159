"""Durations of the telephone-events we send, in the clock of their own payload type.

pjmedia counts them in the clock of the stream's codec. Beside OPUS (48000 Hz) a phone that knows
telephone-event/8000 alone would take a key of 0.2 s for one of 1.2 s, growing by 0.12 s every
0.02 s, and many then hear none. So the packets of such a stream pass through us on their way out.
"""

from collections.abc import Mapping
from typing import Any

from callengine.worker.native import libraries
from callengine.worker.native.libraries import ffi
from callengine.worker.plugins.callbacks import callback

_HEADER_BYTES, _EVENT_BYTES = 12, 4
_LONGEST = 0xFFFF

Scales = Mapping[int, tuple[int, int]]
"Payload type -> clock rate of the event and of the codec, in Hz."

_scales: dict[int, Scales] = {}
"What to do for each transport, by its address."
_tables: dict[int, tuple[Any, Any]] = {}
"Our copy of a transport's functions, and the callback in it, by the address of its own table."


def scale_event_durations(stream: int, scales: Scales) -> int:
    """Have events of these payload types count in their own clock; return the transport.

    `stream` is the address of a pjmedia_stream. What is returned is for `forget_transport`.
    """
    api = libraries.pjmedia()
    transport = api.pjmedia_stream_get_transport(ffi.cast("pjmedia_stream *", stream))
    address = _address(transport)
    _scales[address] = dict(scales)
    if _address(transport.op.send_rtp) not in _ours():
        transport.op = _patched(transport.op)
    return address


def forget_transport(transport: int) -> None:
    """Leave a transport's packets as they are, before it is gone."""
    _scales.pop(transport, None)


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _ours() -> set[int]:
    return {_address(sender) for _, sender in _tables.values()}


def _patched(original: Any) -> Any:
    key = _address(original)
    if key not in _tables:
        table = ffi.new("pjmedia_transport_op *")
        ffi.memmove(table, original, ffi.sizeof("pjmedia_transport_op"))
        send = original.send_rtp

        def scaled(transport: Any, packet: Any, size: int) -> int:
            _scale(transport, packet, size)
            status: int = send(transport, packet, size)
            return status

        sender = callback("pjmedia_send_rtp *", scaled, name="event-clock", per_packet=True)
        table.send_rtp = sender
        _tables[key] = (table, sender)
    return _tables[key][0]


def _scale(transport: Any, packet: Any, size: int) -> None:
    if size != _HEADER_BYTES + _EVENT_BYTES:
        return
    octets = ffi.cast("uint8_t *", packet)
    scales = _scales.get(_address(transport), {})
    if (scale := scales.get(octets[1] & 0x7F)) is not None:
        event_hz, codec_hz = scale
        duration = (octets[14] << 8 | octets[15]) * event_hz // codec_hz
        octets[14], octets[15] = divmod(min(duration, _LONGEST), 256)
