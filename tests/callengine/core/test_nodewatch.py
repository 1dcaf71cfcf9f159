"""When an engine that gives no sign of life counts as lost."""

import pytest

from callengine.core.nodewatch import LONGEST_GAP_S, NodeWatch


def looked(watch: NodeWatch, *, until_s: int, signs: dict[str, str], from_s: int = 0) -> list[str]:
    lost: list[str] = []
    for now in range(from_s, until_s + 1, 3):
        lost = watch.look(float(now), signs)
    return lost


def test_a_node_whose_sign_stays_the_same_for_a_minute_is_lost() -> None:
    watch = NodeWatch()
    assert looked(watch, until_s=57, signs={"one": "12:00"}) == []
    assert watch.look(60.0, {"one": "12:00"}) == ["one"]


@pytest.mark.parametrize("sign", ["12:03", "11:00", "2031-01-01"])
def test_any_other_sign_is_life_whatever_the_clock_of_its_machine(sign: str) -> None:
    watch = NodeWatch()
    looked(watch, until_s=57, signs={"one": "12:00"})
    assert watch.look(60.0, {"one": sign, "two": "12:00"}) == []
    assert looked(watch, from_s=63, until_s=117, signs={"one": sign}) == []
    assert watch.look(120.0, {"one": sign}) == ["one"]


def test_whoever_could_not_look_starts_over() -> None:
    """After ten minutes without a database everybody's last sign is old."""
    watch = NodeWatch()
    signs = {"one": "12:00"}
    looked(watch, until_s=30, signs=signs)
    assert watch.look(600.0, signs) == []
    assert looked(watch, from_s=603, until_s=657, signs=signs) == []
    assert watch.look(660.0, signs) == ["one"]
    assert LONGEST_GAP_S > 3 * 3.0


def test_a_node_that_is_gone_is_forgotten() -> None:
    watch = NodeWatch()
    looked(watch, until_s=57, signs={"one": "12:00"})
    assert watch.look(60.0, {}) == []
    assert watch.look(63.0, {"one": "12:00"}) == []
