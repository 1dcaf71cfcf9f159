"""What a person sees of a call, from the snapshot alone."""

import datetime as dt
import json

import pytest
from django.template.loader import render_to_string

from audiocodecs.chips import chip
from callengine.core.snapshot import AttemptSnapshot, CallSnapshot, NodeSnapshot
from dashboard.calls.presenters import present_call, present_event, present_row
from dashboard.calls.silence import mos_badge, present_quality
from dashboard.parts.durations import duration_text
from dashboard.parts.engines import present_engine
from dashboard.parts.shown import Badge
from tests.dashboard.live import demo

NOW = dt.datetime(2026, 11, 20, 10, 42, tzinfo=dt.UTC)


def test_the_matched_codec_is_marked_on_both_lists_and_linked() -> None:
    leg = present_call(demo.call(), now=NOW).leg_a
    assert leg is not None
    marks = [(line.chip.name, line.mark) for line in leg.ours]
    assert marks == [
        ("OPUS", "chosen"),
        ("G722", "shared"),
        ("AMR-WB", "refused"),
        ("PCMU", "refused"),
        ("PCMA", "shared"),
    ]
    assert [line.mark for line in leg.theirs] == ["chosen", "shared", "shared"]
    assert [(link.y1, link.y2) for link in leg.links if link.chosen] == [(15, 15)]
    assert leg.ours[2].reason == "AMR-WB is on our list; the peer does not have it."


def test_on_leg_b_our_list_is_left_so_the_links_run_from_it() -> None:
    b = demo.leg("B", allowed=["G722", "PCMU"], offered=["PCMU"], codec="PCMU")
    leg = present_call(demo.call(legs=[demo.leg("A"), b]), now=NOW).leg_b
    assert leg is not None
    assert [(link.y1, link.y2) for link in leg.links] == [(45, 15)]


def test_a_leg_that_shares_nothing_says_so_and_refuses_all() -> None:
    leg = present_call(demo.declined(), now=NOW).leg_a
    assert leg is not None
    assert leg.note == "No codec in common on this leg."
    assert {line.mark for line in (*leg.ours, *leg.theirs)} == {"refused"}
    assert leg.chip is None


def test_before_the_answer_nothing_of_ours_is_refused() -> None:
    leg = present_call(demo.ringing(), now=NOW).leg_b
    assert leg is not None
    assert {line.mark for line in leg.ours} == {""}
    assert leg.note == "Nothing answered yet."


def test_before_the_answer_a_codec_is_expected_and_none_is_chosen() -> None:
    ringing = demo.ringing()
    leg = present_call(ringing, now=NOW).leg_a
    assert leg is not None
    assert leg.chip is None
    assert leg.will_be == chip("OPUS")
    assert [line.mark for line in leg.ours] == [
        "expected", "shared", "refused", "refused", "shared",
    ]  # fmt: skip
    assert not any(link.chosen for link in leg.links)
    busy = demo.end("callee", "callee-busy", 486, "Try later.")
    leg = present_call(demo.ended(ringing, busy), now=NOW).leg_a
    assert leg is not None
    assert leg.will_be is None
    assert leg.ours[0].mark == "shared"


def test_after_the_end_nobody_waits_for_an_answer() -> None:
    busy = demo.end("callee", "callee-busy", 486, "Try later.")
    leg = present_call(demo.ended(demo.ringing(), busy), now=NOW).leg_b
    assert leg is not None
    assert leg.note == "Nothing was answered."


@pytest.mark.parametrize("heard", ["A", "B"])
def test_a_leg_without_a_codec_waits_for_none_once_the_call_is_over(heard: str) -> None:
    legs = [demo.leg(name, **({} if name == heard else {"codec": None})) for name in "AB"]
    live = demo.call(legs=legs, transcoded=False)

    def told(call: CallSnapshot) -> str:
        return render_to_string("calls/_bridge.html", {"call": present_row(call, now=NOW)})

    assert "not yet" in told(live)
    over = told(demo.ended(live, demo.HUNG_UP))
    assert "no codec</span>" in over
    assert "not yet" not in over


def test_who_heard_early_media_and_was_not_answered_is_told_why() -> None:
    busy = demo.end("callee", "callee-busy", 486, "Try later.")
    early = demo.ringing(legs=[demo.leg("A"), demo.leg("B")], state="early-media")

    def told(call: CallSnapshot) -> str:
        context = {"call": present_row(call, now=NOW), "row": "call", "last": "started"}
        return render_to_string("calls/_row.html", context)

    assert "Try later." not in told(early)
    assert "<code>callee-busy</code> Try later." in told(demo.ended(early, busy))


def test_a_gateway_that_gave_no_final_answer_is_not_waited_for_once_the_call_is_over() -> None:
    attempt: AttemptSnapshot = {
        "leg": "B",
        "trunk": "carrier-one",
        "gateway": "sip:carrier.example.com",
        "name": "",
        "target": "udp:192.0.2.7:5060",
        "at": NOW.isoformat(),
        "took_s": None,
        "code": 0,
        "said": "",
    }
    live = demo.ringing(attempts=[attempt])
    over = demo.ended(live, demo.end("engine", "engine-restarted", 500, "See its log."))
    said = [present_call(one, now=NOW).attempts[0].said for one in (live, over)]
    assert said == ["no final answer yet", "no final answer"]


def test_the_leg_that_answered_is_shown_and_the_others_named() -> None:
    legs = [
        demo.leg("A"),
        demo.leg("B", codec=None, offered=[], state="ended"),
        demo.leg("B2", label="Alice mobile"),
    ]
    view = present_call(demo.call(legs=legs), now=NOW)
    assert view.leg_b is not None
    assert view.leg_b.name == "B2"
    assert [leg.name for leg in view.also_rung] == ["B"]


@pytest.mark.parametrize(
    ("by", "reason", "code", "answered", "badge", "what"),
    [
        ("caller", "caller-hung-up", 200, True, Badge("Completed", "idle"), "Ended by the caller"),
        ("engine", "lost", 500, True, Badge("Cut off", "fail"), "Cut off by the engine"),
        ("callee", "callee-busy", 486, False, Badge("Busy", "wait"), "The callee was busy"),
        ("engine", "no-answer", 480, False, Badge("No answer", "wait"), "Nobody answered"),
        (
            "callee",
            "callee-unreachable",
            408,
            False,
            Badge("Unreachable", "fail"),
            "The callee was dialled, and took no call",
        ),
        (
            "engine",
            "no-common-codec-caller",
            488,
            False,
            Badge("Declined 488", "fail"),
            "Declined by the engine",
        ),
        (
            "caller",
            "caller-cancelled",
            487,
            False,
            Badge("Cancelled", "idle"),
            "The caller gave up",
        ),
        ("engine", "broken", 503, False, Badge("Failed 503", "fail"), "Failed at the engine"),
    ],
)
def test_how_a_call_ended(
    by: str, reason: str, code: int, answered: bool, badge: Badge, what: str
) -> None:
    start = demo.call() if answered else demo.ringing()
    view = present_call(demo.ended(start, demo.end(by, reason, code, "Do it.")), now=NOW)
    assert view.termination is not None
    assert (view.badge, view.termination.what) == (badge, what)
    assert not view.live


def test_codecs_read_alike_everywhere() -> None:
    g722 = chip("G722")
    assert (g722.style, g722.hd, g722.audio_rate, g722.bit_rate) == (
        "g722",
        True,
        "16 kHz",
        "80 kbit/s",
    )
    assert chip('"><script>').style == "other"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "00:00"), (42.9, "00:42"), (3599, "59:59"), (3723, "1:02:03"), (360000, "100:00:00")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("mos", "word"), [(4.3, "good"), (4.0, "good"), (3.5, "fair"), (1, "poor")]
)
def test_mos_has_a_word(mos: float, word: str) -> None:
    assert mos_badge(mos).word == word


AGO = NOW - dt.timedelta(seconds=7)
LAST = NOW - dt.timedelta(seconds=9)


def test_without_audio_there_is_no_figure() -> None:
    view = present_quality(demo.silent(AGO, last=LAST), of="Bob", now=NOW)
    assert (view.mos, view.badge) == ("-", Badge("no audio", "fail"))
    assert (view.loss, view.jitter, view.round_trip) == ("-", "-", "-")
    assert view.sample == "gap"
    held = demo.silent(AGO, last=LAST, audio="not-expected")
    view = present_quality(held, of="Bob", now=NOW)
    assert (view.mos, view.badge, view.silence) == ("-", Badge("not sending", "idle"), None)


def test_a_measured_second_says_so() -> None:
    view = present_quality(demo.quality(4.3, 0.5, 3.2), of="Bob", now=NOW)
    assert (view.mos, view.badge.word, view.loss, view.jitter) == ("4.3", "good", "0.5 %", "3 ms")
    assert (view.sample, view.silence) == ("4.30 0.50 3.20 50", None)


@pytest.mark.parametrize("who", ["the caller", "Bob"])
@pytest.mark.parametrize("reports", [False, True], ids=["gone", "reports"])
@pytest.mark.parametrize("last", [LAST, None], ids=["stopped", "never"])
def test_a_silent_party_is_named_with_what_that_means(
    who: str, reports: bool, last: dt.datetime | None
) -> None:
    quality = demo.silent(AGO, last=last, reports=reports)
    silence = present_quality(quality, of=who, now=NOW).silence
    assert silence is not None
    if last:
        assert silence.what == f"No audio from {who}"
        assert (silence.last, silence.source) == (LAST, "203.0.113.5:14002")
    else:
        assert silence.what == f"Nothing has arrived from {who} since the answer"
    assert silence.duration == "00:07"
    assert ("firewall stopped" in silence.means) is (last is not None and not reports)
    assert ("port 20134 is blocked" in silence.means) is (last is None and not reports)
    assert ("reports (RTCP)" in silence.means) is reports


def test_a_row_of_the_record_older_than_these_words_still_shows() -> None:
    old = {k: v for k, v in demo.quality().items() if k not in ("audio", "silence")}
    view = present_quality(old, of="Bob", now=NOW)  # type: ignore[arg-type]
    assert (view.badge.word, view.silence) == ("good", None)


def test_a_live_row_names_who_is_silent_and_an_ended_one_nobody() -> None:
    quiet = [
        demo.leg("A", quality=demo.silent(AGO, last=LAST)),
        demo.leg("B", quality=demo.silent(AGO, last=None)),
    ]
    live = demo.call(legs=quiet)
    words = [silence.brief for silence in present_row(live, now=NOW).silences]
    assert words == ["No audio from the caller", "Nothing yet from Alice"]
    over = demo.ended(live, demo.HUNG_UP)
    assert present_row(over, now=NOW).silences == ()
    assert present_row(demo.call(), now=NOW).silences == ()


def test_two_who_were_rung_and_talk_are_told_apart_by_their_names() -> None:
    """The caller has transferred whom it called: both who talk by now were "the callee"."""
    quiet = demo.silent(AGO, last=LAST)
    legs = [
        demo.leg("A", state="ended"),
        demo.leg("B", label="Alice", quality=quiet),
        demo.leg("B2", label="", quality=quiet),
    ]
    call = demo.call(legs=legs, near="B")
    words = [silence.brief for silence in present_row(call, now=NOW).silences]
    assert words == ["No audio from Alice", "No audio from leg B2"]
    view = present_call(call, now=NOW)
    told = [leg.silence.what for leg in (view.leg_a, view.leg_b) if leg and leg.silence]
    assert told == words


def test_an_event_has_the_same_key_however_it_arrives() -> None:
    event = demo.event(NOW, "A", "invite", "text \ud800")
    assert present_event(event).key == present_event(json.loads(json.dumps(event))).key
    assert present_event(event).key != present_event({**event, "number": event["number"] + 1}).key


def node(name: str, *, age_s: float, **changes: object) -> NodeSnapshot:
    seen = NOW - dt.timedelta(seconds=age_s)
    values = {
        "name": name,
        "started": seen.isoformat(),
        "seen": seen.isoformat(),
        "listening": [],
        "codecs": ["PCMU"],
        "unavailable_codecs": {},
        "unconfined": [],
        "shortages": [],
        "calls": 1,
        "max_calls": 10,
    }
    return {**values, **changes}  # type: ignore[typeddict-item]


def test_what_a_machine_lacks_stands_in_the_panel() -> None:
    sentence = "The limit of open files is 300, and 2300 may be needed."
    view = present_engine([node("a", age_s=1, shortages=[sentence])], now=NOW)
    assert sentence in render_to_string("calls/_engine.html", {"engine": view})


def test_codecs_off_by_default_are_told_but_not_missed() -> None:
    told = node(
        "a", age_s=1, unconfined=["files"], unavailable_codecs={"G729": "unsafe", "SPEEX": "unsafe"}
    )
    view = present_engine([told], now=NOW)
    assert view.nodes[0].unconfined == ("files",)
    # No list can hold SPEEX.
    assert [c.name for c, _ in view.nodes[0].unavailable] == ["G729"]
    assert view.missing == ()


@pytest.mark.parametrize(
    ("nodes", "tone", "text"),
    [
        ([], "wait", "engine not started"),
        ([node("a", age_s=1)], "up", "engine up, 1 call"),
        ([node("a", age_s=1), node("b", age_s=2, calls=2)], "up", "2 engines up, 3 calls"),
        ([node("a", age_s=40)], "wait", "engine not reachable since"),
        ([node("a", age_s=1), node("b", age_s=40)], "wait", "1 of 2 engines not reachable since"),
    ],
)
def test_the_engine_pill(nodes: list[NodeSnapshot], tone: str, text: str) -> None:
    view = present_engine(nodes, now=NOW)
    assert (view.tone, view.text) == (tone, text)
    assert bool(view.advice) == (tone != "up")


def test_a_codec_an_engine_cannot_do_is_named_with_its_reason() -> None:
    broken = node("a", age_s=1, unavailable_codecs={"AMR-WB": "no library"})
    view = present_engine([broken], now=NOW)
    assert view.missing == ("AMR-WB",)
    assert [(c.name, why) for c, why in view.nodes[0].unavailable] == [("AMR-WB", "no library")]
