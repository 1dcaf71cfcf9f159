"""A pjmedia codec factory in Python: one for each codec, an instance for each stream.

pjmedia calls encode, decode, parse and recover 50 times a second from its own threads. They are C
where the media extension is loaded. Else they are Python, which takes the GIL for each call, so
those paths allocate little and call nothing they need not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callengine.worker.native.libraries import (
    FAILED,
    FORMAT_L16,
    FRAME_AUDIO,
    SUCCESS,
    TYPE_AUDIO,
    ffi,
    text,
)
from callengine.worker.plugins.callbacks import callback
from callengine.worker.plugins.compiled import PER_PACKET, CompiledInstance, operations
from callengine.worker.plugins.instances import Instance

PACKET_MS = 20


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """One payload type offered in SDP, with the fmtp value it is offered with."""

    payload_type: int
    fmtp: str


@dataclass(frozen=True, slots=True)
class Description:
    """What pjmedia is told about a codec."""

    name: str
    encoding_name: str
    rtp_clock_rate_hz: int
    sdp_channels: int
    rates_hz: tuple[int, ...]
    audio_rate_hz: int
    bit_rate_bps: int
    max_bit_rate_bps: int
    max_frame_bytes: int
    formats: Sequence[PayloadFormat]
    create: Callable[[], Instance]
    in_c: str
    "What the extension calls it."
    frame_ms: int = PACKET_MS
    "Of one frame; a packet of PACKET_MS holds as many as fit."


class Factory:
    """Hold a pjmedia_codec_factory and all it points to; must outlive the pjmedia endpoint."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._open: dict[int, tuple[Any, Any, Any, Instance]] = {}
        self._lower = description.encoding_name.lower()
        self._parameters: dict[int, Any] = {}
        "By payload type."
        self._name = ffi.new("char[]", description.encoding_name.encode())
        self._fmtp = {f.payload_type: _fmtp_strings(f.fmtp) for f in description.formats}
        self._codec_op = ffi.new("pjmedia_codec_op *", self._codec_callbacks())
        self._factory_op = ffi.new("pjmedia_codec_factory_op *", self._factory_callbacks())
        self.struct = ffi.new("pjmedia_codec_factory *")
        self.struct.op = self._factory_op

    @property
    def instances(self) -> int:
        """How many codecs pjmedia holds at the moment."""
        return len(self._open)

    def _callback(self, table: str, name: str, function: Callable[..., int]) -> Any:
        fields = dict(ffi.typeof(table).fields)
        return callback(
            fields[name].type,
            function,
            name=f"{self._description.name}.{name}",
            per_packet=name in PER_PACKET,
        )

    def _factory_callbacks(self) -> list[Any]:
        functions: dict[str, Callable[..., int]] = {
            "test_alloc": self._test_alloc,
            "default_attr": self._default_attr,
            "enum_info": self._enum_info,
            "alloc_codec": self._alloc_codec,
            "dealloc_codec": self._dealloc_codec,
            "destroy": lambda: SUCCESS,
        }
        table = "pjmedia_codec_factory_op"
        self._factory_functions = [self._callback(table, n, f) for n, f in functions.items()]
        return self._factory_functions

    def _test_alloc(self, _factory: Any, info: Any) -> int:
        wanted = self._description
        name = info.encoding_name  # of every codec that pjmedia looks for: most differ in length
        is_it = name.slen == len(self._lower) and text(name).lower() == self._lower
        # A peer's maxplaybackrate reaches pjmedia as the stream's rate, whatever its value.
        return SUCCESS if is_it and info.clock_rate in wanted.rates_hz else FAILED

    def _default_attr(self, _factory: Any, info: Any, param: Any) -> int:
        written = self._parameters.get(info.pt)
        if written is None:
            written = self._parameters[info.pt] = self._default_parameters(info.pt)
        ffi.memmove(param, written, ffi.sizeof(written[0]))
        return SUCCESS

    def _default_parameters(self, payload_type: int) -> Any:
        """Return a pjmedia_codec_param; pjmedia asks for that of each codec in each call."""
        param = ffi.new("pjmedia_codec_param *")
        description, to = self._description, param.info
        to.pt, to.clock_rate, to.channel_cnt = payload_type, description.audio_rate_hz, 1
        to.avg_bps, to.max_bps = description.bit_rate_bps, description.max_bit_rate_bps
        to.max_rx_frame_size = description.max_frame_bytes
        to.frm_ptime, to.pcm_bits_per_sample, to.fmt_id = description.frame_ms, 16, FORMAT_L16
        param.setting.frm_per_pkt = PACKET_MS // description.frame_ms
        param.setting.plc = 1
        _, pairs = self._fmtp.get(payload_type) or next(iter(self._fmtp.values()))
        fmtp = param.setting.dec_fmtp
        fmtp.cnt = len(pairs)
        for index, (name, value) in enumerate(pairs):
            _point(fmtp.param[index].name, name)
            _point(fmtp.param[index].val, value)
        return param

    def _enum_info(self, _factory: Any, count: Any, infos: Any) -> int:
        formats = self._description.formats[: count[0]]
        count[0] = len(formats)
        for index, one in enumerate(formats):
            to = infos[index]
            to.type, to.pt = TYPE_AUDIO, one.payload_type
            _point(to.encoding_name, self._name)
            to.clock_rate = self._description.rtp_clock_rate_hz
            to.channel_cnt = self._description.sdp_channels
        return SUCCESS

    def _alloc_codec(self, factory: Any, _info: Any, codec_out: Any) -> int:
        instance = self._description.create()
        handle = ffi.new_handle(instance)
        state = ffi.new("vn_codec *")
        if isinstance(instance, CompiledInstance):
            state = instance.state
        ffi.cast("vn_codec *", state).instance = handle
        codec = ffi.new("pjmedia_codec *")
        codec.codec_data, codec.factory, codec.op = state, factory, self._codec_op
        self._open[int(ffi.cast("uintptr_t", codec))] = (codec, state, handle, instance)
        codec_out[0] = codec
        return SUCCESS

    def _dealloc_codec(self, _factory: Any, codec: Any) -> int:
        held = self._open.pop(int(ffi.cast("uintptr_t", codec)), None)
        if held is not None:
            held[-1].close()
        return SUCCESS

    def _codec_callbacks(self) -> list[Any]:
        table, in_c = "pjmedia_codec_op", operations(self._description.in_c)
        self._codec_functions = [
            getattr(in_c, name)
            if in_c is not None and name in PER_PACKET
            else self._callback(table, name, function)
            for name, function in _OPERATIONS.items()
        ]
        return self._codec_functions


def _open(codec: Any, param: Any) -> int:
    return _instance_of(codec).open(param)


def _close(codec: Any) -> int:
    _instance_of(codec).close()
    return SUCCESS


def _parse(codec: Any, packet: Any, size: int, at: Any, count: Any, frames: Any) -> int:
    room, count[0] = count[0], 0
    count[0] = _instance_of(codec).parse(packet, size, at.u64, room, frames)
    return SUCCESS if count[0] else FAILED


def _encode(codec: Any, frame: Any, out_size: int, out: Any) -> int:
    return _instance_of(codec).encode(frame, out_size, out)


def _decode(codec: Any, frame: Any, out_size: int, out: Any) -> int:
    return _instance_of(codec).decode(frame, out_size, out)


def _recover(codec: Any, out_size: int, out: Any) -> int:
    return _instance_of(codec).recover(out_size, out)


def _instance_of(codec: Any) -> Instance:
    instance: Instance = ffi.from_handle(ffi.cast("vn_codec *", codec.codec_data).instance)
    return instance


_OPERATIONS: Mapping[str, Callable[..., int]] = {
    "init": lambda _codec, _pool: SUCCESS,
    "open": _open,
    "close": _close,
    "modify": lambda _codec, _param: SUCCESS,
    "parse": _parse,
    "encode": _encode,
    "decode": _decode,
    "recover": _recover,
}
"""The functions of a pjmedia_codec_op, in its order."""


def fmtp_of(fmtp: Any) -> dict[str, str]:
    """Return a pjmedia_codec_fmtp as a dictionary, names in lower case."""
    pairs = (fmtp.param[index] for index in range(min(fmtp.cnt, 16)))
    return {text(pair.name).lower(): text(pair.val) for pair in pairs}


def silence(out: Any, size: int) -> int:
    """Fill a frame with `size` bytes of silence."""
    ffi.memmove(out.buf, bytes(size), size)
    out.type, out.size = FRAME_AUDIO, size
    return SUCCESS


def _fmtp_strings(fmtp: str) -> tuple[str, list[tuple[Any, Any]]]:
    pairs = (item.partition("=") for item in fmtp.split(";") if item)
    return fmtp, [
        (ffi.new("char[]", name.encode()), ffi.new("char[]", value.encode()))
        for name, _, value in pairs
    ]


def _point(target: Any, characters: Any) -> None:
    target.ptr, target.slen = characters, len(characters) - 1
