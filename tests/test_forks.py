"""What a run in forked processes does and tells is what a run in one would."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOGGING = """
import os, pytest
from pathlib import Path
NOTES = Path(__file__).with_name("notes")
def note(what):
    with NOTES.open("a") as file:
        file.write(f"{what} {os.getpid()}\\n")
"""
CONFTEST = f"""{LOGGING}
note("imported")
@pytest.fixture(scope="session")
def house():
    note("house-built")
    yield
    note("house-gone")
@pytest.fixture(scope="module")
def room(house, request):
    yield
    note(f"{{request.module.__name__}}-room-gone")
"""
Notes = list[tuple[str, int]]


class Outcome:
    """How a run ended, what it printed and what its tests noted, in which process."""

    def __init__(self, done: "subprocess.CompletedProcess[str]", notes: Notes) -> None:
        self.status, self.printed, self.notes = done.returncode, done.stdout + done.stderr, notes

    def processes(self, prefix: str) -> set[int]:
        return {pid for what, pid in self.notes if what.startswith(prefix)}

    def order(self, prefix: str) -> list[str]:
        return [what for what, _ in self.notes if what.startswith(prefix)]


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what runs some files of tests, given by name, in two forked processes."""

    def run(*options: str, **files: str) -> Outcome:
        (tmp_path / "conftest.py").write_text(CONFTEST)
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        for name, text in files.items():
            (tmp_path / f"test_{name}.py").write_text(
                f"from conftest import note, pytest, os\n{text}"
            )
        command = [sys.executable, "-m", "pytest", "-p", "tests.forks", "-p", "no:cacheprovider"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        done = subprocess.run(
            [*command, "-p", "no:django", "-p", "no:schemathesis", "--forks", "2", *options],
            env={**environment, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        notes = [line.split() for line in (tmp_path / "notes").read_text().splitlines()]
        return Outcome(done, [(what, int(pid)) for what, pid in notes])

    return run


def three(name: str) -> str:
    """Return a file of three tests in a room."""
    return "\n".join(
        f"def test_{number}(room):\n    note('{name}-{number}')\n    os.sched_yield()\n"
        for number in range(3)
    )


def test_each_test_runs_once_and_those_of_a_file_in_order_in_one_process(run: Run) -> None:
    outcome = run(**{name: three(name) for name in "abcde"})
    assert (outcome.status, "15 passed" in outcome.printed) == (0, True), outcome.printed
    for name in "abcde":
        assert outcome.order(f"{name}-") == [f"{name}-0", f"{name}-1", f"{name}-2"]
        assert len(outcome.processes(f"{name}-")) == 1


def test_all_is_imported_once_and_what_was_set_up_is_torn_down(run: Run) -> None:
    outcome = run(**{name: three(name) for name in "abcde"})
    assert len(outcome.order("imported")) == 1
    assert outcome.processes("house-built") == outcome.processes("house-gone")
    assert outcome.order("house-built") == ["house-built"] * 2
    for name in "abcde":
        assert outcome.order(f"test_{name}-room") == [f"test_{name}-room-gone"]


def test_a_failure_is_told_with_what_was_printed(run: Run) -> None:
    outcome = run(
        a=three("a"), b="def test_bad():\n    print('spo' + 'ken')\n    assert 1 + 1 == 3\n"
    )
    assert outcome.status == 1
    for told in ("assert (1 + 1) == 3", "spoken", "FAILED test_b.py::test_bad", "3 passed"):
        assert told in outcome.printed


def test_a_teardown_that_fails_at_the_end_fails_the_run(run: Run) -> None:
    broken = (
        "@pytest.fixture(scope='session')\ndef bad():\n    yield\n    raise OSError('slammed')\n"
    )
    outcome = run(a=f"{broken}def test_good(bad): pass\n", b=three("b"))
    assert outcome.status != 0
    assert "slammed" in outcome.printed


def test_a_warning_is_told_once(run: Run) -> None:
    warning = "import warnings\nwarnings.warn('faded')\ndef test_old(): warnings.warn('worn out')\n"
    outcome = run("-Wdefault", a=warning, b=three("b"))
    assert "4 passed, 2 warnings" in outcome.printed, outcome.printed
    assert "UserWarning: worn out" in outcome.printed


def test_a_process_that_dies_fails_its_test_and_the_rest_of_the_file_runs(run: Run) -> None:
    deadly = "def test_deadly():\n    os.kill(os.getpid(), 9)\n"
    outcome = run(a=f"{deadly}{three('a')}", b=three("b"))
    assert outcome.status == 1
    assert "FAILED test_a.py::test_deadly - the test process ended with -9" in outcome.printed
    assert "1 failed, 6 passed" in outcome.printed


def test_a_run_that_is_to_stop_at_a_failure_does(run: Run) -> None:
    files = {f"z{number}": three("z") for number in range(20)}
    outcome = run("-x", a="def test_bad(): assert not 'bad'\n", **files)
    assert outcome.status == 1
    assert "stopping after 1 failures" in outcome.printed
    assert len(outcome.order("z")) < 60


def test_what_cannot_be_collected_stops_the_run(run: Run) -> None:
    outcome = run(a="import nothing_of_this_name\n", b=three("b"))
    assert outcome.status == 2
    assert outcome.order("b") == []
