"""Codecs plugged into pjsua2 from outside: OPUS, AMR-WB, AMR and G.729, where the build has none.

In the order of a process's life: `preload()` before it is forked, `install()` after
`Endpoint.libInit()`, `correct_rtcp_clock()` for every stream, in `Call.onStreamCreated`, and
`scale_event_durations()` before a digit is sent beside a codec of another clock rate.
`Endpoint.libDestroy()` must be called before the interpreter ends: pjmedia holds callbacks.
"""

from callengine.worker.plugins.callbacks import failed, raised_so_far
from callengine.worker.plugins.event_clock import forget_transport, scale_event_durations
from callengine.worker.plugins.installation import (
    CodecReport,
    correct_rtcp_clock,
    error_counts,
    install,
    least_packet_ms,
    preload,
)

__all__ = [
    "CodecReport", "correct_rtcp_clock", "error_counts", "failed", "forget_transport", "install",
    "least_packet_ms", "preload", "raised_so_far", "scale_event_durations",
]  # fmt: skip
