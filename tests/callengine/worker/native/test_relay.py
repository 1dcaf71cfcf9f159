"""The relay between two streams of a made-up pjmedia, and a fuzzer's packets, sanitized."""

from pathlib import Path

import pytest

from tests.callengine.worker.native.sanitizing import run

pytestmark = pytest.mark.processes


SOURCES = (
    *("relay.c", "streams.c", "forwarding.c", "law.c", "coding.c", "halfband.c", "codecs/g722.c"),
    *("sink.c", "ahead.c", "arrival.c", "capture.c", "phase.c"),
)


def test_the_relay_goes_on_ends_and_touches_nothing_that_is_gone(tmp_path: Path) -> None:
    run("relay_test.c", *SOURCES, folder=tmp_path)


def test_a_key_is_passed_on_once_and_whole_whatever_ends_the_relay(tmp_path: Path) -> None:
    run("relay_keys_test.c", *SOURCES, folder=tmp_path)


def test_it_reads_its_sockets_itself_and_leaves_to_pjmedia_what_is_not_its(tmp_path: Path) -> None:
    run("reading_test.c", *SOURCES, folder=tmp_path)
