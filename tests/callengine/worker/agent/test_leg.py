"""The leg of a voice agent, as the runner asks it: without its thread."""

import os
from typing import Any

from callengine.core.control.agents import ConnectAgent
from callengine.core.events import DigitReceived, LegProgress
from callengine.core.orders import AgentOrder, LegOrder
from callengine.worker.agent.leg import AgentLeg
from callengine.worker.agent.loop import Pressed
from callengine.worker.legs.lending import Borrower, LentMedia
from callengine.worker.legs.party import Party
from tests.callengine.worker.memory import MemoryParty

AGENT = AgentOrder(
    "support",
    "twilio",
    "ws://127.0.0.1:9",
    max_duration_s=1800.0,
    silence_timeout_s=60.0,
    ready_timeout_s=7.0,
)
MEDIA = LentMedia(4000, "PCMU", 0, "", 20, {}, ("192.0.2.1", 1), ("192.0.2.1", 2), sends=True)


class LendingParty(MemoryParty):
    """One that lends its media."""

    def lend(self, borrower: Borrower) -> LentMedia:
        return MEDIA

    def take_back(self) -> None:
        self._ask("take_back")

    def descriptors(self) -> tuple[int, int]:
        return os.open(os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_RDONLY)


def test_keys_are_of_whom_it_talks_to_be_that_the_caller_or_not() -> None:
    """A transfer may leave somebody else with it, whose keys it was never told of."""
    posted: list[Any] = []

    def post(leg: Party, event: Any) -> None:
        posted.append(event)

    order = LegOrder("B2", "", label="support", agent=AGENT)
    leg = AgentLeg(order, call_uuid="1" * 32, wake=lambda: None, post=post)
    leg.join(LendingParty(LegOrder("B", "tb"), (), post))
    leg._told(Pressed("5"))
    pressed = [event for event in posted if not isinstance(event, LegProgress | ConnectAgent)]
    assert pressed == [DigitReceived("B", "5")]
