"""Proof that the C declarations fit the pjsua2 that is loaded, before anything relies on them."""

from functools import cache
from typing import Any

import pjsua2

from callengine.worker.native.libraries import (
    FORMAT_L16,
    FRAME_AUDIO,
    SUCCESS,
    TYPE_AUDIO,
    WrongBuildError,
    ffi,
    pjmedia,
    text,
)
from callengine.worker.native.loading import PJSUA2_VERSION

_POISON = 0xA5
_ROUND_TRIP_TOLERANCE = 0.05


def is_verified() -> bool:
    """Tell whether pjsua2 is the build whose layouts `pjproject.h` writes down."""
    return getattr(pjsua2, "__version__", "") == PJSUA2_VERSION


@cache
def verified_pjmedia() -> Any | None:
    """Return pjmedia's functions; None where its structures are not known, or it shows none."""
    if not is_verified():
        return None
    try:
        return pjmedia()
    except WrongBuildError:
        return None


def rtp_sessions(stream: int) -> Any | None:
    """Return the RTP sessions of the pjmedia_stream at this address; None where not known."""
    api = verified_pjmedia()
    if api is None:
        return None
    sessions = ffi.new("pjmedia_stream_rtp_sess_info *")
    pointer = ffi.cast("pjmedia_stream *", stream)
    is_there = api.pjmedia_stream_get_rtp_session_info(pointer, sessions) == SUCCESS
    return sessions if is_there else None


def check() -> None:
    """Raise WrongBuildError unless version, layouts and a codec round trip are as declared.

    Uses the PCMU codec that every pjsua2 has: its factory and its operations are reached through
    our declarations, so a field that has moved shows itself here and not in a call.
    """
    if not is_verified():
        version = getattr(pjsua2, "__version__", "unknown")
        raise WrongBuildError(
            f"pjsua2 {version} is not a build the codec plug-ins were verified with; "
            f"install pjsua2-python {PJSUA2_VERSION}, or a pjsua2 with the codec inside"
        )
    api = pjmedia()
    endpoint = api.pjsua_get_pjmedia_endpt()
    if not endpoint:
        raise WrongBuildError("pjsua2 has no media endpoint yet; call libInit first")
    manager = api.pjmedia_endpt_get_codec_mgr(endpoint)
    info = find(manager, "PCMU/8000/1")
    _check_info(info)
    _check_param(default_param(manager, info))
    tone = ffi.new("int16_t[]", [8000, -8000, 4000, -4000] * 40)
    heard = round_trip(manager, info, tone)
    # Mu-law keeps about 13 bits of a loud sample.
    if any(abs(a - b) > abs(a) * _ROUND_TRIP_TOLERANCE for a, b in zip(tone, heard, strict=True)):
        raise WrongBuildError(_moved("samples came back changed"))


def find(manager: Any, codec_id: str) -> Any:
    """Return the pjmedia_codec_info of a registered codec; WrongBuildError if there is none."""
    name = ffi.new("char[]", codec_id.encode())
    wanted = ffi.new("pj_str_t *", {"ptr": name, "slen": len(codec_id)})
    count, infos = ffi.new("unsigned *", 1), ffi.new("pjmedia_codec_info *[1]")
    status = pjmedia().pjmedia_codec_mgr_find_codecs_by_id(
        manager, wanted, count, ffi.cast("const pjmedia_codec_info **", infos), ffi.NULL
    )
    if status != SUCCESS or count[0] != 1:
        raise WrongBuildError(_moved(f"{codec_id} was not found"))
    return infos[0]


def default_param(manager: Any, info: Any) -> Any:
    """Return the pjmedia_codec_param of a codec, having checked that its size is ours."""
    size = ffi.sizeof("pjmedia_codec_param")
    room = ffi.new("uint8_t[]", size * 4)
    ffi.buffer(room)[:] = bytes((_POISON,)) * (size * 4)
    param = ffi.cast("pjmedia_codec_param *", room)
    if pjmedia().pjmedia_codec_mgr_get_default_param(manager, info, param) != SUCCESS:
        raise WrongBuildError(_moved("a codec has no default parameters"))
    written = len(bytes(ffi.buffer(room)).rstrip(bytes((_POISON,))))
    if written != size:
        raise WrongBuildError(_moved(f"codec parameters take {written} bytes, not {size}"))
    clean = ffi.new("pjmedia_codec_param *")
    ffi.memmove(clean, room, size)
    return clean


def operations(codec_id: str) -> Any:
    """Return the table of operations that all codecs of this kind share; WrongBuildError if none.

    pjmedia's own tables are static.
    """
    check()
    api = pjmedia()
    manager = api.pjmedia_endpt_get_codec_mgr(api.pjsua_get_pjmedia_endpt())
    slot = ffi.new("pjmedia_codec **")
    if api.pjmedia_codec_mgr_alloc_codec(manager, find(manager, codec_id), slot) != SUCCESS:
        raise WrongBuildError(_moved("a codec could not be made"))
    table = slot[0].op
    api.pjmedia_codec_mgr_dealloc_codec(manager, slot[0])
    return table


def round_trip(manager: Any, info: Any, samples: Any) -> Any:
    """Encode, parse and decode one frame of 16-bit samples through pjmedia; return what came out.

    Raises WrongBuildError if an operation fails or the sizes are not those of one frame.
    """
    api = pjmedia()
    pool = api.pj_pool_create(api.pjsua_get_pool_factory(), b"codec-check", 4000, 4000, ffi.NULL)
    slot = ffi.new("pjmedia_codec **")
    try:
        if api.pjmedia_codec_mgr_alloc_codec(manager, info, slot) != SUCCESS:
            raise WrongBuildError(_moved("a codec could not be made"))
        try:
            return run(slot[0], pool, default_param(manager, info), samples)
        finally:
            slot[0].op.close(slot[0])
            api.pjmedia_codec_mgr_dealloc_codec(manager, slot[0])
    finally:
        api.pj_pool_release(pool)


def run(codec: Any, pool: Any, param: Any, samples: Any) -> Any:
    """Open a codec and have it encode, parse and decode samples; return what came out.

    Raises WrongBuildError if an operation fails or the sizes are not those of one packet.
    """
    # Loss concealment of G.711 delays what it hears, and silence detection may swallow it.
    param.setting.plc = param.setting.vad = 0
    operations = codec.op
    _expect(operations.init(codec, pool), "init")
    _expect(operations.open(codec, param), "open")
    size = len(samples) * 2
    packet, heard = ffi.new("uint8_t[]", 1500), ffi.new("int16_t[]", len(samples))
    source = ffi.new("pjmedia_frame *", {"type": FRAME_AUDIO, "buf": samples, "size": size})
    coded = ffi.new("pjmedia_frame *", {"buf": packet})
    _expect(operations.encode(codec, source, 1500, coded), "encode")
    if not 0 < coded.size < size:
        raise WrongBuildError(_moved(f"{size} bytes of sound became {coded.size}"))
    frames, count = ffi.new("pjmedia_frame[16]"), ffi.new("unsigned *", 16)
    at = ffi.new("pj_timestamp *")
    _expect(operations.parse(codec, packet, coded.size, at, count, frames), "parse")
    for index in range(min(count[0], 16)):
        done = index * (size // count[0])
        target = ffi.cast("uint8_t *", heard) + done
        decoded = ffi.new("pjmedia_frame *", {"buf": target, "size": size - done})
        _expect(operations.decode(codec, frames + index, size - done, decoded), "decode")
    return heard


def _check_info(info: Any) -> None:
    seen = (info.type, info.pt, text(info.encoding_name), info.clock_rate, info.channel_cnt)
    if seen != (TYPE_AUDIO, 0, "PCMU", 8000, 1):
        raise WrongBuildError(_moved(f"PCMU is described as {seen}"))


def _check_param(param: Any) -> None:
    info, setting = param.info, param.setting
    seen = (
        (info.clock_rate, info.channel_cnt, info.pcm_bits_per_sample, info.pt, info.fmt_id),
        (info.avg_bps, setting.frm_per_pkt * info.frm_ptime, setting.plc, setting.reserved),
    )
    if seen != ((8000, 1, 16, 0, FORMAT_L16), (64000, 20, 1, 0)):
        raise WrongBuildError(_moved(f"the parameters of PCMU read as {seen}"))


def _expect(status: int, operation: str) -> None:
    if status != SUCCESS:
        raise WrongBuildError(_moved(f"{operation} of a codec failed with {status}"))


def _moved(why: str) -> str:
    return f"the layout of this pjsua2 is not the one the codec plug-ins know: {why}"
