"""The six worked examples with daphne, callengine, PostgreSQL and Redis as real processes."""

import pytest

from tests.peers import services
from tests.peers.engine import Engine
from tests.wire import examples

CONFIGURATION = examples.CONFIGURATION
PRODUCTION = True

pytestmark = pytest.mark.skipif(
    not services.available(), reason="needs Debian's postgresql and redis-server"
)


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: f"example-{e.number}")
async def test_example_is_a_real_call(engine: Engine, example: examples.Example) -> None:
    await examples.play(engine, example)
