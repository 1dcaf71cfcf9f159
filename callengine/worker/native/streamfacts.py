"""What pjmedia notes of a stream: as its own structures have it, and as pjsua2 tells it.

pjsua2 needs forty objects of Python's each time. It is asked where nothing is known of the
structures: on a build that is not ours.
"""

from functools import cache
from operator import attrgetter
from typing import Any

from callengine.worker.native import layout
from callengine.worker.native.libraries import SUCCESS, ffi

_FIGURES = {
    "received": ("rx.pkt", "rtcp.rxStat.pkt"),
    "lost": ("rx.loss", "rtcp.rxStat.loss"),
    "jitter_us": ("rx.jitter.last", "rtcp.rxStat.jitterUsec.last"),
    "sent": ("tx.pkt", "rtcp.txStat.pkt"),
    "reports": ("tx.update_cnt", "rtcp.txStat.updateCount"),
    "round_trips": ("rtt.n", "rtcp.rttUsec.n"),
    "round_trip_us": ("rtt.last", "rtcp.rttUsec.last"),
}
"Where each figure stands in pjmedia_rtcp_stat, and where in pjsua2.StreamStat."
_NOTED = {name: attrgetter(noted) for name, (noted, _) in _FIGURES.items()}
_TOLD = {name: attrgetter(told) for name, (_, told) in _FIGURES.items()}
_MORE_BYTES = 4096
"Of a structure of which we know the head: more than it has."
_SOURCES = slice(80, 136)
"Place of src_rtp_name and src_rtcp_name in pjmedia_transport_info (2.15.1)."


@cache
def _room() -> Any:
    """For one thread: what is told lies in one place."""
    return ffi.new("uint8_t[]", _MORE_BYTES)


def figures(call: Any, index: int, stream: int | None) -> dict[str, int]:
    """Return the running figures of RTP of a media line of a pjsua2 call, by their names.

    `stream` is the address of its pjmedia_stream, where that is known. Raises pjsua2.Error if
    pjsua2 has no such stream.
    """
    noted_now = noted(stream) if stream is not None else None
    return told(call, index) if noted_now is None else noted_now


def noted(stream: int) -> dict[str, int] | None:
    """Return what the stream at this address has noted; None if nothing is known."""
    api = layout.verified_pjmedia()
    if api is None:
        return None
    stat = ffi.cast("pjmedia_rtcp_stat *", _room())
    status = api.pjmedia_stream_get_stat(ffi.cast("pjmedia_stream *", stream), stat)
    return {name: read(stat) for name, read in _NOTED.items()} if status == SUCCESS else None


def told(call: Any, index: int) -> dict[str, int]:
    """Return what pjsua2 tells of a media line of a call. Raises pjsua2.Error."""
    stat = call.getStreamStat(index)  # held: its parts lie in it, and go with it
    return {name: read(stat) for name, read in _TOLD.items()}


def sources(call: int, index: int) -> bytes:
    """Return where the last RTP and RTCP came from, on a media line of a pjsua call.

    Two addresses as pjmedia has them, to be compared; empty if nothing is known.
    """
    api = layout.verified_pjmedia()
    if api is None or call < 0:
        return b""
    info = _room()
    if api.pjsua_call_get_med_transport_info(call, index, info) != SUCCESS:
        return b""
    return bytes(ffi.buffer(info, _SOURCES.stop)[_SOURCES])
