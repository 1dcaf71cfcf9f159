"""Where pjmedia sends, corrected as a stream is attached to its transport.

`media_start` comes first, with the peer's description; `attach2` then names where to send. Both are
pjmedia's public functions of a media transport (pjmedia/transport.h of 2.15.1).
"""

import logging
from typing import Any

from callengine.worker.dualstack.path import MediaPath
from callengine.worker.native import layout
from callengine.worker.native.libraries import FAILED, ffi
from callengine.worker.plugins.callbacks import callback

logger = logging.getLogger(__name__)

_LONGEST_SDP = 16_000
_IPV4_BYTES, _IPV6_BYTES = 16, 28
"Of struct sockaddr_in and sockaddr_in6."
_FOLLOWED_AT = 0x12E4
"Place in pjmedia_stream (2.15.1) of the address that a source is held against: rem_rtp_addr."

_paths: dict[int, MediaPath] = {}
"By the address of the transport."
_tables: dict[int, tuple[Any, ...]] = {}
"Our copy of a transport's functions, and the callbacks in it, by the address of its own table."


def guide(transport: int, path: MediaPath) -> bool:
    """Have a transport send where a leg's path leads; return whether that can be.

    `transport` is the address of the pjmedia_transport that owns the leg's sockets.
    """
    api = layout.verified_pjmedia()
    if api is None:
        return False
    _paths[transport] = path
    pointer = ffi.cast("pjmedia_transport *", transport)
    if _number(pointer.op.attach2) not in {_number(attach) for *_, attach in _tables.values()}:
        pointer.op = _hooked(api, pointer.op)
    return True


def forget(path: MediaPath) -> None:
    """Leave the transports of a leg alone, which are about to go."""
    for transport, its_path in list(_paths.items()):
        if its_path is path:
            del _paths[transport]


def _number(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _hooked(api: Any, original: Any) -> Any:
    key = _number(original)
    if key not in _tables:
        table = ffi.new("pjmedia_transport_op *")
        ffi.memmove(table, original, ffi.sizeof("pjmedia_transport_op"))
        start, attach = original.media_start, original.attach2

        def started(transport: Any, pool: Any, ours: Any, remote: Any, index: int) -> int:
            path = _paths.get(_number(transport))
            if path is not None and remote:
                try:
                    path.described(_text(api, remote))
                except OSError as error:
                    logger.warning("a leg's sockets cannot be opened to IPv6: %s", error)
                    return FAILED
            status: int = start(transport, pool, ours, remote, index)
            return status

        def attached(transport: Any, parameters: Any) -> int:
            path = _paths.get(_number(transport))
            if path is not None:
                _correct(path, parameters)
            status: int = attach(transport, parameters)
            return status

        starter = callback("pjmedia_media_start *", started, name="media-start")
        attacher = callback("pjmedia_attach2 *", attached, name="media-attach")
        table.media_start, table.attach2 = starter, attacher
        _tables[key] = (table, starter, attacher)
    return _tables[key][0]


def _text(api: Any, description: Any) -> str:
    room = ffi.new("char[]", _LONGEST_SDP)
    size = api.pjmedia_sdp_print(description, room, _LONGEST_SDP)
    return bytes(ffi.buffer(room, max(size, 0))).decode("ascii", "replace")


def _correct(path: MediaPath, parameters: Any) -> None:
    """Have RTP and RTCP go to the real addresses."""
    rtp = bytes(ffi.buffer(parameters.rem_addr))
    real = path.socket_address(rtp)
    if real is None:
        return
    _follow(parameters.stream, rtp, real)
    ffi.buffer(parameters.rem_addr)[:] = real
    reports = path.socket_address(bytes(ffi.buffer(parameters.rem_rtcp)))
    if reports is not None:
        ffi.buffer(parameters.rem_rtcp)[:] = reports
    parameters.addr_len = _IPV6_BYTES


def _follow(stream: Any, before: bytes, real: bytes) -> None:
    """Have a stream know its peer by the real address, or its first packet would be another's."""
    place = ffi.cast("uint8_t *", stream) + _FOLLOWED_AT
    room = ffi.buffer(place, _IPV6_BYTES)
    if bytes(room[:_IPV4_BYTES]) == before[:_IPV4_BYTES]:
        room[:] = real
