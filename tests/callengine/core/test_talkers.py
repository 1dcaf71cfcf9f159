"""Who of two talkers holds, and who waits for it."""

import pytest

from callengine.core.talkers import Talkers


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        ((), None),
        (("A",), ("A", "B")),
        (("B",), ("B", "A")),
        (("A", "B"), None),
        (("C",), None),
    ],
)
def test_one_waits_while_the_other_alone_holds(
    holding: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    talkers = Talkers()
    talkers.live |= {"A", "B", "C"}
    talkers.meet("A", "B")
    for leg in holding:
        assert talkers.hold(leg, is_held=True)
    assert talkers.on_hold == expected
    talkers.meet("A", None)
    assert talkers.on_hold is None
