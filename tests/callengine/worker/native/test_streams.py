"""Streams whose process stood still: what their next packets say of it, sanitized."""

from pathlib import Path

import pytest

from tests.callengine.worker.native.sanitizing import run

pytestmark = pytest.mark.processes


def test_a_timestamp_goes_on_with_the_time_that_was_left_out(tmp_path: Path) -> None:
    run("streams_test.c", "streams.c", folder=tmp_path)
