"""The clock's thread under the sanitizers: what it reads, when, and that it rests when told."""

from pathlib import Path

import pytest

from tests.callengine.worker.native.sanitizing import run

pytestmark = pytest.mark.processes


def test_the_clock_reads_mixes_rests_and_makes_up(tmp_path: Path) -> None:
    relay = (
        "relay.c",
        "streams.c",
        "forwarding.c",
        "law.c",
        "coding.c",
        "halfband.c",
        "codecs/g722.c",
    )
    others = "sink.c", "arrival.c", "phase.c", "ahead.c", "capture.c"
    run("clock_test.c", "clock.c", *others, *relay, folder=tmp_path)
