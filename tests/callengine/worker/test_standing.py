"""How far a leg has come, as pages show it."""

from callengine.core.events import LegAnswered, LegProgress
from callengine.worker.standing import Standing


def test_a_leg_is_tried_until_it_rings_and_up_from_its_answer_on() -> None:
    standing = Standing()
    standing.hear(LegProgress("B", 100, early_media=False))
    assert (standing.of("A"), standing.of("B")) == ("trying", "trying")
    standing.hear(LegProgress("B", 180, early_media=False))
    standing.told_caller(180)
    assert (standing.of("A"), standing.of("B")) == ("ringing", "ringing")
    standing.hear(LegAnswered("B"))
    standing.told_caller(200)
    standing.hear(LegProgress("B", 183, early_media=True))
    standing.told_caller(180)
    assert (standing.of("A"), standing.of("B"), standing.of("B2")) == ("up", "up", "trying")
