"""The relay between two streams of a made-up pjmedia, and a fuzzer's packets, sanitized."""

from pathlib import Path

import pytest

from tests.callengine.worker.native.sanitizing import run

pytestmark = pytest.mark.processes


def test_the_relay_goes_on_ends_and_touches_nothing_that_is_gone(tmp_path: Path) -> None:
    run("relay_test.c", "relay.c", "forwarding.c", "law.c", folder=tmp_path)
