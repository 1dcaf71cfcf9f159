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
