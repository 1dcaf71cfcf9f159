"""When an alert begins and when it is over, by a clock of the test's."""

from dashboard.alerts.hysteresis import AWAY_S, HELD_S, Hysteresis

Seen = list[tuple[float, list[str], list[str]]]


def story(*looks: tuple[float, str], opened: str = "", unknown: dict[float, str] | None = None):
    """Return what was told when; each look is a time and the keys said, one letter each."""
    hysteresis, open_, told = Hysteresis(), set(opened), []
    for at, said in looks:
        begun, over = hysteresis.look(
            at, said=list(said), open_=open_, unknown=(unknown or {}).get(at, "")
        )
        open_ = open_.union(begun).difference(over)
        if begun or over:
            told.append((at, "".join(begun), "".join(over)))
    return told


def test_what_holds_is_told_once_and_once_when_it_is_over():
    looks = [(t, "a") for t in range(0, 200, 10)] + [(t, "") for t in range(200, 400, 10)]
    assert story(*looks) == [(HELD_S, "a", ""), (200 + AWAY_S, "", "a")]


def test_what_comes_and_goes_sooner_is_not_told():
    assert story(*((t, "a" if t % 30 else "") for t in range(0, 600, 10))) == []


def test_what_is_away_for_a_moment_is_not_over_nor_told_again():
    looks = [(t, "" if 100 <= t < 150 else "a") for t in range(0, 400, 10)]
    assert story(*looks) == [(HELD_S, "a", "")]


def test_each_is_on_its_own():
    looks = [(t, ("a" if t < 100 else "") + ("b" if t >= 50 else "")) for t in range(0, 300, 10)]
    assert story(*looks) == [(30, "a", ""), (80, "b", ""), (160, "", "a")]


def test_a_process_that_starts_tells_nothing_that_is_open_and_ends_it_in_time():
    assert story(*((t, "a") for t in range(0, 200, 10)), opened="a") == []
    assert story(*((t, "") for t in range(0, 200, 10)), opened="a") == [(AWAY_S, "", "a")]


def test_of_what_nothing_is_known_nothing_is_told():
    times = range(0, 200, 10)
    assert story(*((t, "a") for t in times), unknown=dict.fromkeys(times, "ab"), opened="b") == []
    looks = [(t, "a") for t in times]
    assert story(*looks, unknown={20: "a"}) == [(60, "a", "")], "its time begins anew"


def test_what_goes_as_soon_as_it_was_told_is_away_from_then_on():
    looks = [(t, "a" if t <= HELD_S else "") for t in range(0, 200, 10)]
    assert story(*looks) == [(HELD_S, "a", ""), (HELD_S + 10 + AWAY_S, "", "a")]
    other = Hysteresis()  # another process told it
    other.look(0, said=["a"], open_=[])
    assert other.look(50, said=[], open_=["a"]) == ([], [])
    assert other.look(100, said=[], open_=["a"]) == ([], [])
    assert other.look(50 + AWAY_S, said=[], open_=["a"]) == ([], ["a"])
