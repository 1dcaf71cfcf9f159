"""Which tests start processes: seen from what they reach, and held by an audit hook.

`bin/test --quick` leaves out tests marked `processes`. A test is given that mark if its code, or
that of its fixtures, reaches something in `tests` that starts a process. What cannot be seen
that way (a switchboard's own call processes) is marked by hand; a test that starts a process
unmarked fails.
"""

import functools
import inspect
import subprocess
import sys
from collections.abc import Generator, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

STARTING_NAMES = {"Popen", "create_subprocess_exec", "create_subprocess_shell", "posix_spawn"}
STARTING_MODULES = (subprocess.__name__, "playwright", "multiprocessing")
STARTING_EVENTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"}


class Watch:
    """What the running test started, and whether it may."""

    item: pytest.Item | None = None
    started: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    item = Watch.item
    if event in STARTING_EVENTS and item is not None and not item.get_closest_marker("processes"):
        Watch.started.append(f"{event} {arguments[:2]}")


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests that reach something that starts a process."""
    for item in items:
        if isinstance(item, pytest.Function) and any(map(_starts, _functions(item))):
            item.add_marker("processes")


def _functions(item: pytest.Function) -> Iterator[Any]:
    yield item.function
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        yield definitions[-1].func


@functools.cache
def _starts(function: Any) -> bool:
    seen = set(_harmless)
    starts = _reaches(function, seen)
    if not starts:
        _harmless.update(seen)
    return starts


_harmless: set[int] = set()
"What was looked at to the end and reaches nothing that starts a process; most tests share it."


def _reaches(thing: Any, seen: set[int]) -> bool:
    thing = inspect.unwrap(getattr(thing, "func", getattr(thing, "fget", thing)))
    module = getattr(thing, "__module__", None) or ""
    if id(thing) in seen:
        return False
    seen.add(id(thing))
    if isinstance(thing, ModuleType):
        return _is_starting(thing.__name__)
    if _is_starting(module):
        return True
    if not module.startswith("tests."):
        return False
    if isinstance(thing, staticmethod | classmethod):
        return _reaches(thing.__func__, seen)
    if isinstance(thing, FunctionType):
        return _code_reaches(thing.__code__, thing.__globals__, seen)
    if isinstance(thing, type):
        return any(_reaches(part, seen) for part in (*thing.__bases__, *vars(thing).values()))
    return _reaches(type(thing), seen)


def _code_reaches(code: CodeType, names: dict[str, Any], seen: set[int]) -> bool:
    if STARTING_NAMES & set(code.co_names):
        return True
    for name in code.co_names:
        thing = names.get(name)
        if isinstance(thing, ModuleType) and thing.__name__.startswith("tests."):
            parts = [getattr(thing, used, None) for used in code.co_names]
            if any(part is not None and _reaches(part, seen) for part in parts):
                return True
        elif thing is not None and _reaches(thing, seen):
            return True
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return any(_code_reaches(part, names, seen) for part in inner)


def _is_starting(module: str) -> bool:
    return module.split(".")[0] in STARTING_MODULES


def begin() -> None:
    """Look from now on at every process that is started."""
    sys.addaudithook(_audit)


def watched(item: pytest.Item) -> Generator[None, Any, Any]:
    """Run one phase of a test; fail it if it started a process unmarked."""
    Watch.item, Watch.started = item, []
    try:
        result = yield
    finally:
        Watch.item = None
    started, Watch.started = Watch.started, []
    if started:
        pytest.fail(f"starts processes, so mark it `processes`: {started}", pytrace=False)
    return result
