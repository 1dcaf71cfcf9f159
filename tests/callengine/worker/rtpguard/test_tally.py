"""What a leg's filter dropped: never too high a count, and not too many lines."""

import pytest

from callengine.core.mediawords import dropped_note
from callengine.worker.rtpguard.tally import FIRST_REPORT, Tally


@pytest.fixture
def tally() -> Tally:
    """Return one that knows what the machine dropped: a late packet of before was dropped here."""
    tally = Tally()
    tally.start(99, now=0.0)
    tally.take(100, lost=0, now=0.5, others=lambda: 5000)
    return tally


def test_drops_are_counted_from_the_streams_begin(tally: Tally) -> None:
    tally.take(100, lost=0, now=2.0, others=lambda: 5000)
    tally.take(130, lost=0, now=3.0, others=lambda: 5000)
    tally.take(142, lost=0, now=4.0, others=lambda: 5000)
    assert tally.elsewhere == 42


def test_late_packets_of_an_old_description_do_not_count(tally: Tally) -> None:
    tally.take(140, lost=0, now=0.9, others=lambda: 5000)
    tally.take(150, lost=0, now=2.0, others=lambda: 5000)
    assert tally.elsewhere == 10


@pytest.mark.parametrize(
    ("errors", "lost", "counted"),
    [(0, 0, 60), (0, 60, 60), (900, 0, 60), (900, 20, 40), (20, 900, 40), (900, 900, 0)],
    ids=["quiet", "lossy-network", "others-crowded", "gaps", "few-errors", "all-crowded"],
)
def test_what_may_have_been_the_peers_own_is_left_out(
    tally: Tally, errors: int, lost: int, counted: int
) -> None:
    tally.take(160, lost=lost, now=2.0, others=lambda: 5000 + errors)
    assert tally.elsewhere == counted


def test_gaps_of_seconds_without_any_drop_are_no_excuse(tally: Tally) -> None:
    tally.take(100, lost=300, now=2.0, others=lambda: pytest.fail("not needed"))
    tally.take(160, lost=300, now=3.0, others=lambda: 9999)
    assert tally.elsewhere == 60


def test_a_stream_that_begins_again_counts_its_gaps_anew(tally: Tally) -> None:
    tally.take(150, lost=30, now=2.0, others=lambda: 5000)
    tally.start(150, now=2.5)
    tally.take(250, lost=2, now=4.0, others=lambda: 5050)
    assert tally.elsewhere == 50 + 98


def test_what_the_machine_dropped_is_read_once_something_was_dropped_here() -> None:
    tally = Tally()
    tally.start(0, now=0.0)
    tally.take(0, lost=8, now=2.0, others=lambda: pytest.fail("not needed"))
    # Of what was lost meanwhile nobody knows whether this machine did it.
    tally.take(60, lost=18, now=3.0, others=lambda: 5000)
    assert tally.elsewhere == 50
    tally.take(120, lost=28, now=4.0, others=lambda: 5000)
    assert tally.elsewhere == 50 + 60


def test_lines_come_at_growing_counts(tally: Tally) -> None:
    lines = []
    for second in range(2, 400):
        tally.take(100 + 10 * second, lost=0, now=float(second), others=lambda: 5000)
        if tally.is_due:
            lines.append(tally.report())
    assert lines == [30, 250, 2500]
    assert lines[0] >= FIRST_REPORT


def test_the_words_name_who_what_and_what_to_do() -> None:
    unknown = dropped_note(who="the caller", packets=31, source="", trunk="")
    assert unknown.startswith("RTP from elsewhere was dropped: at least 31 packets so far")
    assert "the caller's device" in unknown
    known = dropped_note(who="one", packets=31, source="192.0.2.1:4000", trunk="one")
    assert "the last seen from 192.0.2.1:4000" in known
    assert "If one sends audio from 192.0.2.1, add that to its Media also from." in known
