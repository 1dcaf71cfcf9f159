"""Codec operations in C, where the media extension is loaded: what is called for each packet.

Python opens and closes codecs and reads fmtp; `worker/native/codecs` encodes, decodes and cuts
packets, on pjmedia's threads without the GIL.
"""

from collections import Counter
from typing import Any, ClassVar, Protocol

from callengine.worker.native import media as extension
from callengine.worker.native.libraries import SUCCESS, ffi
from callengine.worker.plugins.instances import Instance, errors

PER_PACKET = ("parse", "encode", "decode", "recover")
"The operations that are C, in the order in which `vn_codec` counts their failures."
_COUNTED = (*PER_PACKET, "other-framing")


class PythonInstance(Instance, Protocol):
    """An instance in Python that C can work for."""

    name: ClassVar[str]
    in_c: ClassVar[str]
    "Name of the structure in `native/codecs/state.h`."

    def lend(self, state: Any) -> None:
        """Fill in that structure, zeroed, with an encoder and a decoder that are open."""


_instances: set["CompiledInstance"] = set()


def operations(in_c: str) -> Any:
    """Return the table of operations of a codec in C; None without the extension."""
    library = extension.media()
    return None if library is None else getattr(library, f"{in_c}_operations")()


def compiled(instance: PythonInstance) -> Instance:
    """Return this instance with its operations in C; as it is without the extension."""
    table = operations(instance.in_c)
    return instance if table is None else CompiledInstance(instance, table)


def release(*owned: Any) -> None:
    """Free now, not when it is forgotten, what libraries made (`ffi.gc`); None is nothing."""
    for one in owned:
        if one is not None:
            ffi.release(one)


def fill(state: Any, **values: Any) -> None:
    """Set fields of a structure to pointers, functions and numbers of whatever type."""
    fields = dict(ffi.typeof(state).item.fields)
    for name, value in values.items():
        setattr(state, name, ffi.cast(fields[name].type, value))


def failures() -> Counter[str]:
    """Return how often operations failed of codecs that are open, by `CODEC.operation`."""
    return sum((instance.failures() for instance in _instances.copy()), Counter())


class CompiledInstance:
    """Encoder and decoder of one stream: opened in Python, used in C."""

    def __init__(self, instance: PythonInstance, table: Any) -> None:
        """`table` is a pjmedia_codec_op of the extension."""
        self._instance = instance
        self._name = instance.name
        self.state = ffi.new(f"{instance.in_c} *")
        "Begins with a vn_codec."
        self._counts = ffi.cast("vn_codec *", self.state).failures
        self._codec = ffi.new("pjmedia_codec *", {"codec_data": self.state})
        # Each look at a field of a structure makes an object: not for every packet.
        self._parse, self._encode = table.parse, table.encode
        self._decode, self._recover = table.decode, table.recover
        self._at, self._count = ffi.new("pj_timestamp *"), ffi.new("unsigned *")
        self._is_used = False

    def open(self, param: Any) -> int:
        """Create encoder and decoder for a pjmedia_codec_param; it may lower what it asks."""
        self.close()
        status = self._instance.open(param)
        if status == SUCCESS:
            self._instance.lend(self.state)
            self._is_used = True
            _instances.add(self)
        return status

    def close(self) -> None:
        """Free encoder and decoder; a second call does nothing."""
        if self._is_used:
            self._is_used = False
            _instances.discard(self)
            errors.update(self.failures())
            codec = ffi.cast("vn_codec *", self.state)
            handle = codec.instance
            ffi.memmove(self.state, bytes(ffi.sizeof(self.state[0])), ffi.sizeof(self.state[0]))
            codec.instance = handle
        self._instance.close()

    def failures(self) -> Counter[str]:
        """Return how often each operation failed since it was opened."""
        counts = zip(_COUNTED, self._counts, strict=True)
        return Counter({f"{self._name}.{name}": count for name, count in counts if count})

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        """Cut a payload into frames; return how many, 0 for one that cannot be used."""
        self._at.u64, self._count[0] = timestamp, max_frames
        self._parse(self._codec, packet, size, self._at, self._count, frames)
        return int(self._count[0])

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        """Encode 16-bit samples into an RTP payload."""
        return int(self._encode(self._codec, frame, out_size, out))

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        """Decode one parsed frame into 16-bit samples."""
        return int(self._decode(self._codec, frame, out_size, out))

    def recover(self, out_size: int, out: Any) -> int:
        """Write samples in place of a frame that is missing."""
        return int(self._recover(self._codec, out_size, out))
