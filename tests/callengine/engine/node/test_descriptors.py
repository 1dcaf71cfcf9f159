"""An engine that runs out of descriptors loses no call's end, no process and no fork server."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.peers.engine import ROOT

FIT = """
import resource, sys
import django
django.setup()
from callengine.engine.node.descriptors import fitted
from callengine.engine.running import engine_settings
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
settings = fitted(engine_settings(), browsers=300)
tcp = settings.edge.max_tcp_connections
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], tcp, *settings.shortages, sep="|")
"""
PLAY = """
import sys
import django
django.setup()
from tests.callengine.engine.starved import play
play(sys.argv[1])
"""


def run(script: str, *arguments: object) -> str:
    """Run a script in a process of its own, as limits are a process's; return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "voipnumber.settings",
            "VOIPNUMBER_MAX_CALLS": "100",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def starved(stage: str) -> dict[str, Any]:
    """Play one stage of `starved` where descriptors are few; return what was seen."""
    seen: dict[str, Any] = json.loads(run(PLAY, stage))
    return seen


def test_the_limit_is_raised_as_far_as_what_is_configured_may_need() -> None:
    assert run(FIT, 256, 8000) == "2600|2000"
    assert run(FIT, 5000, 8000) == "5000|2000"


def test_where_not_all_has_room_calls_come_first_and_the_panel_says_so() -> None:
    limit, tcp, sentence = run(FIT, 256, 900).split("|")
    assert (limit, tcp) == ("900", "300")
    assert "2600 may be needed for 100 calls" in sentence
    assert "only 300 connections of SIP over TCP are taken" in sentence


def test_where_not_even_the_calls_have_room_it_is_said_how_many_do() -> None:
    limit, tcp, sentence = run(FIT, 256, 550).split("|")
    assert (limit, tcp) == ("550", "10")
    assert "calls beyond about 40 at once may fail" in sentence


def test_the_parties_of_a_dead_process_get_a_bye_though_none_can_be_forked() -> None:
    seen = starved("death")
    assert seen["byes"] == ["BYE", "BYE"]
    assert seen["endings"] == ["call-process-died"]


def test_a_call_takes_the_last_spare_and_gives_it_back() -> None:
    assert starved("spare")["busy"] == 1


def test_a_fork_server_that_could_not_be_replaced_is_started_once_it_can() -> None:
    assert starved("fork-server") == {"had_another": False, "is_up": True}
