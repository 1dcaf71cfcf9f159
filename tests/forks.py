"""Run the tests in processes that are forked once all tests are collected: `--forks 4`.

To import, collect and mark the tests costs as much as to run hundreds of them, and so does all
that they work out once. Here one process does it, and those that run tests begin with what it
has. Each is given the tests of one file, then those of the next that nobody has.
"""

import atexit
import os
import random
import sys
import traceback
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import pytest

Event = tuple[str, dict[str, Any]]
"What a test process has to tell of a test: a hook, and what it is called with."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, default=0, help="test processes, forked; 0: none")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


class Hooks:
    """Hooks of a run that is forked."""

    @pytest.hookspec()
    def pytest_forked(self, config: pytest.Config, number: int) -> None:
        """Begin test process `number`, from 1: have for yourself what may not be shared."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if config.option.forks and terminal is not None:
        terminal.showfspath = False  # files are run beside each other


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    option = session.config.option
    broken = session.testsfailed and not option.continue_on_collection_errors
    if not option.forks or option.collectonly or broken or option.usepdb:
        return None
    files: dict[Path, list[int]] = {}
    for index, item in enumerate(session.items):
        files.setdefault(item.path, []).append(index)
    Run(session, deque(files.values())).run(min(option.forks, len(files)))
    return True


class Process:
    """A test process as the one that collected sees it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.indices: deque[int] = deque()
        "The tests it was given and has not told of; it runs the first."


class Run:
    """The tests of a session, and the processes that run them."""

    def __init__(self, session: pytest.Session, files: deque[list[int]]) -> None:
        self._session, self._config = session, session.config
        self._files = files
        self._processes: dict[Connection, Process] = {}
        self._number = 0

    def run(self, count: int) -> None:
        """Run all, so many at once.

        Raises:
            pytest.Session.Failed: as many failed as may.
            pytest.Session.Interrupted: a plugin asked to stop.
        """
        # Where each has a folder of its own.
        self._config._tmp_path_factory.getbasetemp()
        try:
            for _ in range(count):
                self._fork()
            while self._processes:
                for pipe in wait(list(self._processes)):
                    self._hear(pipe)
                if self._session.shouldfail:
                    raise self._session.Failed(self._session.shouldfail)
                if self._session.shouldstop:
                    raise self._session.Interrupted(self._session.shouldstop)
        finally:
            for pipe in list(self._processes):
                self._end(pipe)

    def _fork(self) -> None:
        self._number += 1
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            for pipe in (ours, *self._processes):
                pipe.close()
            work(self._session, theirs, self._number)
        theirs.close()
        self._processes[ours] = Process(pid)
        self._give(ours)

    def _give(self, pipe: Connection) -> None:
        indices = self._files.popleft() if self._files else []
        self._processes[pipe].indices.extend(indices)
        pipe.send(indices)

    def _hear(self, pipe: Connection) -> None:
        process = self._processes[pipe]
        try:
            events: list[Event] | str = pipe.recv()
        except (EOFError, ConnectionResetError):
            self._ended(pipe)
            return
        if isinstance(events, str):
            raise RuntimeError(f"in a test process:\n{events}")
        process.indices.popleft()
        if not process.indices:
            self._give(pipe)
        self._tell(events)

    def _ended(self, pipe: Connection) -> None:
        """See a process go; if it was not to, its test has failed, and another runs the rest."""
        process, status = self._processes[pipe], self._end(pipe)
        if not process.indices:
            if status:
                raise RuntimeError(f"a test process ended with {status}")
            return
        item = self._session.items[process.indices.popleft()]
        report = pytest.TestReport(
            item.nodeid,
            item.location,
            {},
            "failed",
            f"the test process ended with {status}",
            "call",
        )
        self._config.hook.pytest_runtest_logreport(report=report)
        if process.indices:
            self._files.appendleft([*process.indices])
        if self._files:
            self._fork()

    def _end(self, pipe: Connection) -> int:
        pipe.close()
        return os.waitstatus_to_exitcode(os.waitpid(self._processes.pop(pipe).pid, 0)[1])

    def _tell(self, events: list[Event]) -> None:
        hooks = self._config.hook
        for name, told in events:
            if name == "pytest_runtest_logreport":
                report = hooks.pytest_report_from_serializable(config=self._config, data=told)
                hooks.pytest_runtest_logreport(report=report)
            elif name == "pytest_warning_recorded":
                hooks.pytest_warning_recorded.call_historic(kwargs=told)
            else:
                getattr(hooks, name)(**told)


class Teller:
    """Keeps what the hooks of a test process are told, for the process that shows it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._events: list[Event] = []

    def taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._note("pytest_runtest_logstart", nodeid=nodeid, location=location)

    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._note("pytest_runtest_logfinish", nodeid=nodeid, location=location)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._events.append(("pytest_runtest_logreport", data))

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        told = {"warning_message": warning_message, "when": when, "nodeid": nodeid}
        self._note("pytest_warning_recorded", **told, location=location)

    def _note(self, name: str, **told: Any) -> None:
        self._events.append((name, told))


def work(session: pytest.Session, pipe: Connection, number: int) -> None:
    """Be a test process, and no other: this does not return."""
    status = 1
    atexit._clear()  # what is to be done when the process ends that collected
    try:
        _have_what_is_not_shared(session.config, number)
        for events in _run(session, pipe):
            pipe.send(events)
        status = 0
    except (BrokenPipeError, ConnectionResetError, EOFError, KeyboardInterrupt):
        pass  # the run is given up
    except BaseException:  # noqa: BLE001 - nothing goes on here
        pipe.send(traceback.format_exc())
    finally:
        try:
            session._setupstate.teardown_exact(None)
            atexit._run_exitfuncs()
        except BaseException:  # noqa: BLE001 - nothing goes on here
            status = 1
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _have_what_is_not_shared(config: pytest.Config, number: int) -> None:
    plugins = config.pluginmanager
    plugins.unregister(name="terminalreporter")
    capturing = plugins.get_plugin("capturemanager")
    # Both would write to one file, and read what the other wrote.
    capturing.stop_global_capturing()
    capturing.start_global_capturing()
    capturing.suspend_global_capture()
    folders = config._tmp_path_factory
    folders._basetemp = folders.mktemp(f"process{number}", numbered=False)
    random.seed()
    config.hook.pytest_forked(config=config, number=number)


def _run(session: pytest.Session, pipe: Connection) -> Iterator[list[Event]]:
    """Yield what there is to tell of each test that we are given."""
    config = session.config
    teller = Teller(config)
    config.pluginmanager.register(teller)
    teller.taken()  # warnings of the collecting, which has told them
    while indices := pipe.recv():
        items = [session.items[index] for index in indices]
        # What comes after a file is not known yet: it shares the session with it, and no more.
        for item, following in zip(items, [*items[1:], session], strict=True):
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            yield teller.taken()
