import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiocodecs.catalogue import CATALOGUE
from callengine.core.quality import estimate_mos

FINITE = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("codec", "loss_percent", "jitter_ms", "round_trip_ms", "expected"),
    [
        # R 93.2 is a MOS of 4.41 in G.107's own table.
        ("PCMU", 0, 0, 0, 4.41),
        ("PCMA", 0, 0, None, 4.41),
        ("PCMU", 0, 5, 40, 4.41),
        # G.711 with concealment, R = 93.2 - 95 p/(p + 25.1).
        ("PCMU", 1, 0, 0, 4.32),
        ("PCMU", 5, 0, 0, 3.91),
        ("PCMU", 10, 0, 0, 3.38),
        # GSM full rate has Ie 20: R 73.2.
        ("GSM", 0, 0, 0, 3.74),
        ("OPUS", 0, 0, 0, 4.5),
        ("G722", 0, 0, 0, 4.44),
        ("AMR-WB", 0, 0, 0, 4.47),
        # 500 ms one way costs 30.6 points.
        ("PCMU", 0, 0, 960, 3.23),
        ("PCMU", 100, 0, 0, 1.16),
        ("PCMU", 100, 500, 4000, 1.0),
        ("no such codec", 0, 0, 0, 3.93),
    ],
)
def test_known_conditions_have_known_scores(
    codec: str,
    loss_percent: float,
    jitter_ms: float,
    round_trip_ms: float | None,
    expected: float,
) -> None:
    mos = estimate_mos(codec, loss_percent, jitter_ms, round_trip_ms)
    assert mos == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("hd", ["OPUS", "G722", "AMR-WB"])
def test_a_clean_hd_call_is_never_below_a_clean_narrowband_one(hd: str) -> None:
    assert estimate_mos(hd, 0, 0, 0) >= estimate_mos("PCMU", 0, 0, 0)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_broken_report_counts_as_nothing_measured(value: float) -> None:
    assert estimate_mos("PCMU", value, value, value) == estimate_mos("PCMU", 0, 0, 0)


@given(st.sampled_from(sorted(CATALOGUE)), st.floats(), st.floats(), st.none() | st.floats())
def test_the_score_stays_on_its_scale(
    codec: str, loss: float, jitter: float, round_trip: float | None
) -> None:
    assert 1.0 <= estimate_mos(codec, loss, jitter, round_trip) <= 4.5


@given(st.sampled_from(sorted(CATALOGUE)), FINITE, FINITE, FINITE, FINITE)
def test_more_loss_never_sounds_better(
    codec: str, loss: float, more: float, jitter: float, round_trip: float
) -> None:
    better = estimate_mos(codec, loss, jitter, round_trip)
    assert estimate_mos(codec, loss + more, jitter, round_trip) <= better + 1e-9


@given(st.sampled_from(sorted(CATALOGUE)), FINITE, FINITE, FINITE)
def test_more_delay_never_sounds_better(
    codec: str, jitter: float, round_trip: float, more: float
) -> None:
    better = estimate_mos(codec, 0, jitter, round_trip)
    assert estimate_mos(codec, 0, jitter, round_trip + more) <= better + 1e-9
    assert estimate_mos(codec, 0, jitter + more, round_trip) <= better + 1e-9
