"""Which of pjsua's call slots are really free; its DISCONNECTED does not say.

pjsua reports a call as disconnected when it begins to hang up, and keeps its slot until the last
transaction of the call has ended, which a silent peer can put off for 32 s.
"""

import contextlib
from typing import Any

from callengine.worker.plugins import native
from callengine.worker.plugins.native import WrongBuildError


def taken() -> int:
    """Return how many slots pjsua holds; 0 on a build that does not show its symbols."""
    library = _library()
    return int(library.pjsua_call_get_count()) if library is not None else 0


def is_taken(slot: int) -> bool:
    """Return whether pjsua holds this slot (a call id)."""
    library = _library()
    return library is not None and slot >= 0 and bool(library.pjsua_call_is_active(slot))


def _library() -> Any:
    with contextlib.suppress(WrongBuildError):
        return native.pjmedia()
    return None
