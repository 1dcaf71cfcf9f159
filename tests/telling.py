"""Failures told as they come: who ends a run early, or whose run is ended, has them all the same.

pytest shows them at a run's end, which one that is ended by a signal does not reach. They are told
by the process that has the terminal, on it and in a file beside the folders that tests were given.
"""

from pathlib import Path
from typing import TextIO

import pytest
from _pytest._io import TerminalWriter
from _pytest.terminal import TerminalReporter

FILE = "failures.txt"


class Teller:
    """Takes the reports of a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file: TextIO | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a test that failed, or of what is set up for it and taken down after it."""
        if report.failed:
            self._tell(report, f"{report.nodeid} ({report.when})")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a module that cannot be collected."""
        if report.failed:
            self._tell(report, f"{report.nodeid} (collected)")

    def _tell(self, report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
        if self._file is None:
            folder: Path = self._config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
            self._file = (folder / FILE).open("w", errors="replace")
        writers = [TerminalWriter(self._file)]
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if isinstance(terminal, TerminalReporter):
            terminal.ensure_newline()
            writers.append(terminal._tw)
        for writer in writers:
            writer.sep("!", what)
            report.toterminal(writer)
            for title, text in report.sections:
                writer.sep("-", title)
                writer.line(text)
            writer.sep("!")
            writer.flush()

    def pytest_unconfigure(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def begin(config: pytest.Config) -> None:
    """Tell of failures from now on, in the process that has the terminal."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Teller(config))
