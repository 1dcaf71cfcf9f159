"""Threads of the engine under the names that Python knows them by, for `top -H` and `bench`."""

import contextlib
import threading
from pathlib import Path

MAX_BYTES = 15
"Of a name in Linux (proc(5))."


def show_name() -> None:
    """Have the system call this thread as Python does; where it has no way, nothing happens."""
    name = threading.current_thread().name.encode()[:MAX_BYTES]
    with contextlib.suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_bytes(name)
