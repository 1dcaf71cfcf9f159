"""The C side: the libraries, loaded once in a process and kept for its life."""

import contextlib
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import cffi

from callengine.worker.native import declarations, emitted

SUCCESS = 0
FAILED = 70004
"PJ_EINVAL: what a refused or failed operation returns to pjmedia."
FRAME_AUDIO = 1
FRAME_NONE = 0
TYPE_AUDIO = 1
FORMAT_L16 = 0

OPUS_LIBRARY = "libopus.so.0"
AMR_WB_ENCODER_LIBRARY = "libvo-amrwbenc.so.0"
AMR_WB_DECODER_LIBRARY = "libopencore-amrwb.so.0"
AMR_LIBRARY = "libopencore-amrnb.so.0"
G729_LIBRARY = "libbcg729.so.0"

DEBIAN_PACKAGES = {
    OPUS_LIBRARY: "libopus0",
    AMR_WB_ENCODER_LIBRARY: "libvo-amrwbenc0",
    AMR_WB_DECODER_LIBRARY: "libopencore-amrwb0",
    AMR_LIBRARY: "libopencore-amrnb0",
    G729_LIBRARY: "libbcg729-0",
}

_emitted = emitted.load()
ffi = _emitted or cffi.FFI()

_libraries: dict[str, Any] = {}
_TYPES = (
    *(
        "char[]",
        "int",
        "int *",
        "int[]",
        "int16_t *",
        "int16_t[]",
        "long[64]",
        "uint8_t *",
        "uint8_t[]",
        "unsigned *",
        "uintptr_t",
        "void *",
    ),
    *("ptrdiff_t *", "pj_str_t *", "pj_timestamp *"),
    *("pj_ioqueue_callback *", "pj_ioqueue_key_t **", "pj_ioqueue_op_key_t *"),
    *("pj_ioqueue_read_callback *", "pjmedia_sdp_neg_fmt_match_cb"),
    *("pjmedia_codec *", "pjmedia_codec **", "pjmedia_codec_op", "pjmedia_codec_op *"),
    *("pjmedia_codec_factory *", "pjmedia_codec_factory_op", "pjmedia_codec_factory_op *"),
    *("pjmedia_codec_info *", "pjmedia_codec_info *[1]", "const pjmedia_codec_info **"),
    *("pjmedia_codec_param", "pjmedia_codec_param *", "pjmedia_frame *", "pjmedia_frame[16]"),
    *("pjmedia_send_rtp *", "pjmedia_transport_op", "pjmedia_transport_op *"),
    *("pjmedia_transport *", "pjmedia_media_start *", "pjmedia_attach2 *", "uint8_t[28]"),
    *("pjmedia_rtcp_session_setting *", "pjmedia_stream *", "pjmedia_stream_rtp_sess_info *"),
    *("pjmedia_rtcp_stat *",),
    *("vn_codec *", "vn_opus *", "vn_amr *", "vn_g729 *"),
    *("struct vn_way[2]", "struct vn_relay_figures *", "struct vn_captured", "uint32_t[2]"),
    *("pj_thread_t **", "pjmedia_plc **", "pjmedia_resample **"),
)
"The types that are used by name in a call process."
_NOT_SHOWN = (AttributeError, _emitted.error) if _emitted else (AttributeError,)
"What a symbol raises that a library has not."
_declared = threading.Event()
if _emitted:
    _declared.set()


class LibraryMissingError(Exception):
    """A shared library that cannot be loaded; the text says which and what to install."""


class WrongBuildError(Exception):
    """A pjsua2 that is not the build the declarations describe; the text says why."""


def declare() -> None:
    """Parse the declarations, unless that was done as the media extension was built.

    The slow part, done before a process forks.
    """
    if not _declared.is_set():
        for source in declarations.everything():
            ffi.cdef(source)
        _declared.set()


def warm() -> None:
    """Have cffi parse now, once, what every forked process would parse again: 35 ms each."""
    for name in _TYPES:
        ffi.typeof(name)
    for loaded in _libraries.values():
        for function in dir(loaded):
            with contextlib.suppress(*_NOT_SHOWN):  # it has those of one library alone
                getattr(loaded, function)


def library(name: str) -> Any:
    """Load a codec library by its file name; LibraryMissingError if it is not there."""
    declare()
    if name not in _libraries:
        try:
            _libraries[name] = ffi.dlopen(name)
        except OSError as error:
            package = DEBIAN_PACKAGES[name]
            raise LibraryMissingError(
                f"{name} is not installed; install the Debian package {package}"
            ) from error
    return _libraries[name]


def pjmedia() -> Any:
    """Return the symbols of the pjsua2 extension; WrongBuildError if it shows none of them."""
    declare()
    if "pjmedia" not in _libraries:
        try:
            extension = ffi.dlopen(str(_extension_file()))
            _ = extension.pjmedia_codec_mgr_register_factory
        except (OSError, *_NOT_SHOWN) as error:
            raise WrongBuildError("this pjsua2 does not show the symbols of pjmedia") from error
        _libraries["pjmedia"] = extension
    return _libraries["pjmedia"]


def _extension_file() -> Path:
    for name in ("pjsua2._pjsua2", "_pjsua2"):
        try:
            module = import_module(name)
        except ImportError:
            continue
        return Path(module.__file__ or "")
    raise WrongBuildError("the extension module _pjsua2 of pjsua2 cannot be found")


def text(value: Any) -> str:
    """Return a pj_str_t as text; bytes outside ASCII become replacement characters."""
    if not value.ptr or value.slen <= 0:
        return ""
    return bytes(ffi.buffer(value.ptr, value.slen)).decode("ascii", "replace")
