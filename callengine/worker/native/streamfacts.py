"""What pjmedia notes of a stream, as its own structures have it.

pjsua2 tells the same, by forty objects of Python's each time. Who asks falls back on it where
nothing is known here: on a build whose structures are not ours.
"""

from functools import cache
from typing import Any

from callengine.worker.native import layout
from callengine.worker.native.libraries import SUCCESS, ffi

_MORE_BYTES = 4096
"Of a structure of which we know the head: more than it has."
_SOURCES = slice(80, 136)
"Place of src_rtp_name and src_rtcp_name in pjmedia_transport_info (2.15.1)."


@cache
def _room() -> Any:
    """For one thread: what is told lies in one place."""
    return ffi.new("uint8_t[]", _MORE_BYTES)


def statistics(stream: int) -> Any:
    """Return the `pjmedia_rtcp_stat` of the stream at this address, until this is asked again.

    None if nothing is known.
    """
    api = layout.verified_pjmedia()
    if api is None:
        return None
    told = ffi.cast("pjmedia_rtcp_stat *", _room())
    status = api.pjmedia_stream_get_stat(ffi.cast("pjmedia_stream *", stream), told)
    return told if status == SUCCESS else None


def sources(call: int, index: int) -> bytes:
    """Return where the last RTP and RTCP came from, on a media line of a pjsua call.

    Two addresses as pjmedia has them, to be compared; empty if nothing is known.
    """
    api = layout.verified_pjmedia()
    if api is None or call < 0:
        return b""
    told = _room()
    if api.pjsua_call_get_med_transport_info(call, index, told) != SUCCESS:
        return b""
    return bytes(ffi.buffer(told, _SOURCES.stop)[_SOURCES])
