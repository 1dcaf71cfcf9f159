"""Memory of pjlib's for what is made of pjmedia, from any thread."""

import threading
from typing import Any

from callengine.worker.native.libraries import SUCCESS, WrongBuildError, ffi, pjmedia

_BLOCK_BYTES = 16_384
_here = threading.local()
_descriptions: list[Any] = []
"pjlib goes on reading a thread's description for as long as the thread runs."


class MemoryPool:
    """A pool that is released by `close`, and everything made from it with it."""

    def __init__(self, name: str) -> None:
        """Raises WrongBuildError if pjsua2 shows none of its functions."""
        _register_thread()
        api = pjmedia()
        factory = api.pjsua_get_pool_factory()
        self.pool = api.pj_pool_create(factory, name.encode(), _BLOCK_BYTES, _BLOCK_BYTES, ffi.NULL)
        if not self.pool:
            raise WrongBuildError("pjlib gives no memory")

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""
        if self.pool:
            _register_thread()
            pjmedia().pj_pool_release(self.pool)
            self.pool = ffi.NULL


def _register_thread() -> None:
    """Make this thread known to pjlib, whose locks end the process for one that is not."""
    if getattr(_here, "is_registered", False):
        return
    api = pjmedia()
    if not api.pj_thread_is_registered():
        description, thread = ffi.new("long[64]"), ffi.new("pj_thread_t **")
        _descriptions.append(description)
        if api.pj_thread_register(b"agent-media", description, thread) != SUCCESS:
            raise WrongBuildError("pjlib takes no other thread")
    _here.is_registered = True
