"""Which tests count as starting processes, and what becomes of one that does so unmarked."""

import subprocess
from typing import Any, cast

import pytest

from tests import starting
from tests.callengine.edge.fakes import FakeEngine
from tests.peers.engine import Engine
from tests.peers.ports import free_port


class Unmarked:
    """As much of a test as the watch looks at."""

    def get_closest_marker(self, name: str) -> None:
        return None


def through_a_class() -> str:
    return Engine({}).calls().__repr__()


def through_another_function() -> str:
    return through_a_class()


def starts_none() -> int:
    return free_port() + len(FakeEngine().__dict__)


@pytest.mark.parametrize("function", [through_a_class, through_another_function])
def test_what_reaches_a_process_is_seen(function: Any) -> None:
    assert starting._starts(function)


def test_what_reaches_none_is_not_marked() -> None:
    assert not starting._starts(starts_none)


def test_a_test_that_starts_a_process_unmarked_fails() -> None:
    watch = starting.watched(cast("pytest.Item", Unmarked()))
    next(watch)
    subprocess.run(["true"], check=True)
    with pytest.raises(pytest.fail.Exception, match=r"mark it `processes`.*true"):
        watch.send(None)
