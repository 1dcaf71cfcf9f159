"""Peers that are programs of their own: they say where they listen, and answer HTTP."""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.ports import LOOPBACK

ROOT = Path(__file__).resolve().parents[2]
OTHERS_PYTHON = ROOT / ".setup" / "peers" / "bin" / "python"
"With the packages of requirements-peers.lock."
TIMEOUT_S = 30.0


class Program:
    """One process that prints `listening on PORT` on its first line."""

    def __init__(self, module: str, *arguments: str, python: Path | str = sys.executable) -> None:
        self._command = [str(python), "-m", module, *arguments]

    def __enter__(self) -> Self:
        assert Path(self._command[0]).exists(), f"{self._command[0]}: run bin/setup --dev"
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = int(line.split()[-1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT_S)
        finally:
            self._process.kill()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def url(self, path: str, **query: str | int) -> str:
        """Return the address of a websocket."""
        written = urllib.parse.urlencode(query)
        return f"ws://{LOOPBACK}:{self.port}{path}" + (f"?{written}" if written else "")

    def ask(self, path: str, **query: str | int) -> Any:
        """Return what an HTTP request is answered, which is JSON."""
        address = self.url(path, **query).replace("ws:", "http:", 1)
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    def log(self) -> list[dict[str, Any]]:
        """Return what each websocket has come to."""
        log: list[dict[str, Any]] = self.ask("/log")
        return log
