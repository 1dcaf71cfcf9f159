"""Who is told of the test of a trunk: also a page that comes once all of it is over."""

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from channels.layers import get_channel_layer

from callengine.lab import trunktrial
from callengine.lab.messages import TRIALS
from callengine.lab.trunktrial import TrunkTrials
from callengine.notices import groups
from callengine.notices.trials import TryTrunk
from tests.peers.waiting import until


async def nothing(_: str) -> None:
    """Find no trunk of that name."""


async def test_a_page_that_comes_after_the_last_word_is_told_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trunktrial, "TOLD_EVERY_S", 0.01)
    host: Any = SimpleNamespace(node="node-1")
    trials, key, layer = TrunkTrials(host, host, nothing), uuid.uuid4().hex, get_channel_layer()
    trials.begin(TryTrunk("reply", key, "carrier", "", "ann"))
    await until(lambda: not trials._tasks, "the test is not over")
    page = await layer.new_channel(groups.CHANNELS)
    await layer.group_add(groups.trial_group(key), page)
    trials.tell(uuid.uuid4().hex)  # another engine's
    trials.tell(key)
    async with asyncio.timeout(20):
        (told,) = TRIALS.read(await layer.receive(page))
    assert (told.trial, told.is_over) == (key, True)
    assert [step["what"] for step in told.steps] == ["The trunk has just been deleted."]
    await trials.stop()
