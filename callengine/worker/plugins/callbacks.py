"""What pjmedia calls in Python, on its own threads: made here, so that no exception is lost.

cffi prints what a callback raises and returns what `error` says. A packet that is lost so is no
more than a packet; a description that could not be compared, or a codec that fails on and on, is
the end of the call. `failed` tells the call's thread.
"""

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

from callengine.worker.native.libraries import FAILED, ffi
from callengine.worker.plugins.instances import errors

logger = logging.getLogger(__name__)

TOLERATED_PACKETS = 50
"How many packets a callback may fail on in a call: one second's."

_raised: Counter[str] = Counter()
"How often a callback raised, by its name."
_per_packet: set[str] = set()


def callback(
    kind: Any, function: Callable[..., Any], *, name: str, per_packet: bool = False
) -> Any:
    """Return a C function of this cffi type; the caller keeps it as long as C may call it.

    `name` is what the log calls it; one that is called `per_packet` may fail now and then.
    """
    if per_packet:
        _per_packet.add(name)

    def raised(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        _raised[name] += 1
        errors[name] += 1
        if _raised[name] == 1:  # the others of 50 a second would say the same
            logger.error("%s failed", name, exc_info=(kind, error, traceback))

    signature = ffi.typeof(kind) if isinstance(kind, str) else kind
    error = None if signature.result.kind == "void" else FAILED
    return ffi.callback(signature, function, error=error, onerror=raised)


def raised_so_far() -> Counter[str]:
    """Return how often each callback has raised, for `failed` to begin with."""
    return _raised.copy()


def failed(since: Counter[str]) -> str:
    """Return the name of a callback that has failed too often since `raised_so_far`, or ""."""
    for name, times in list(_raised.items()):
        if times - since[name] > (TOLERATED_PACKETS if name in _per_packet else 0):
            return name
    return ""
