"""RFC 4475 over real sockets: what the edge answers to its messages, and how many are right."""

import pytest

from callengine.edge.interface import Refused
from callengine.edge.messages.received import receive
from tests.callengine.edge.fakes import FakeEngine
from tests.callengine.edge.torture import MESSAGES, TORTURES, torture

pytestmark = pytest.mark.thorough

Address = tuple[str, int]


async def test_the_torture_messages_are_answered_as_the_rfc_says(
    engine: FakeEngine, sip: Address
) -> None:
    engine.external = True
    engine.outcome = lambda _: Refused(404, "Not Found")
    score = await torture(sip)
    assert [name for name, right in score.items() if not right] == []
    assert len(score) == 49


@pytest.mark.parametrize("name", ["unreason", "noreason"])
def test_responses_with_odd_phrases_are_well_formed(name: str) -> None:
    message = receive(MESSAGES[name])
    assert (message.problem, message.code in (100, 200)) == ("", True)


def test_every_message_of_the_rfc_is_here() -> None:
    assert len(MESSAGES) == 49
    assert {item.name for item in TORTURES} == set(MESSAGES)
