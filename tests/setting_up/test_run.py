"""bin/run, as a person starts it: what it prints, and in which order."""

import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.peers.ports import free_port, free_port_range, free_sip_port
from tests.setting_up.toolbox import ROOT

TIMEOUT_S = 60.0


class Run:
    """A running bin/run; errors and output come in one stream, as in a terminal."""

    def __init__(self, process: "subprocess.Popen[str]", data: Path) -> None:
        self.process, self.data = process, data
        self.lines: list[str] = []

    def until(self, start: str) -> str:
        """Read until a line that starts so; return it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.strip().startswith(start):
                return self.lines[-1]
        raise AssertionError("\n".join(self.lines))

    def calls_ended(self) -> int:
        with closing(sqlite3.connect(self.data / "voipnumber.sqlite3")) as database:
            query = "select count(*) from callengine_call where ended is not null"
            return int(database.execute(query).fetchone()[0])

    def stop(self) -> list[str]:
        """Press Ctrl-C; return what it says from here to its end."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=TIMEOUT_S)
        return rest.splitlines()


@contextmanager
def run(data: Path, *arguments: str, **environment: str) -> Iterator[Run]:
    sip, http = free_sip_port(), free_port(socket.SOCK_STREAM)
    first, last = free_port_range(320)
    kept = {name: value for name, value in os.environ.items() if "VOIPNUMBER" not in name}
    process = subprocess.Popen(
        [str(ROOT / "bin" / "run"), *arguments],
        env={
            **kept,
            "VOIPNUMBER_DATA": str(data),
            "VOIPNUMBER_SIP_LISTEN": f"udp:127.0.0.1:{sip},tcp:127.0.0.1:{sip}",
            "VOIPNUMBER_HTTP": f"127.0.0.1:{http}",
            "VOIPNUMBER_RTP_PORTS": f"{first}-{last}",
            "VOIPNUMBER_MAX_CALLS": "20",
            "VOIPNUMBER_GRACE_S": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        yield Run(process, data)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_a_warning_is_printed_once_and_the_password_last(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with run(tmp_path, "--no-demo", VOIPNUMBER_HTTP=f"0.0.0.0:{free_port()}") as running:
        running.until("ready")
        warned = [line for line in running.lines if "mode 0755" in line or "clear text" in line]
        assert len(warned) == 2, "\n".join(running.lines)
        unavailable = [line for line in running.lines if "SPEEX-WB is unavailable" in line]
        assert len(unavailable) == 1, "\n".join(running.lines)
        password = running.until("password").split()[-1]
        assert len(password) >= 16
        assert running.stop() == []


def test_an_account_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with run(tmp_path, "--no-demo") as running:
        running.until("password")
        running.stop()
    with run(tmp_path, "--no-demo") as running:
        running.until("ready")
        assert running.stop() == []
        assert "password" not in "\n".join(running.lines)


def test_the_demo_plays_on_and_does_not_bury_the_password(tmp_path: Path) -> None:
    with run(tmp_path) as running:
        running.until("The demo is running")
        running.until("password")
        deadline = time.monotonic() + TIMEOUT_S
        while running.calls_ended() < 2:
            assert time.monotonic() < deadline, "no example is played"
            time.sleep(0.2)
        said = running.stop()
        assert [line for line in said if not line.startswith("Stopping:")] == ["Stopped."]
