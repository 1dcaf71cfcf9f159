"""Whose thread goes before others: the clock of a call's bridge, where the engine may say so."""

import os
from pathlib import Path

POLICY = os.SCHED_RR | os.SCHED_RESET_ON_FORK
"In turns with each other; what they start has no part in it."


def let_go_first(process: int, thread: int) -> bool:
    """Have a thread of this process go before all that is ordinary, and before what it was among.

    Returns whether it does. The process says itself which, and may say anything: of another process
    none is touched.
    """
    if not Path(f"/proc/{process}/task/{thread}").exists():
        return False
    most = os.sched_get_priority_max(os.SCHED_RR)
    try:
        priority = min(os.sched_getparam(thread).sched_priority + 1, most)
        os.sched_setscheduler(thread, POLICY, os.sched_param(priority))
    except OSError:
        return False
    return True
