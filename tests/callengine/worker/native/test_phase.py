"""Where the bridge's tick comes to stand among the packets, under the sanitizers."""

from pathlib import Path

import pytest

from tests.callengine.worker.native.sanitizing import run

pytestmark = pytest.mark.processes


def test_the_tick_comes_soon_after_the_packets_of_one_party_and_of_two(tmp_path: Path) -> None:
    run("phase_test.c", "phase.c", folder=tmp_path)
