"""Processes that go on with one pjsua2, started before they were forked."""

import os
import subprocess
import sys

import pytest

from callengine.worker.native import loading
from tests.peers.engine import ROOT, WITH_EXTENSION

FORKED = """
import os, sys
from callengine.worker.native import loading
assert not loading.load(), loading.load()
import pjsua2 as pj
from callengine.worker import plugins
from callengine.worker.pjsua.endpoint import CallProcessConfig, Endpoint
from callengine.worker.pjsua.library import Library, _functions, quieten
from callengine.worker.native.media import media
from callengine.worker.process.sharing import share
quieten()
media()
plugins.preload()
inherited = Library(8000, "test") if sys.argv[1] == "before" else None
share()
def own_kb():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))
for number in range(2):
    if os.fork() == 0:
        try:
            config = CallProcessConfig(8000, 20000, "test")
            endpoint = Endpoint(config, lambda invite: None, lambda failed: None, inherited)
            drawn = [_functions.pj_rand() for _ in range(4)]
            threads = len(os.listdir("/proc/self/task"))
            print(*drawn, threads, endpoint.sip_port, own_kb(), flush=True)
            endpoint.close()
        finally:
            os._exit(0)
    os.wait()
os._exit(0)
"""

pytestmark = pytest.mark.skipif(not loading.library().exists(), reason="needs the media extension")


def forked(when: str) -> list[list[int]]:
    """Return what two processes drew by chance (4 numbers), their threads, port and own kB."""
    command = [sys.executable, "-B", "-c", FORKED, when]
    environment = {**os.environ, **WITH_EXTENSION}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [list(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(lines) == 2, done.stderr
    return lines


def test_no_two_processes_draw_the_same_by_chance() -> None:
    one, other = forked("before")
    assert one[:4] != other[:4]


def test_each_has_a_clock_and_a_port_of_its_own() -> None:
    ends = forked("before")
    assert [end[4] for end in ends] == [2, 2]
    assert all(end[5] for end in ends)


def test_what_was_started_before_is_shared() -> None:
    before, after = min(end[6] for end in forked("before")), min(end[6] for end in forked("after"))
    assert before < after - 1000
