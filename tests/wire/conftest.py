"""One running engine for each module, and its logs beside every failure."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.peers.engine import Engine


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Run the product with the module's CONFIGURATION (and ENVIRONMENT, PRODUCTION if set)."""
    module = request.module
    with Engine(
        module.CONFIGURATION,
        environment=getattr(module, "ENVIRONMENT", None),
        production=getattr(module, "PRODUCTION", False),
    ) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    report = yield
    running = getattr(item, "funcargs", {}).get("engine")
    if report.failed and isinstance(running, Engine):
        report.sections.append(("engine", running.dump()))
    return report
