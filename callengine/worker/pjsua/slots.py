"""Which of pjsua's call slots are really free; its DISCONNECTED does not say.

pjsua reports a call as disconnected when it begins to hang up, and keeps its slot until the last
transaction of the call has ended, which a silent peer can put off for 32 s.
"""

import contextlib
from typing import Any

from callengine.worker.native import libraries
from callengine.worker.native.libraries import WrongBuildError, ffi

_ROOM = 32


def count() -> int:
    """Return how many slots pjsua holds; 0 on a build that does not show its symbols."""
    library = _library()
    return int(library.pjsua_call_get_count()) if library is not None else 0


def held() -> frozenset[int]:
    """Return the slots (call ids) pjsua holds, that of an INVITE it is just reporting too."""
    library = _library()
    if library is None:
        return frozenset()
    slots, number = ffi.new("int[]", _ROOM), ffi.new("unsigned *", _ROOM)
    library.pjsua_enum_calls(slots, number)
    return frozenset(slots[0 : number[0]])


def _library() -> Any:
    with contextlib.suppress(WrongBuildError):
        return libraries.pjmedia()
    return None
