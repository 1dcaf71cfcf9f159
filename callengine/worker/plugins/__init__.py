"""Codecs plugged into pjsua2 from outside: OPUS and AMR-WB, where the build lacks them.

In the order of a process's life: `preload()` before it is forked, `install()` after
`Endpoint.libInit()`, and `correct_rtcp_clock()` for every stream, in `Call.onStreamCreated`.
`Endpoint.libDestroy()` must be called before the interpreter ends: pjmedia holds callbacks.
"""

from callengine.worker.plugins.installation import (
    CodecReport,
    correct_rtcp_clock,
    error_counts,
    install,
    preload,
)

__all__ = ["CodecReport", "correct_rtcp_clock", "error_counts", "install", "preload"]
