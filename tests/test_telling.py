"""A failure is told before the run is over."""

from pathlib import Path

import pytest

from tests import telling
from tests.runs_of_tests import run

pytestmark = pytest.mark.processes
CONFTEST = """
from tests import telling

def pytest_configure(config):
    telling.begin(config)
"""
TESTS = """
import os
import signal
import time
from pathlib import Path

def test_it_fails():
    print("what it said")
    assert 6 * 7 == 54, "the reason"

def test_then_the_run_is_ended(tmp_path_factory, request):
    base = tmp_path_factory.getbasetemp()
    own = hasattr(request.config, "workerinput")
    file = (base.parent if own else base) / "failures.txt"
    until = time.monotonic() + 60
    while not file.exists() or "what it said" not in file.read_text():
        assert time.monotonic() < until, "nothing is told while the run goes on"
        time.sleep(0.02)
    # Whoever has the terminal; no more is heard of it.
    os.kill(os.getppid() if own else os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_run_that_is_ended_has_told_what_failed(tmp_path: Path, workers: str) -> None:
    done = run(tmp_path, "-n", workers, conftest=CONFTEST, test_some=TESTS)
    assert done.returncode == -9, done.stdout + done.stderr
    for told in (done.stdout, (tmp_path / "base" / telling.FILE).read_text()):
        assert "test_some.py::test_it_fails (call)" in told
        assert "AssertionError: the reason" in told
        assert "what it said" in told
