"""How far a leg has come, as pages show it."""

from callengine.core.events import LegAnswered, LegProgress
from callengine.worker.call.legstates import LegStates


def test_a_leg_is_tried_until_it_rings_and_up_from_its_answer_on() -> None:
    states = LegStates()
    states.hear(LegProgress("B", 100, early_media=False))
    assert (states.of("A"), states.of("B")) == ("trying", "trying")
    states.hear(LegProgress("B", 180, early_media=False))
    states.told_caller(180)
    assert (states.of("A"), states.of("B")) == ("ringing", "ringing")
    states.hear(LegAnswered("B"))
    states.told_caller(200)
    states.hear(LegProgress("B", 183, early_media=True))
    states.told_caller(180)
    assert (states.of("A"), states.of("B"), states.of("B2")) == ("up", "up", "trying")
