"""The thread on which pjmedia reads RTP, put to rest while its process has no call.

pjmedia lets that thread poll every 10 ms for the life of the process, sockets or not; with the
pool's spare processes that was a quarter of what ten calls cost. So we register a socket of our
own with the queue the thread polls. What we send there makes it call us, and in that call it
waits. Nothing is locked meanwhile: sockets of calls may come and go.
"""

import logging
import socket
import threading
from typing import Any

from callengine.worker.native import layout, libraries
from callengine.worker.native.libraries import SUCCESS, WrongBuildError, ffi
from callengine.worker.plugins.callbacks import callback

logger = logging.getLogger(__name__)

_ALWAYS_ASYNC = 1 << 31
"PJ_IOQUEUE_ALWAYS_ASYNC: report what has arrived by the callback alone."
_PENDING = 70002
"PJ_EPENDING"
REST_WITHIN_S = 0.2
"The thread polls every 10 ms, and then calls us."
_OP_KEY_BYTES = 1024
"Room for a pj_ioqueue_op_key_t, which the queue keeps its own notes in."


class MediaThread:
    """Rest and wake pjmedia's thread. Made after `libInit`, on the thread that called it.

    On a pjsua2 that is not known nothing is done: its thread goes on polling.
    """

    def __init__(self) -> None:
        self._awake = threading.Event()
        self._awake.set()
        self._rests = threading.Event()
        self._ours: socket.socket | None = None
        if not layout.is_verified():
            return
        try:
            self._register(libraries.pjmedia())
        except WrongBuildError as error:
            logger.warning("idle call processes will go on polling: %s", error)

    def rest(self, *, now: bool = False) -> None:
        """Let the thread wait; with `now` it does once this returns, at most REST_WITHIN_S later.

        A call that ends has closed its sockets already.
        """
        if self._ours is None:
            return
        if self._awake.is_set():
            self._rests.clear()
            self._awake.clear()
            self._ours.send(b"rest")
        if now and not self._rests.wait(REST_WITHIN_S):
            logger.warning("pjmedia's thread does not rest")

    def wake(self) -> None:
        """Let the thread read again; also before `libDestroy`, which waits for its end."""
        self._awake.set()

    def _register(self, api: Any) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._api = api
        self._room = ffi.new("char[]", 16)
        self._length = ffi.new("ptrdiff_t *")
        self._notes = ffi.new("char[]", _OP_KEY_BYTES)
        self._op_key = ffi.cast("pj_ioqueue_op_key_t *", self._notes)
        self._callback = callback(
            "pj_ioqueue_read_callback *", self._told_to_rest, name="media-thread"
        )
        self._callbacks = ffi.new("pj_ioqueue_callback *", {"on_read_complete": self._callback})
        key = ffi.new("pj_ioqueue_key_t **")
        factory = api.pjsua_get_pool_factory()
        self._pool = api.pj_pool_create(factory, b"mediathread", 1024, 1024, ffi.NULL)
        queue = api.pjmedia_endpt_get_ioqueue(api.pjsua_get_pjmedia_endpt())
        status = api.pj_ioqueue_register_sock(
            self._pool, queue, self._theirs.fileno(), ffi.NULL, self._callbacks, key
        )
        if status != SUCCESS or self._read(key[0]) != _PENDING:
            self._ours = None
            raise WrongBuildError("pjmedia refused a socket of ours")

    def _read(self, key: Any) -> int:
        self._length[0] = len(self._room)
        status: int = self._api.pj_ioqueue_recv(
            key, self._op_key, self._room, self._length, _ALWAYS_ASYNC
        )
        return status

    def _told_to_rest(self, key: Any, _op_key: Any, _length: int) -> None:
        self._rests.set()
        self._awake.wait()
        self._read(key)
