"""Memory that processes share with the one that forked them, by what the kernel says is theirs."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.engine import ROOT

OBJECTS = 1500
"Each on a page of its own: 6 MB if all of them are copied."

FORKED = f"""
import os, sys
from callengine.worker.process.sharing import share
def own_kb():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))
class Looked:
    pass
# Texts of 80 bytes, a page between one that is used and the next.
texts = ["a" + format(number, "020d") for number in range({OBJECTS} * 61)]
used = texts[::61]
for name in used:
    getattr(Looked, name, None)
# Gaps of 112 bytes, as far from each other.
blocks = [bytes(79) for _ in range({OBJECTS} * 36)]
del blocks[::36]
share()
pid = os.fork()
if pid == 0:
    at_first = own_kb()
    {{what}}
    print(own_kb() - at_first, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
os._exit(0)
"""

OF_ALL_SIZES = """held = [[bytes(size) for _ in range(4000)] for size in range(0, 480, 16)]
    held += [[2**40 + number for number in range(4000)], [number / 2 for number in range(4000)]]"""
# Of other names, as many as Python remembers.
LOOK_UP = """names = ["b" + format(number, "020d") for number in range(4096)]
    for name in names: getattr(Looked, name, None)"""


def copied_kb(python: str, what: str) -> int:
    command = [python, "-B", "-c", FORKED.format(what=what)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout, f"the process that was forked has ended: {done.stderr}"
    return int(done.stdout)


def runs(python: Path, script: str) -> str | None:
    """Return what a Python prints, or None if it does not run."""
    try:
        done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@functools.cache
def python_3_12() -> str | None:
    """Return a Python 3.12 that runs: this one, one on the PATH, or one beside any of those."""
    if sys.version_info[:2] == (3, 12):
        return sys.executable
    places = [Path(place) for place in os.get_exec_path()]
    prefixes = {runs(place / "python3", "import sys; print(sys.base_prefix)") for place in places}
    kept = [ROOT / ".setup/python", *(Path(prefix).parent for prefix in prefixes if prefix)]
    beside = [path for folder in kept for path in folder.glob("*3.12.*/bin/python3.12")]
    pythons = [*(place / "python3.12" for place in places), *beside]
    return next((str(python) for python in pythons if runs(python, "") is not None), None)


def test_names_looked_up_before_the_fork_are_not_counted_down_after_it() -> None:
    assert copied_kb(sys.executable, LOOK_UP) < 1300


def test_what_a_process_makes_lies_together() -> None:
    assert copied_kb(sys.executable, f"held = [bytes(79) for _ in range({OBJECTS})]") < 1000


@pytest.mark.skipif(python_3_12() is None, reason="needs Python 3.12")
def test_objects_are_not_copied_where_they_can_be_immortal() -> None:
    python = python_3_12()
    assert python is not None
    assert copied_kb(python, "held = list(used)") < 1000


@pytest.mark.skipif(python_3_12() is None, reason="needs Python 3.12")
def test_nothing_that_was_freed_by_then_is_written_to() -> None:
    python = python_3_12()
    assert python is not None
    assert copied_kb(python, OF_ALL_SIZES) > 0  # else the process that was forked has crashed
