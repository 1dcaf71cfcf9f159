"""Who is called silent, and when: tables of seconds."""

import pytest

from callengine.core.mediawords import came_back_note, no_media, silence_note
from callengine.core.silence import (
    EARLY_MEDIA,
    THE_ANSWER,
    Arrived,
    CameBack,
    Change,
    FellSilent,
    PartyAudio,
    Silence,
    all_gone,
)

UNIX = 1_700_000_000.0
FROM = "203.0.113.5:14002"


class Line:
    """A party on a clock of seconds; each letter of a script is one of them.

    `a` audio arrives, `r` only a report, `.` nothing, `h` nothing while on hold, `H` audio while
    on hold, `0` a new stream begins and nothing arrives.
    """

    def __init__(self) -> None:
        self.party, self.second = PartyAudio(), 0
        self.packets = self.reports = 0

    def run(self, script: str) -> list[tuple[int, Change]]:
        told = []
        for letter in script:
            self.second += 1
            self.packets = 0 if letter == "0" else self.packets + 50 * (letter in "aH")
            self.reports += letter == "r"
            change = self.party.take(
                Arrived(self.packets, self.reports, FROM if self.packets else ""),
                expected="" if letter in "hH" else THE_ANSWER,
                now=float(self.second),
                unix=UNIX + self.second,
            )
            if change is not None:
                told.append((self.second, change))
        return told


@pytest.mark.parametrize(
    ("script", "audio"),
    [
        ("a", "arriving"),
        ("a.", "arriving"),
        ("a..", "missing"),
        ("a..a", "arriving"),
        ("a......", "missing"),
        (".", "not-expected"),
        ("..", "not-expected"),
        ("...", "missing"),
        ("arr", "missing"),
        ("ahhhh", "not-expected"),
        ("aHHHH", "arriving"),
        ("ahhhh.", "not-expected"),
        ("ahhhh...", "missing"),
        ("aa0", "arriving"),
        ("aa00", "missing"),
    ],
)
def test_two_seconds_without_a_packet_are_no_audio(script: str, audio: str) -> None:
    line = Line()
    line.run(script)
    assert line.party.audio == audio


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ("aaa....", []),
        ("aaa.....", [8]),
        ("aaa....................", [8]),
        (".....", []),
        ("......", [6]),
        ("ahhhhhhhhhhhh", []),
        ("ahhhhhhhh.....", []),
        ("ahhhhhhhh......", [15]),
        ("aaa.....hhh......", [8, 17]),
        ("aa.aa..aa...aa....a", []),
        ("aaaHHHHHHHHH", []),
    ],
)
def test_five_seconds_are_told_once(script: str, seconds: list[int]) -> None:
    told = Line().run(script)
    assert [second for second, _ in told] == seconds
    assert all(isinstance(change, FellSilent) for _, change in told)


@pytest.mark.parametrize(
    ("last", "since"),
    [
        (3.5, 3.5),
        (None, 4.0),  # not known: by the look at the latest
        (2.75, 3.0),  # read a moment after the look before
        (4.25, 4.0),  # one more came while this was read
    ],
)
def test_a_silence_is_due_at_its_moment_and_told_then(last: float | None, since: float) -> None:
    party = PartyAudio()
    for second in (1.0, 2.0, 3.0):
        party.take(Arrived(int(50 * second), 0), expected=THE_ANSWER, now=second, unix=UNIX)
    told: list[tuple[float, str, Change | None]] = []
    now: float | None = 4.0
    while now is not None:
        change = party.take(
            Arrived(200, 0, FROM, last), expected=THE_ANSWER, now=now, unix=UNIX + now
        )
        told.append((now, party.audio, change))
        now = party.due(now)
    silence = Silence(UNIX + since, UNIX + since, FROM, reports=False)
    assert told == [
        (4.0, "arriving", None),
        (since + 2, "missing", None),
        (since + 5, "missing", FellSilent(5.0, silence)),
    ]


def test_one_that_stopped_is_told_from_one_never_heard() -> None:
    stopped, never = Line(), Line()
    ((_, change),) = stopped.run("aaa.....")
    assert change == FellSilent(5.0, Silence(UNIX + 3, UNIX + 3, FROM, reports=False))
    ((_, change),) = never.run("......")
    assert change == FellSilent(5.0, Silence(UNIX + 1, None, "", reports=False))


def test_after_a_hold_the_silence_counts_from_its_end_and_the_last_packet_from_before() -> None:
    line = Line()
    ((second, change),) = line.run("aahhhhhhhh......")
    assert second == 16
    assert change == FellSilent(5.0, Silence(UNIX + 11, UNIX + 2, FROM, reports=False))


def test_the_silence_stays_as_it_began_while_it_lasts() -> None:
    line = Line()
    line.run("aaa.....")
    began = line.party.silence
    line.run(".....")
    assert line.party.silence == began


@pytest.mark.parametrize(
    ("script", "back"),
    [
        ("aaa......a", CameBack(7.0, is_first=False)),
        ("......a", CameBack(6.0, is_first=True)),
        ("aahhhhhhhh......a", CameBack(6.0, is_first=False)),
    ],
)
def test_audio_that_comes_back_is_told_with_the_gap(script: str, back: CameBack) -> None:
    line = Line()
    assert line.run(script)[-1] == (len(script), back)
    assert line.party.silence is None


def test_a_device_that_reports_is_there() -> None:
    line = Line()
    line.run("aaarrrrr")
    assert line.party.silence is not None
    assert line.party.silence.reports
    line.run("." * 16)
    assert not line.party.silence.reports


@pytest.mark.parametrize(
    ("scripts", "gone"),
    [
        (("a" + "." * 9, "a" + "." * 9), False),
        (("a" + "." * 10, "a" + "." * 10), True),
        (("a" + "." * 10, "a" * 11), False),
        (("a" + "." * 10, "a" + "....r....."), False),
        (("a" + "." * 10, "a" + "h" * 10), False),
        (("." * 11, "." * 11), True),
    ],
    ids=["early", "both", "one-talks", "one-reports", "one-held", "never-any"],
)
def test_a_call_is_over_when_nothing_comes_from_either(
    scripts: tuple[str, str], gone: bool
) -> None:
    lines = (Line(), Line())
    for line, script in zip(lines, scripts, strict=True):
        line.run(script)
    parties = (lines[0].party, lines[1].party)
    now = float(len(scripts[0]))
    assert all_gone(parties, timeout_s=10.0, now=now) is gone
    assert not all_gone(parties, timeout_s=0.0, now=now)


@pytest.mark.parametrize(
    ("silence", "words"),
    [
        (
            Silence(UNIX, UNIX, FROM, reports=False),
            "No audio from the caller for 7 s. Their device or a firewall stopped sending. "
            f"Last packet 22:13:20 UTC from {FROM}.",
        ),
        (
            Silence(UNIX, UNIX, FROM, reports=True),
            "No audio from the caller for 7 s. Their device is there, it reports (RTCP), but "
            f"sends no audio: it may be muted. Last packet 22:13:20 UTC from {FROM}.",
        ),
        (
            Silence(UNIX, None, "", reports=False),
            "Nothing has arrived from the caller since the answer. Most often UDP to our port "
            "20134 is blocked on their side or ours.",
        ),
        (
            Silence(UNIX, None, "", reports=True),
            "Nothing has arrived from the caller since the answer. Their device is there, it "
            "reports (RTCP), but sends no audio: it may be muted.",
        ),
    ],
)
def test_the_words_say_what_is_known(silence: Silence, words: str) -> None:
    assert silence_note(who="the caller", seconds=7.2, silence=silence, port=20134) == words


def test_the_other_words() -> None:
    early = Silence(UNIX, None, "", reports=False, began=EARLY_MEDIA)
    text = silence_note(who="Bob", seconds=5, silence=early, port=0, dropped=True)
    assert text.startswith("Nothing has arrived from Bob since its early media began. RTP from")
    assert "back after 7 s" in came_back_note(who="Bob", back=CameBack(7.0, is_first=False))
    first = came_back_note(who="Bob", back=CameBack(7.0, is_first=True))
    assert first == "The first audio from Bob has arrived, after 7 s without any."


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (["the caller", "Bob"], "Neither party has sent audio or a report for 60 s, so"),
        (["the caller"], "No audio or report has come from the caller for 60 s, so"),
        (["carrier-one"], "No audio or report has come from carrier-one for 60 s, so"),
    ],
)
def test_a_call_without_media_says_whose_and_speaks_of_no_device(
    gone: list[str], words: str
) -> None:
    end = no_media(60.0, gone=gone)
    assert (end.by, end.reason) == ("engine", "no-media")
    assert end.advice.startswith(words)
    assert "VOIPNUMBER_MEDIA_TIMEOUT_S" in end.advice
    assert "device" not in end.advice
    assert ("Both ends" in end.advice) == (len(gone) > 1)
