"""The payload types of a pjmedia stream, as they are on the wire.

pjmedia is shown numbers that it takes (see `core.numbering`). Once it has made a stream of them,
what it sends and what it lets in get the peer's, in its own structures: what is written there is
held against what must stand there first.
"""

import logging
import sys
from typing import Any

from callengine.core.numbering import Numbers
from callengine.worker.native import layout
from callengine.worker.native.libraries import ffi

logger = logging.getLogger(__name__)

_CHANNEL = -32
"From a channel's RTP session (2.15.1) to the channel, which begins with the address of its stream."
_CHANNEL_NUMBER = -20
"The same to the payload type with which it sends."
_EXPECTED = 32
"Place in pjmedia_rtp_session of the payload type that is let in, of 16 bits."
_EVENT_SENT, _EVENT_HEARD = 0x1074, 0x127C
"Places in pjmedia_stream of the payload types of telephone-event."


def renumber(stream: int, *, sent: Numbers, heard: Numbers) -> bool:
    """Have a stream send and let in these numbers; return whether that could be.

    `stream` is the address of a pjmedia_stream, `sent` is by the numbers of the peer's description,
    `heard` by those of ours. Again does no harm.
    """
    if not sent and not heard:
        return True
    sessions = layout.rtp_sessions(stream)
    if sessions is None:
        logger.warning("the payload types of a stream cannot be changed: %s, %s", sent, heard)
        return False
    out, into = (_address(one) for one in (sessions.tx_rtp, sessions.rx_rtp))
    if not all(_number(session + _CHANNEL, 8) == stream for session in (out, into)):
        logger.warning("the channels of a stream are not where they should be")
        return False
    _change(out + _CHANNEL_NUMBER, 4, sent)
    _change(into + _CHANNEL_NUMBER, 4, heard)
    _change(into + _EXPECTED, 2, heard)
    _change(stream + _EVENT_SENT, 4, sent)
    _change(stream + _EVENT_HEARD, 4, heard)
    return True


def _change(place: int, size: int, numbers: Numbers) -> None:
    wire = numbers.get(_number(place, size))
    if wire is not None:
        _room(place, size)[:] = wire.to_bytes(size, sys.byteorder)


def _number(place: int, size: int) -> int:
    return int.from_bytes(bytes(_room(place, size)), sys.byteorder)


def _room(place: int, size: int) -> Any:
    return ffi.buffer(ffi.cast("uint8_t *", place), size)


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))
