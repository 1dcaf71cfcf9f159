from pathlib import Path

from callengine.engine.node.trimming import QUIET_S, Trimming, malloc_trim


def test_memory_is_given_back_once_after_each_time_with_calls() -> None:
    trimmed: list[float] = []
    now = 0.0
    trimming = Trimming(lambda: trimmed.append(now))
    for now, calls in ((0.0, 0), (1000.0, 0), (1003.0, 2), (1003.0 + QUIET_S - 1, 0)):
        trimming.look(now, calls=calls)
    assert not trimmed
    for now in (1003.0 + QUIET_S, 1006.0 + QUIET_S, 5000.0):
        trimming.look(now, calls=0)
    assert trimmed == [1003.0 + QUIET_S]
    for now, calls in ((6000.0, 1), (6000.0 + QUIET_S, 0)):
        trimming.look(now, calls=calls)
    assert trimmed == [1003.0 + QUIET_S, 6000.0 + QUIET_S]


def test_what_is_free_below_something_in_use_goes_back_to_the_system() -> None:
    blocks = [bytes(3000) for _ in range(20_000)]
    last = blocks.pop()
    blocks.clear()
    before = _resident_kb()
    malloc_trim()
    assert before - _resident_kb() > 20_000
    assert len(last) == 3000


def _resident_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
