"""An engine that runs out of descriptors loses no call's end, no process and no fork server."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.peers.engine import ROOT

PLAY = """
import sys
import django
django.setup()
from tests.callengine.engine.starved import play
play(sys.argv[1])
"""


def starved(stage: str) -> dict[str, Any]:
    """Run one stage of `starved` in a process whose limit is low; return what was seen."""
    done = subprocess.run(
        [sys.executable, "-c", PLAY, stage],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "voipnumber.settings"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_the_parties_of_a_dead_process_get_a_bye_though_none_can_be_forked() -> None:
    seen = starved("death")
    assert seen["byes"] == ["BYE", "BYE"]
    assert seen["endings"] == ["call-process-died"]


def test_a_call_takes_the_last_spare_and_gives_it_back() -> None:
    assert starved("spare")["busy"] == 1


def test_a_fork_server_that_could_not_be_replaced_is_started_once_it_can() -> None:
    assert starved("fork-server") == {"had_another": False, "is_up": True}
