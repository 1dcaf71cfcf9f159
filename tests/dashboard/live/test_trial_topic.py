"""The page of a trunk's test: it asks for the steps it may have missed."""

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from callengine.notices import groups
from callengine.notices.trials import TrialTold, TrialWanted
from callengine.notices.wire import Reader
from dashboard.accounts.roles import Role
from tests.dashboard.live.watching import account, heard, opened

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = Reader(TrialWanted)
STEP: Any = {"state": "bad", "what": "It has no gateway.", "advice": "", "after_ms": 1, "call": ""}


async def test_a_test_that_is_over_is_told_to_whoever_comes() -> None:
    """Who came 3 s after the end read "Testing ..." for ever."""
    await sync_to_async(account)("admin", Role.ADMIN)
    trial, layer = uuid.uuid4(), get_channel_layer()
    assert layer is not None
    engine = await layer.new_channel(groups.CHANNELS)
    await layer.group_add(groups.ENGINES, engine)
    path = f"/ws/trials/{trial}/"
    async with opened(path, "admin") as page:
        async with asyncio.timeout(20):
            assert WANTED.read(await layer.receive(engine)) == [TrialWanted(trial.hex)]
        told = TrialTold(trial.hex, [STEP], is_over=True)
        await groups.tell(groups.trial_group(trial), told)
        await heard(page, "It has no gateway.", "The test is over.")
        async with opened(path, "admin") as late:
            await heard(late, "It has no gateway.", "The test is over.")
