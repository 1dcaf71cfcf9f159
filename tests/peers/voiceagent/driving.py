"""Start the server for a test, and ask it."""

import base64
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from types import TracebackType
from typing import Any, Self

from tests.peers.ports import LOOPBACK

TIMEOUT_S = 10.0


class VoiceAgentPeer:
    """The strict server as a process of its own; its URL tells it how to behave."""

    def __init__(self, key: str = "") -> None:
        self.key = key

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.peers.voiceagent", "--key", self.key]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("listening on "), line
        self.port = int(line.split()[-1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def url(self, **told: str | int) -> str:
        """Return the URL of an agent that behaves so."""
        query = urllib.parse.urlencode(told)
        return f"ws://{LOOPBACK}:{self.port}/v1/ws" + (f"?{query}" if query else "")

    def log(self) -> list[dict[str, Any]]:
        """Return what each websocket's conversation has come to."""
        log: list[dict[str, Any]] = self._get("/log")
        return log

    def heard(self, call: int = -1) -> list[tuple[float, bytes]]:
        """Return the caller's audio, message by message, with its seconds since ready."""
        frames = self._get(f"/frames?call={call}")
        return [(at, base64.b64decode(audio)) for at, audio in frames]

    def do(self, what: str, **values: str | int) -> None:
        """Have something happen in the newest conversation, or in that of number `call`."""
        self._get(f"/do/{what}?{urllib.parse.urlencode(values)}")

    def violations(self) -> list[str]:
        """Return all that clients did wrong."""
        return [text for conversation in self.log() for text in conversation["violations"]]

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(
            f"http://{LOOPBACK}:{self.port}{path}", timeout=TIMEOUT_S
        ) as answer:
            return json.load(answer)
