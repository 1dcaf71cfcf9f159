"""Tests in forked processes: each runs once, all is told, and nothing outlives the run."""

import signal
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from tests import runs_of_tests

pytestmark = pytest.mark.processes
CONFTEST = """
import os
from pathlib import Path

import pytest
from tests.peers.ports import free_port

free_port()
RECORD = Path(__file__).with_name("record")

def note(what):
    with RECORD.open("a") as file:
        file.write(f"{what} {os.environ.get('PYTEST_XDIST_WORKER')} {os.getpid()}\\n")

@pytest.fixture(scope="session", autouse=True)
def session(tmp_path_factory):
    note(f"session {tmp_path_factory.getbasetemp().name} {free_port()}")
    yield
    note("session-over")

@pytest.fixture(scope="module", autouse=True)
def module(request):
    note(f"begun-{request.module.__name__}")
    yield
    note(f"over-{request.module.__name__}")
"""
MEETS = """
import time
from conftest import RECORD

def test_another_process_runs_tests_as_well():
    until = time.monotonic() + 60
    while RECORD.read_text().count("begun-") < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
"""
INTERRUPTED = f"""{MEETS}
    import os, signal
    os.killpg(0, signal.SIGINT)
    time.sleep(60)
"""
PASSES = "def test_it_passes(): print('of no interest')\ndef test_so_does_this(): pass\n"
FAILS = (
    "def test_it_fails():\n    print('what', 'it', 'said')\n    assert 6 * 7 == 54, 'the reason'\n"
)
DIES = """
import os, signal
def test_before(): pass
def test_it_dies(): os.kill(os.getpid(), signal.SIGKILL)
def test_after(): pass
"""
LEAVES = """
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        raise RuntimeError("what was left")
"""
WARNS = "import warnings\ndef test_it_warns(): warnings.warn('mind this')\n"


def run(folder: Path, *arguments: str, **modules: str) -> "subprocess.CompletedProcess[str]":
    """Run these modules in two processes."""
    return runs_of_tests.run(
        folder,
        *("-p", "tests.forks", "--forks", "2", "--junitxml", str(folder / "junit.xml")),
        *arguments,
        **{"conftest": CONFTEST, **modules},
    )


def record(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "record").read_text().splitlines()]


def nobody_is_left(folder: Path) -> bool:
    pids = {line[-1] for line in record(folder)}
    return bool(pids) and not any(Path("/proc", pid).exists() for pid in pids)


def test_each_test_runs_once_and_all_is_told_in_one_place(tmp_path: Path) -> None:
    passing = {f"test_{letter}": PASSES for letter in "abcdefg"}
    others = {"test_bad": FAILS, "test_0_meets": MEETS, "test_warns": WARNS}
    done = run(tmp_path, "-W", "default", **passing, **others)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 16 passed, 1 warning" in done.stdout
    assert done.stdout.count("what it said") == 1
    assert "AssertionError: the reason" in done.stdout
    assert "UserWarning: mind this" in done.stdout
    assert "a test process" not in done.stdout
    assert "of no interest" not in done.stdout + done.stderr
    cases = ET.parse(tmp_path / "junit.xml").iter("testcase")
    names = Counter(f"{case.get('classname')}.{case.get('name')}" for case in cases)
    assert (len(names), names.total()) == (17, 17)

    lines = record(tmp_path)
    begun = Counter(line[0] for line in lines)
    for module in (*passing, *others):
        assert (begun[f"begun-{module}"], begun[f"over-{module}"]) == (1, 1)
    assert begun["session"] == begun["session-over"] == 2
    sessions = sorted(line[1:] for line in lines if line[0] == "session")
    assert [[folder, worker] for folder, _, worker, _ in sessions] == [["gw0"] * 2, ["gw1"] * 2]
    assert int(sessions[0][1]) < 28_000 <= int(sessions[1][1]), "ports are a process's own"
    assert nobody_is_left(tmp_path)


MORE = f"""{CONFTEST}
from tests import forks

forks.LOOK_S, forks.JOINS, forks.LEAVES = 0.1, {{joins}}, {{leaves}}
"""


@pytest.mark.parametrize(
    ("joins", "leaves", "least", "most"),
    [(2, 0, 0, 0), (-1, 0, 1, 1), (-1, 2, 2, 10)],
    ids=["busy", "idle", "busy-again"],
)
def test_one_more_joins_while_processors_idle_and_leaves_once_they_do_not(
    tmp_path: Path, joins: int, leaves: int, least: int, most: int
) -> None:
    slow = "import time\ndef test_it_waits():\n    time.sleep(0.5)\n"
    waiting = {f"test_{at}": slow for at in range(20)}
    conftest = MORE.replace("{joins}", str(joins)).replace("{leaves}", str(leaves))
    done = run(tmp_path, "--more-forks", "1", conftest=conftest, **waiting)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 passed" in done.stdout
    lines = record(tmp_path)
    begun = Counter(line[0] for line in lines)
    assert {begun[f"begun-{module}"] for module in waiting} == {1}
    joined = [line for line in lines if line[0] == "session" and line[1] == "gw2"]
    assert least <= len(joined) <= most
    assert begun["session-over"] == begun["session"] == 2 + len(joined)
    assert nobody_is_left(tmp_path)


def test_a_process_that_dies_fails_the_test_it_ran_and_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, test_a=PASSES, test_b=DIES, test_c=PASSES)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"the test process ended with -{signal.SIGKILL.value} meanwhile" in done.stdout
    assert "FAILED test_b.py::test_it_dies" in done.stdout
    assert f"! a test process ended with -{signal.SIGKILL.value}, 1 not run !" in done.stdout
    assert "1 failed, 5 passed" in done.stdout


def test_what_fails_outside_of_tests_fails_the_run(tmp_path: Path) -> None:
    done = run(tmp_path, conftest=LEAVES, test_a=PASSES, test_b=PASSES)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert "! a test process ended with 1" in done.stdout
    assert "RuntimeError: what was left" in done.stderr


@pytest.mark.parametrize(
    ("module", "status"), [(FAILS, 1), (INTERRUPTED, 2)], ids=["failed", "interrupted"]
)
def test_a_run_that_ends_early_leaves_nobody(tmp_path: Path, module: str, status: int) -> None:
    slow = "import time\ndef test_it_waits():\n    time.sleep(0.2)\n"
    waiting = {f"test_b{at}": slow for at in range(100)}
    done = run(tmp_path, "--maxfail=1", test_a=module, **waiting)
    assert done.returncode == status, done.stdout + done.stderr
    assert nobody_is_left(tmp_path)
    begun = Counter(line[0] for line in record(tmp_path))
    assert sum(begun[f"begun-{name}"] for name in waiting) < len(waiting)
