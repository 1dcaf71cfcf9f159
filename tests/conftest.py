"""What every test shares."""

import gc
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import starting, steadiness, telling, turns
from tests.peers import moments, readymade
from tests.tables import Kept, Tables, unmigrated, version

# How fast an example runs says more about the machine's other work than about the code.
settings.register_profile(
    "steady", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

ROOM = pytest.StashKey[steadiness.Room]()


def pytest_configure(config: pytest.Config) -> None:
    """Hash test passwords quickly: the slow hash is Django's, and tested there."""
    from django.conf import settings as django_settings

    if django_settings.configured or config.getini("DJANGO_SETTINGS_MODULE"):
        django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    _find_static_files_once()
    readymade.share()
    starting.begin()
    telling.begin(config)


def _find_static_files_once() -> None:
    """Let WhiteNoise walk the static files once: each browser of a test makes it do so anew."""
    walk, files = WhiteNoiseMiddleware.add_files_from_finders, dict[str, Any]()

    def add(middleware: WhiteNoiseMiddleware) -> None:
        if not files:
            walk(middleware)
            files.update(middleware.files)
        middleware.files.update(files)

    WhiteNoiseMiddleware.add_files_from_finders = add


@pytest.fixture(scope="session")
def tables(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Tables]:
    """The tables that the test processes of a run share."""
    own = tmp_path_factory.getbasetemp()
    # None with `-p no:cacheprovider`.
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    kept = cache and Kept(cache.mkdir("tables"), version())
    tables = Tables(own.parent if hasattr(request.config, "workerinput") else own, kept)
    yield tables
    tables.close()


@pytest.fixture(scope="session")
def lender() -> Iterator[Any]:
    """The Chromium of this test process, for who imports Playwright."""
    from tests.browser.lending import Lender

    lender = Lender()
    yield lender
    lender.close()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: DjangoDbBlocker, tables: Tables
) -> Iterator[None]:
    """Make the test database, of what another test process has made if one has.

    pytest-django makes one only if a test is marked `django_db`: without such a test beside them,
    those that ask for this fixture alone were led to the database of the settings.
    """
    is_filled = tables.fill()
    with django_db_blocker.unblock(), unmigrated() if is_filled else nullcontext():
        made = setup_databases(0, interactive=False, aliases=["default"], serialized_aliases=[])
    tables.keep()
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, 0)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for no garbage while tests are collected, and later not among what was collected.

    All of that stays, and to go through it again and again took a third of the collecting. Tests
    make a page's worth of objects each, so that Python's own threshold took a twelfth of a run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, Any, Any]:
    """Have modules begin in the order of `tests/turns.py`; within each, tests keep theirs.

    Marked before pytest deselects by marks, sorted after pytest-django has put first what uses the
    database, which would leave the slow ones for later.
    """
    starting.mark(items)
    result = yield
    tests = config.rootpath / "tests"
    modules = {path: path.relative_to(tests).as_posix() for path in {item.path for item in items}}
    slow, alone = (
        {modules[item.path] for item in items if item.get_closest_marker(mark)}
        for mark in ("processes", "alone")
    )
    order = turns.in_order(sorted(modules.values()), slow=slow, alone=alone)
    turn = {module: number for number, module in enumerate(order)}
    items.sort(key=lambda item: turn[modules[item.path]])
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, Any, Any]:
    """Run a test beside others, or alone."""
    # Entered first in the process that runs tests: one forked from it would be in for both.
    room = item.config.stash.get(ROOM, None)
    if room is None:
        room = item.config.stash[ROOM] = steadiness.Room(readymade.share())
    room.enter(item)
    try:
        return (yield)
    finally:
        room.leave(nextitem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Watch the test's fixtures."""
    moments.begin()
    if item.get_closest_marker("processes"):
        steadiness.begin()
    return (yield from starting.watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Watch the test itself."""
    return (yield from starting.watched(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Write beside a failure what the machine had to do with it."""
    report = yield
    steadiness.note(item, report)
    return report
