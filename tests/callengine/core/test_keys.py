import pytest

from callengine.core.keys import KeyPresses

UPDATE, END = "u", "e"
STREAMS = [
    ("one press", "5 5u 5u 5ue", 8000, "5"),
    ("two keys", "5 5ue 6 6ue", 8000, "56"),
    ("a key twice", "5 5u 5ue 5 5u 5ue", 8000, "55"),
    ("a key twice, the second one's start lost", "5 5ue 5u 5ue", 8000, "55"),
    ("no end seen before another key", "5 5u 6 6ue", 8000, "56"),
    ("no end seen before the same key", "5 5u 5 5ue", 8000, "55"),
    ("an end alone", "5e", 8000, "5"),
    ("ends alone", "5e 5e", 8000, "55"),
    ("a press of ten seconds", "5 5u:8190 5 5u 5ue", 8000, "5"),
    ("a press of two seconds at 48 kHz", "5 5u:1360 5 5u 5ue", 48000, "5"),
    ("another key after a long press", "5 5u:8190 6 6ue", 8000, "56"),
    ("a long press that ended", "5 5ue:8190 5 5ue", 8000, "55"),
]


@pytest.mark.parametrize(
    ("reports", "rate", "keys"), [s[1:] for s in STREAMS], ids=[s[0] for s in STREAMS]
)
def test_each_press_counts_once(reports: str, rate: int, keys: str) -> None:
    presses, heard = KeyPresses(), ""
    for report in reports.split():
        text, _, duration = report.partition(":")
        if presses.is_new(
            text[0],
            duration_ms=float(duration or 100),
            is_update=UPDATE in text,
            is_end=END in text,
            clock_rate_hz=rate,
        ):
            heard += text[0]
    assert heard == keys


@pytest.mark.parametrize(
    ("reports", "keys"),
    [
        ([("5", 20, "", 1), ("5", 60, "", 1), ("5", 80, "ue", 1)], "5"),
        ([("5", 20, "", 1), ("5", 80, "ue", 1), ("5", 80, "e", 1)], "5"),
        ([("5", 80, "e", 1), ("5", 20, "", 2)], "55"),
        ([("5", 20, "", 1), ("6", 20, "", 1)], "56"),
        ([("5", 80, "e", 1), ("5", 20, "", 1), ("5", 80, "ue", 1)], "55"),
    ],
    ids=[
        "a stream that begins in the midst of it",
        "one that begins with its end",
        "the next press",
        "another key",
        "a device whose timestamps stand still",
    ],
)
def test_a_press_of_which_another_stream_tells_is_the_same(
    reports: list[tuple[str, int, str, int]], keys: str
) -> None:
    presses, heard = KeyPresses(), ""
    for digit, lasts_ms, flags, timestamp in reports:
        if presses.is_new(
            digit,
            duration_ms=lasts_ms,
            is_update=UPDATE in flags,
            is_end=END in flags,
            clock_rate_hz=8000,
            packet=(77, timestamp),
        ):
            heard += digit
    assert heard == keys
