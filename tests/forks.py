"""Test processes forked from the one that collected the tests: `pytest -p tests.forks --forks 3`.

With xdist each test process imports and collects all tests, 6 s of a processor; here that is done
once. What runs in a forked process finds all that xdist gives its workers, so that databases, ports
and folders are a process's own. Each takes one module after the other; its reports come back to the
process that has the terminal, which counts and writes them. More join, with `--more-forks 2` up to
two, one at a time, while processors idle, and leave once they do not: what tests cost, and for how
long they wait, changes within a run, and fixed at any number there were stretches with too many or
too few. What is asked for with `-n` is done by xdist, or in one process; `--pdb` has the terminal
as well.
"""

import fcntl
import itertools
import os
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import serialize_warning_message
from xdist.workermanage import unserialize_warning_message

from tests.idling import Idling

CONTEXT = get_context("fork")
NUMBER = 2
"How many bytes a module's number takes in the pipe that holds the turns."
HERE = ("session", "logging-plugin")
"Who listens to reports where tests run. The others belong to the process that has the terminal."
LOOK_S = 5.0
"How long processors are watched before another process joins."
JOINS, LEAVES = 0.3, 0.1
"Which part of their time is idle where one joins, and where one that joined does not go on."
PATIENCE_S = 5.0
"How long a process whose reports nobody wants any more is waited for."


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, default=0, help="in how many processes tests run")
    parser.addoption("--more-forks", type=int, default=0, help="how many join while some idle")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in forked processes, if there is more than one module of them."""
    option = session.config.option
    modules = _modules(session)
    count = min(option.forks, len(modules))
    is_elsewhere = session.config.getoption("numprocesses", None) is not None or option.usepdb
    if count < 2 or session.testsfailed or option.collectonly or is_elsewhere:
        return None
    Run(session, modules, count, option.more_forks).follow()
    return True


def _modules(session: pytest.Session) -> list[range]:
    """Return where the tests of each module are among all."""
    ends = itertools.accumulate(
        len(list(items)) for _, items in itertools.groupby(session.items, lambda one: one.path)
    )
    return [range(*both) for both in itertools.pairwise([0, *ends])]


class Run:
    """The tests of a run, as the process sees them that has collected them."""

    def __init__(
        self, session: pytest.Session, modules: list[range], count: int, more: int
    ) -> None:
        self._session = session
        self._config = session.config
        self._modules = modules
        self._count, self._most = count, count + more
        self._turns = _filled(len(modules))
        self._untold = set(range(len(session.items)))
        self._workers: dict[Connection, tuple[ForkProcess, Worker]] = {}
        self._failures: list[str] = []

    def follow(self) -> None:
        """Have processes run the modules, and tell what they report."""
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.showfspath = False  # Several modules are told of at once.
        try:
            for number in range(self._count):
                self._begin(number)
            self._follow()
        finally:
            self._end()
        if self._untold:
            self._failures.append(f"{len(self._untold)} not run")
        if self._failures:
            self._session.shouldfail = ", ".join(self._failures)
            self._stop_if_told()

    def _follow(self) -> None:
        idling, looked_at = Idling(), time.monotonic()
        while self._workers:
            for heard in wait([*self._workers], LOOK_S):
                self._hear(heard)
            self._stop_if_told()
            if time.monotonic() - looked_at > LOOK_S:
                looked_at = time.monotonic()
                if idling.since_last() > JOINS and _holds(self._turns):
                    self._join()

    def _begin(self, number: int) -> None:
        heard, told = CONTEXT.Pipe(duplex=False)
        stays = number < self._count
        worker = Worker(
            self._session, self._modules, number, stays=stays, turns=self._turns, told=told
        )
        process = CONTEXT.Process(target=worker.main, args=(self._most, [heard, *self._workers]))
        process.start()
        told.close()
        self._workers[heard] = process, worker

    def _join(self) -> None:
        """Begin one more process, if there may be one, by a number that nobody has."""
        numbers = {worker.number for _, worker in self._workers.values()}
        free = [number for number in range(self._count, self._most) if number not in numbers]
        if free and len(numbers) >= self._count:
            self._begin(free[0])

    def _hear(self, heard: Connection) -> None:
        try:
            kind, told = heard.recv()
        except (EOFError, OSError):  # between two words, or within one
            self._bury(heard)
            return
        if kind == "ran":
            self._tell(*told)
        else:
            warned = unserialize_warning_message(told.pop("warning_message"))
            self._config.hook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": warned, **told}
            )

    def _tell(self, at: int, reports: list[dict[str, Any]]) -> None:
        self._untold.discard(at)
        item, config = self._session.items[at], self._config
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _bury(self, heard: Connection) -> None:
        """Tell of a process that has ended what was not its own to tell."""
        process, worker = self._workers.pop(heard)
        heard.close()
        process.join()
        if not process.exitcode:
            return
        self._failures.append(f"a test process ended with {process.exitcode}")
        at = worker.at.value
        if at in self._untold:
            item = self._session.items[at]
            why = f"the test process ended with {process.exitcode} meanwhile"
            died = pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")
            self._tell(at, [died._to_json() | {"$report_type": "TestReport"}])

    def _stop_if_told(self) -> None:
        """End the run as pytest does, when so many tests have failed as may."""
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _end(self) -> None:
        """Let no process outlive the run: what it has to tell reaches nobody, and it ends."""
        os.close(self._turns)
        for heard in self._workers:
            heard.close()
        for process, _ in self._workers.values():
            process.join(PATIENCE_S)
            if process.is_alive():
                process.kill()
                process.join()


def _filled(modules: int) -> int:
    """Return a pipe that holds the turns of so many modules, and nothing after them."""
    turns, filled = os.pipe()
    # All at once: it holds 32,000 of them.
    os.write(filled, b"".join(at.to_bytes(NUMBER, "big") for at in range(modules)))
    os.close(filled)
    return turns


def _holds(turns: int) -> bool:
    waiting = fcntl.ioctl(turns, termios.FIONREAD, bytes(4))
    return any(waiting)


class Worker:
    """The tests of a run, as one of the processes sees them that run them."""

    def __init__(
        self,
        session: pytest.Session,
        modules: list[range],
        number: int,
        *,
        stays: bool,
        turns: int,
        told: Connection,
    ) -> None:
        self.at = CONTEXT.RawValue("i", -1)
        "The test that runs, by its place among all; both processes see it."
        self.number = number
        self._stays = stays
        "Whether it goes on however busy the processors are."
        self._session = session
        self._config = session.config
        self._modules = modules
        self._turns = turns
        self._told = told
        self._reports: list[dict[str, Any]] = []
        self._base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]

    def main(self, count: int, others: list[Connection]) -> None:
        """Run modules until none is left. `others` are the run's ends of pipes."""
        for other in others:
            other.close()
        self._settle(count)
        try:
            with suppress(KeyboardInterrupt, BrokenPipeError):  # The run has ended.
                self._run()
            self._config.hook.pytest_sessionfinish(
                session=self._session, exitstatus=self._session.exitstatus
            )
        finally:
            self._config._ensure_unconfigure()

    def _settle(self, count: int) -> None:
        """Be a process of one's own."""
        name, config = f"gw{self.number}", self._config
        os.environ["PYTEST_XDIST_WORKER"] = name
        os.environ["PYTEST_XDIST_WORKER_COUNT"] = str(count)
        config.workerinput = {"workerid": name, "workercount": count}  # type: ignore[attr-defined]
        folder = self._base / name
        # There already, of another process of this number that has left.
        folder.mkdir(mode=0o700, exist_ok=True)
        config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
        plugins = config.pluginmanager
        # The files in which output is caught were the same for all.
        capture = plugins.get_plugin("capturemanager")
        assert capture is not None
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture(in_=True)
        if (junit := plugins.get_plugin("junitxml")) is not None:
            junit.pytest_unconfigure(config)
        for listener in config.hook.pytest_runtest_logreport.get_hookimpls():
            if listener.plugin_name not in HERE:
                plugins.unregister(listener.plugin)
        plugins.register(self)

    def _run(self) -> None:
        places = self._places()
        at = next(places, None)
        while at is not None and not (self._session.shouldfail or self._session.shouldstop):
            # Before the last test of a module this takes the next: pytest keeps what both share.
            following = next(places, None)
            items = self._session.items
            self.at.value = at
            self._config.hook.pytest_runtest_protocol(
                item=items[at], nextitem=None if following is None else items[following]
            )
            at = following

    def _places(self) -> Iterator[int]:
        idling = Idling()
        while turn := os.read(self._turns, NUMBER):
            yield from self._modules[int.from_bytes(turn, "big")]
            if not self._stays and idling.since_last() < LEAVES:
                return

    def pytest_runtest_logstart(self) -> None:
        self._reports = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        config = self._config
        self._reports.append(
            config.hook.pytest_report_to_serializable(config=config, report=report)
        )

    def pytest_runtest_logfinish(self) -> None:
        self._told.send(("ran", (self.at.value, self._reports)))

    def pytest_warning_recorded(
        self, warning_message: Any, when: str, nodeid: str, location: Any
    ) -> None:
        if self.at.value < 0:
            return  # Those of before are told again to whoever comes to listen.
        warned = serialize_warning_message(warning_message)
        told = {"warning_message": warned, "when": when, "nodeid": nodeid, "location": location}
        self._told.send(("warned", told))
