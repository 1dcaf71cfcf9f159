"""Quality over a whole call, however long, in a bounded number of points."""

from hypothesis import given
from hypothesis import strategies as st

from callengine.core.history import MAX_POINTS, Recorder

SAMPLE = st.tuples(st.floats(1, 4.5), st.floats(0, 100), st.floats(0, 500))


def test_a_short_call_keeps_every_sample() -> None:
    recorder = Recorder()
    for second in range(5):
        recorder.add(float(second), 4.0 + second / 10, 0.0, second, packets=50)
    history = recorder.history()
    assert history["t"] == [0, 1, 2, 3, 4]
    assert history["mos"] == [4.0, 4.1, 4.2, 4.3, 4.4]
    assert history["summary"]["mos"] == {"best": 4.4, "worst": 4.0, "average": 4.2}
    assert history["summary"]["jitter_ms"] == {"best": 0, "worst": 4, "average": 2}


def test_a_day_is_kept_in_as_many_points_and_one_bad_second_still_shows() -> None:
    recorder = Recorder()
    for second in range(86_400):
        bad = second == 40_000
        mos, loss_percent = (1.5, 60.0) if bad else (4.3, 0.0)
        recorder.add(float(second), mos, loss_percent, 4.0, packets=50)
    history = recorder.history()
    assert MAX_POINTS / 2 <= len(history["t"]) <= MAX_POINTS
    assert min(history["mos"]) == 1.5  # type: ignore[type-var]
    assert max(history["loss_percent"]) == 60.0  # type: ignore[type-var]
    assert history["summary"]["mos"]["average"] == 4.3
    assert history["samples"] == 86_400
    assert history["t"][-1] == 86_399


def test_seconds_without_audio_are_gaps_and_change_no_figure() -> None:
    recorder = Recorder()
    recorder.add(0.0, 4.4, 0.0, 3.0, packets=50)
    recorder.add_gap(1.0)
    recorder.add_gap(2.0)
    recorder.add(3.0, 4.2, 1.0, 5.0, packets=50)
    history = recorder.history()
    assert history["t"] == [0, 1, 2, 3]
    assert history["mos"] == [4.4, None, None, 4.2]
    assert history["loss_percent"] == [0.0, None, None, 1.0]
    assert history["jitter_ms"] == [3.0, None, None, 5.0]
    assert history["summary"]["mos"] == {"best": 4.4, "worst": 4.2, "average": 4.3}
    assert history["samples"] == 2


def test_averages_are_of_packets_however_few_a_second_had() -> None:
    """A second's rest at the end of a call: one packet of three is lost, and 2 of 103 in all."""
    recorder = Recorder()
    recorder.add(0.0, 4.4, 2.0, 3.0, packets=50)
    recorder.add(1.0, 4.4, 0.0, 3.0, packets=50)
    recorder.add(2.0, 1.6, 100 / 3, 9.0, packets=3)
    history = recorder.history()
    assert history["packets"] == 103
    averages = {name: one["average"] for name, one in history["summary"].items()}
    assert averages == {"mos": 4.32, "loss_percent": 1.94, "jitter_ms": 3.17}


def test_a_leg_that_was_never_heard_has_no_figures_at_all() -> None:
    recorder = Recorder()
    recorder.add_gap(1.0)
    history = recorder.history()
    assert (history["mos"], history["samples"], history["summary"]) == ([None], 0, {})


def test_merged_points_keep_the_worst_and_are_gaps_where_nothing_was_measured() -> None:
    recorder = Recorder(max_points=4)
    for second, mos in enumerate([4.4, None, None, 1.5, None, None, None, None]):
        if mos is None:
            recorder.add_gap(float(second))
        else:
            recorder.add(float(second), mos, 0.0, 0.0, packets=50)
    assert recorder.history()["mos"] == [1.5, None]


@given(samples=st.lists(SAMPLE, min_size=1, max_size=200), limit=st.integers(2, 20))
def test_columns_are_as_long_as_each_other_and_in_order(
    samples: list[tuple[float, float, float]], limit: int
) -> None:
    recorder = Recorder(max_points=limit)
    for second, sample in enumerate(samples):
        recorder.add(float(second), *sample, packets=50)
    history = recorder.history()
    columns = (history["mos"], history["loss_percent"], history["jitter_ms"])
    assert {len(column) for column in columns} == {len(history["t"])}
    assert 1 <= len(history["t"]) <= limit
    assert history["t"] == sorted(history["t"])
    assert history["t"][-1] == len(samples) - 1
    assert min(history["mos"]) == round(min(mos for mos, _, _ in samples), 2)
    assert max(history["loss_percent"]) == round(max(loss for _, loss, _ in samples), 2)
