"""The six worked examples as real calls: phones of another project, tones both ways."""

import pytest

from tests.peers.engine import Engine
from tests.wire import examples

CONFIGURATION = examples.CONFIGURATION


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: f"example-{e.number}")
async def test_example_is_a_real_call(engine: Engine, example: examples.Example) -> None:
    await examples.play(engine, example)
