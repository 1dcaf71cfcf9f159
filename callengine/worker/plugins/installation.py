"""Plugging the codecs into a running pjsua2, and saying what came of it."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from audiocodecs.catalogue import CATALOGUE, find
from callengine.worker.native import layout, libraries
from callengine.worker.native import media as extension
from callengine.worker.native.libraries import LibraryMissingError, WrongBuildError, ffi
from callengine.worker.plugins import (
    amr_nb,
    amr_wb,
    compiled,
    faults,
    g729,
    opus,
    sdp_match,
)
from callengine.worker.plugins.factory import Description, Factory
from callengine.worker.plugins.instances import errors
from callengine.worker.plugins.opus_packets import CLOCK_HZ

_G722_AUDIO_RATE_HZ = 16000

_DESCRIPTIONS: Mapping[str, Callable[[int], Description]] = {
    "OPUS": opus.description,
    "AMR-WB": lambda _bridge_rate_hz: amr_wb.description(),
    "AMR": lambda _bridge_rate_hz: amr_nb.description(),
    "G729": lambda _bridge_rate_hz: g729.description(),
}
_BRIDGE_RATES_HZ = (8000, 16000, 48000)

_factories: dict[tuple[str, int], Factory] = {}
"By codec and rate of its sound; kept for the life of the process, as pjmedia may call them."


@dataclass(frozen=True)
class CodecReport:
    """Which codecs of the catalogue this process can use, and why the others cannot be."""

    available: tuple[str, ...]
    unavailable: dict[str, str] = field(default_factory=dict)
    "Catalogue name -> one sentence: why, and what to install."
    faulty: tuple[str, ...] = ()
    "Built-in codecs, by codecId, that must be given priority 0."


def preload() -> None:
    """Load libraries, parse declarations and try out codecs, so that a forked process need not.

    Touches no state of pjlib and never fails: what is missing is told by `install`.
    """
    libraries.declare()
    for name in libraries.DEBIAN_PACKAGES:
        try:
            libraries.library(name)
        except LibraryMissingError:
            continue
    with contextlib.suppress(WrongBuildError):
        libraries.pjmedia()
    libraries.warm()
    for describe in _DESCRIPTIONS.values():
        for rate_hz in _BRIDGE_RATES_HZ:
            with contextlib.suppress(LibraryMissingError, WrongBuildError):
                _factory(describe(rate_hz))


def install(built_in: Iterable[str], *, bridge_rate_hz: int = 48000) -> CodecReport:
    """Plug in what `built_in` (codecId of each `Endpoint.codecEnum2()`) lacks; after `libInit`.

    `bridge_rate_hz` is `medConfig.clockRate`: OPUS runs at that rate. Never raises for a missing
    library or a foreign pjsua2; the report says so and nothing is registered.
    """
    built_in = tuple(built_in)
    faulty = _faulty(built_in)
    sound = (codec_id for codec_id in built_in if codec_id not in faulty)
    present = {name for name in map(catalogue_name, sound) if name}
    reasons = {
        name: f"{name} is unavailable: {why}."
        for codec_id, why in faulty.items()
        if (name := catalogue_name(codec_id)) and name not in present
    }
    for name, describe in _DESCRIPTIONS.items():
        if name in present or name in reasons:
            continue
        try:
            _plug_in(describe(bridge_rate_hz))
        except (LibraryMissingError, WrongBuildError) as error:
            reasons[name] = f"{name} is unavailable: {error}."
        else:
            present.add(name)
    for name in CATALOGUE:
        if name not in present and name not in reasons:
            reasons[name] = f"{name} is unavailable: this build of pjsua2 does not contain it."
    _join_short_packets()
    available = tuple(name for name in CATALOGUE if name in present)
    return CodecReport(available, reasons, tuple(faulty))


def least_packet_ms(codec: str) -> int:
    """Return how long a packet of this codec must be for pjmedia to hear it; 0: any is heard."""
    is_joined = extension.media() is not None and codec in ("PCMU", "PCMA")
    return 10 if codec in ("PCMU", "PCMA", "G722") and not is_joined else 0


def _join_short_packets() -> None:
    """Have G.711 heard in packets that are no whole number of 10 ms.

    Only with the media extension: pjmedia's own cuts what is left of them off.
    """
    library = extension.media()
    if library is None:
        return
    try:
        operations = layout.operations("PCMU/8000/1")
    except WrongBuildError:
        return
    library.vn_short_join(operations)


def _faulty(built_in: Iterable[str]) -> dict[str, str]:
    """Return codecId -> why of built-in codecs with a known memory fault; take out what can be.

    Priority 0 keeps a codec out of every description; without its factory nothing at all can open
    its decoder.
    """
    try:
        api = libraries.pjmedia()
    except WrongBuildError:
        return {name: why for name in built_in if (why := faults.fault(name, None))}
    version = faults.read_version(ffi.string(api.pj_get_version()).decode("ascii", "replace"))
    faulty = {name: why for name in built_in if (why := faults.fault(name, version))}
    if any(name.startswith("speex/") for name in faulty):
        api.pjmedia_codec_speex_deinit()
    return faulty


def catalogue_name(codec_id: str) -> str | None:
    """Return the catalogue name of a pjsua2 codecId such as `opus/48000/2`, if known."""
    encoding_name, _, rest = codec_id.partition("/")
    rate = rest.partition("/")[0]
    if not rate.isdecimal():
        return None
    rate_hz = int(rate)
    if encoding_name.upper() == "G722" and rate_hz == _G722_AUDIO_RATE_HZ:
        return "G722"  # pjmedia names it by its audio rate, SDP by 8000 (RFC 3551)
    codec = find(encoding_name, rate_hz)
    return codec.name if codec else None


def error_counts() -> MappingProxyType[str, int]:
    """Return how often a codec operation failed in this process, by `CODEC.operation`."""
    return MappingProxyType(errors + compiled.failures())


def correct_rtcp_clock(stream: int) -> None:
    """Make RTCP of an OPUS stream count in 48000 Hz; `stream` is the address of pjmedia_stream.

    pjmedia lets RTCP count at the rate the codec runs at, so jitter of a stream at 8 or 16 kHz
    would be nonsense, in our statistics and in the reports the peer gets.
    """
    sessions = layout.rtp_sessions(stream)
    if sessions is None:
        return
    setting = ffi.new("pjmedia_rtcp_session_setting *")
    setting.clock_rate = CLOCK_HZ
    setting.samples_per_frame = setting.dec_samples_per_frame = CLOCK_HZ // 50
    # An RTP header: its timestamp is at byte 4, and at this moment it is the first one.
    setting.rtp_ts_base = int.from_bytes(ffi.buffer(sessions.tx_rtp + 4, 4)[:])
    libraries.pjmedia().pjmedia_rtcp_update(sessions.rtcp, setting)


def _plug_in(description: Description) -> None:
    layout.check()
    api = libraries.pjmedia()
    manager = api.pjmedia_endpt_get_codec_mgr(api.pjsua_get_pjmedia_endpt())
    factory = _factory(description)
    if api.pjmedia_codec_mgr_register_factory(manager, factory.struct) != libraries.SUCCESS:
        raise WrongBuildError("pjmedia refused the codec: it has no room for another")
    try:
        layout.find(manager, f"{description.encoding_name}/{description.rtp_clock_rate_hz}")
        if not sdp_match.register(description.encoding_name):
            raise WrongBuildError("pjmedia refused to have payload types compared")
    except WrongBuildError:
        api.pjmedia_codec_mgr_unregister_factory(manager, factory.struct)
        raise


def _factory(description: Description) -> Factory:
    """Return the factory of a codec, made and tried out once, before processes are forked."""
    key = description.name, description.audio_rate_hz
    if key not in _factories:
        factory = Factory(description)
        _try_out(factory, description.audio_rate_hz)
        _factories[key] = factory
    return _factories[key]


def _try_out(factory: Factory, rate_hz: int) -> None:
    """Use a codec as pjmedia would, without pjmedia; WrongBuildError if it cannot be used."""
    operations, struct = factory.struct.op, factory.struct
    count, info = ffi.new("unsigned *", 1), ffi.new("pjmedia_codec_info *")
    param, slot = ffi.new("pjmedia_codec_param *"), ffi.new("pjmedia_codec **")
    operations.enum_info(struct, count, info)
    info.clock_rate = rate_hz
    operations.default_attr(struct, info, param)
    if operations.alloc_codec(struct, info, slot) != libraries.SUCCESS:
        raise WrongBuildError("its library makes no codec")
    try:
        layout.run(slot[0], ffi.NULL, param, ffi.new("int16_t[]", rate_hz // 50))
    finally:
        slot[0].op.close(slot[0])
        operations.dealloc_codec(struct, slot[0])
