"""A codec of pjmedia's own behind the interface of our plug-ins' instances."""

from typing import Any

from callengine.worker.audio.pjlib import MemoryPool
from callengine.worker.native import layout
from callengine.worker.native.libraries import FAILED, SUCCESS, WrongBuildError, ffi, pjmedia


class PjmediaInstance:
    """Encoder and decoder of one stream, such as `G722/16000/1` (see `instances.Instance`)."""

    def __init__(self, codec_id: str, *, mode_ms: int | None = None) -> None:
        """`mode_ms` is iLBC's: how long its frames are.

        Raises WrongBuildError if pjmedia has no such codec, or is not started.
        """
        self._pool = MemoryPool("codec")
        api = pjmedia()
        self._manager = api.pjmedia_endpt_get_codec_mgr(api.pjsua_get_pjmedia_endpt())
        slot = ffi.new("pjmedia_codec **")
        info = layout.find(self._manager, codec_id)
        if api.pjmedia_codec_mgr_alloc_codec(self._manager, info, slot) != SUCCESS:
            raise WrongBuildError(f"pjmedia makes no {codec_id}")
        self._codec, self._info = slot[0], info
        self._operations = operations = self._codec.op
        # Each look at a field of a structure makes an object: not for every packet.
        self._parse, self._recover = operations.parse, operations.recover
        self._encode, self._decode = operations.encode, operations.decode
        self._at, self._count = ffi.new("pj_timestamp *"), ffi.new("unsigned *")
        param = layout.default_param(self._manager, info)
        param.setting.plc, param.setting.vad = 1, 0
        strings = (ffi.new("char[]", b"mode"), ffi.new("char[]", b"%d" % (mode_ms or 0)))
        if mode_ms is not None:
            for parameters in (param.setting.enc_fmtp, param.setting.dec_fmtp):
                parameters.cnt = 1
                _point(parameters.param[0].name, strings[0])
                _point(parameters.param[0].val, strings[1])
        if self._operations.init(self._codec, self._pool.pool) != SUCCESS or self.open(param):
            self.close()
            raise WrongBuildError(f"pjmedia does not open {codec_id}")

    def open(self, param: Any) -> int:
        """Create encoder and decoder for a pjmedia_codec_param."""
        return int(self._operations.open(self._codec, param))

    def close(self) -> None:
        """Give the codec back to pjmedia; a second call does nothing."""
        if self._codec:
            self._operations.close(self._codec)
            pjmedia().pjmedia_codec_mgr_dealloc_codec(self._manager, self._codec)
            self._codec = ffi.NULL
            self._pool.close()

    def parse(self, packet: Any, size: int, timestamp: int, max_frames: int, frames: Any) -> int:
        """Cut a payload into frames; return how many."""
        self._at.u64, self._count[0] = timestamp, max_frames
        status = self._parse(self._codec, packet, size, self._at, self._count, frames)
        return self._count[0] if status == SUCCESS else 0

    def encode(self, frame: Any, out_size: int, out: Any) -> int:
        """Encode samples into a payload; the samples are changed where they are."""
        return int(self._encode(self._codec, frame, out_size, out))

    def decode(self, frame: Any, out_size: int, out: Any) -> int:
        """Decode one parsed frame."""
        return int(self._decode(self._codec, frame, out_size, out))

    def recover(self, out_size: int, out: Any) -> int:
        """Write samples in place of a frame that is missing."""
        if self._recover == ffi.NULL:
            return FAILED
        return int(self._recover(self._codec, out_size, out))


def _point(target: Any, characters: Any) -> None:
    target.ptr, target.slen = characters, len(characters) - 1
