"""The media extension as cffi sees it, once its layout has been held against ours."""

from typing import Any

from callengine.worker.native import loading
from callengine.worker.native.libraries import declare, ffi

_SIZES = {
    "pj_str": "pj_str_t",
    "pj_timestamp": "pj_timestamp",
    "codec_info": "pjmedia_codec_info",
    "codec_param": "pjmedia_codec_param",
    "frame": "pjmedia_frame",
    "codec_op": "pjmedia_codec_op",
    "codec": "pjmedia_codec",
    "factory": "pjmedia_codec_factory",
    "opus": "vn_opus",
    "amr": "vn_amr",
    "g729": "vn_g729",
    "captured": "struct vn_captured",
    "way": "struct vn_way",
    "forwarding": "struct vn_forwarding",
}
_libraries: list[Any] = []


def media() -> Any:
    """Return the extension, or None in a process that goes without."""
    if not _libraries:
        _libraries.append(checked(loading.file()) if loading.file() else None)
    return _libraries[0]


def checked(file: str) -> Any:
    """Return the library of this file; AssertionError if its structures are not ours."""
    declare()
    library = ffi.dlopen(file)
    layout = library.vn_layout()
    for field, name in _SIZES.items():
        assert getattr(layout, field) == ffi.sizeof(name), f"{name} differs between C and Python"
    return library
