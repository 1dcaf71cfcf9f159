"""Load the media extension before pjsua2, and bind it to that.

Before, because what it does in place of pjmedia's own functions the dynamic linker hands to pjsua2
only if it is there when pjsua2 is loaded. Imports neither pjsua2 nor cffi.
"""

import ctypes
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

from callengine.worker.native.build import library

VARIABLE = "VOIPNUMBER_NATIVE"
PJSUA2_VERSION = "2.15.1.post1"
"The wheel whose structures `pjproject.h` writes down."
ABI_VERSION = 9

_state: dict[str, str] = {}


class NotLoadedError(Exception):
    """Calls go on without it; the text says why, as the end of a sentence."""


def load() -> str:
    """Load it, once, before pjsua2 is imported; return why not, or nothing."""
    if "why" not in _state:
        try:
            _state["file"] = str(_load())
            _state["why"] = ""
        except NotLoadedError as error:
            _state["why"] = str(error)
    return _state["why"]


def file() -> str:
    """Return the file of the library that is loaded and bound; empty without."""
    return _state.get("file", "")


def _load() -> Path:
    if os.environ.get(VARIABLE, "").lower() == "off":
        raise NotLoadedError(f"{VARIABLE} is off")
    if "pjsua2" in sys.modules:
        raise NotLoadedError("pjsua2 was loaded before it")
    target = _pjsua2()
    built = library()
    if not built.exists():
        raise NotLoadedError("it is not built; run bin/setup, which says what it lacks")
    try:
        # For ourselves at first: one of another version may not stand in for what pjsua2 calls.
        extension = ctypes.CDLL(str(built))
    except OSError as error:
        raise NotLoadedError(f"it cannot be loaded: {error}") from error
    extension.vn_layout.restype = ctypes.POINTER(ctypes.c_uint32)
    version = extension.vn_layout()[0]
    if version != ABI_VERSION:
        raise NotLoadedError(f"it is of version {version}, and {ABI_VERSION} is wanted")
    ctypes.CDLL(str(built), mode=ctypes.RTLD_GLOBAL)
    import pjsua2.pjsua2  # noqa: F401  (now, with what the extension does in its place)

    extension.vn_bind.restype = ctypes.c_char_p
    missing = extension.vn_bind(str(target).encode())
    if missing:
        raise NotLoadedError(f"this pjsua2 does not show {missing.decode()}")
    return built


def _pjsua2() -> Path:
    """Return the file of pjsua2, of the one build the extension knows."""
    try:
        version = metadata.version("pjsua2-python")
    except metadata.PackageNotFoundError:
        version = "of unknown origin"
    if version != PJSUA2_VERSION:
        raise NotLoadedError(f"pjsua2 is {version}, and it knows {PJSUA2_VERSION}")
    spec = importlib.util.find_spec("pjsua2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in Path(folder).glob("_pjsua2*.so"):
            return file
    raise NotLoadedError("the extension module _pjsua2 of pjsua2 cannot be found")
