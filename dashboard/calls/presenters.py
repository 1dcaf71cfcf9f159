"""What a person sees of a call: words, tones and marks, made from a snapshot alone.

Pure: no database, no clock but the `now` handed in. Views and consumers render the same
values with the same templates, so a page and its updates cannot differ.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any

from audiocodecs.chips import Chip
from audiocodecs.chips import chip as chip
from audiocodecs.negotiation import CodecVerdict, Negotiation, negotiate
from callengine.core.agentends import CODES as AGENT_CODES
from callengine.core.parties import CALLER, CallLegs, parties, who
from callengine.core.reasons import Reason
from callengine.core.snapshot import (
    AttemptSnapshot,
    CallSnapshot,
    EventSnapshot,
    LegSnapshot,
    TerminationSnapshot,
)
from callengine.core.sounds import BROWSER_OF, PCM
from callengine.core.states import CallState
from callengine.core.timeline import MAX_LINES
from dashboard.calls.agents import AgentView, awaited, present_agent
from dashboard.calls.figures import of_call, post_dial
from dashboard.calls.plots import present_history
from dashboard.calls.shown import (
    AttemptView,
    CallRow,
    CallView,
    EventView,
    LegView,
    Link,
    ListLine,
    RecordingView,
    TerminationView,
)
from dashboard.calls.silence import present_quality, silences
from dashboard.parts.durations import duration_text as duration_text
from dashboard.parts.shown import Badge
from sip.selftests import SENTENCES, SelfTest, labelled_selftest

ROW_PX = 30
"Height of one line of a codec list; `.codec-list` in static/css/call.css draws the same."
TIMELINE_LIMIT = MAX_LINES + 2
"Lines a timeline shows at most, the newest; records of old may hold more."

_TONES = {CallState.ANSWERED: "up", CallState.HELD: "held", CallState.ENDED: "idle"}
_STATES = {state.value: (state.label, _TONES.get(state, "wait")) for state in CallState}


def _attempt(attempt: AttemptSnapshot, *, live: bool) -> AttemptView:
    took_s, code = attempt["took_s"], attempt["code"]
    tone = "up" if 200 <= code < 300 else "fail" if code else "wait"
    return AttemptView(
        leg=attempt["leg"],
        trunk=attempt["trunk"],
        target=attempt["target"],
        name=attempt["name"],
        gateway=attempt["gateway"],
        said=attempt["said"] or ("no final answer yet" if live else "no final answer"),
        took=f"{took_s:.2f} s" if took_s is not None else "",
        tone=tone,
    )


def present_call(call: CallSnapshot, *, now: dt.datetime) -> CallView:
    """Return everything the call page shows of one call."""
    leg_a, leg_b, others = legs = parties(call["legs"], call.get("near", CALLER))
    head = _head(call, legs, now=now)
    agents = {one["leg"]: present_agent(one) for one in call.get("agents", ())}
    agent = (agents.pop(leg_b["name"], None) or _awaited(leg_b, call)) if leg_b else None
    leg_view = partial(present_leg, live=head["live"], now=head["ended"] or now)
    return CallView(
        **head,
        codec_path=codec_path(
            head["chip_a"],
            head["chip_b"],
            transcoded=call["transcoded"],
            agent=agent.name if agent else "",
            test=head["test"],
            pcm=(head["pcm_a"], head["pcm_b"]),
        ),
        leg_a=leg_view(leg_a, source=call["vn_a_source"], is_matched=_is_matched(call))
        if leg_a
        else None,
        leg_b=leg_view(leg_b, source=call["vn_b_source"], agent=agent) if leg_b else None,
        also_rung=tuple(leg_view(leg, source=call["vn_b_source"]) for leg in others),
        agents_before=tuple(agents.values()),
        attempts=tuple(_attempt(one, live=head["live"]) for one in call.get("attempts", ())),
        has_agent=bool(agent or agents or _agent_of(call["destination"])),
        events=tuple(present_event(event) for event in call["events"][-TIMELINE_LIMIT:]),
        recording=_recording(call) if head["live"] else None,
    )


def _recording(call: CallSnapshot) -> RecordingView | None:
    capture = call.get("capture")
    if capture is None or capture["ended"] is not None:
        return None
    began = dt.datetime.fromisoformat(capture["began"])
    return RecordingView(capture["by"], began, capture["whole"])


def present_row(call: CallSnapshot, *, now: dt.datetime) -> CallRow:
    """Return the little of a call that a list shows, without comparing any codecs."""
    leg_a, leg_b, _ = legs = parties(call["legs"], call.get("near", CALLER))
    head = _head(call, legs, now=now)
    since = head["ended"] or head["started"]
    return CallRow(
        **head,
        order=f"{int(since.timestamp() * 1000):015d}-{head['key']}",
        agent="" if head["chip_b"] else _agent_of(call["destination"]),
        silences=silences([leg_a, leg_b], now=now) if head["live"] else (),
        figures=of_call(call, legs, live=head["live"]),
        post_dial=post_dial(call),
        leg_names=(leg_a["name"] if leg_a else "A", leg_b["name"] if leg_b else "B"),
    )


def _head(call: CallSnapshot, legs: CallLegs, *, now: dt.datetime) -> dict[str, Any]:
    """Return the fields of `CallHead`."""
    started, answered, ended = (_time(call[name]) for name in ("started", "answered", "ended"))
    started = started or now
    clock_from = answered or started
    termination = _termination(call["termination"], was_answered=answered is not None)
    chip_b = _chosen(legs.callee)
    return {
        "id": call["id"],
        "key": uuid.UUID(call["id"]).hex,
        "caller": call["from"] or "anonymous",
        "caller_name": call["from_name"],
        "callee": call["to"] or "unknown",
        "source": call["source"],
        "destination": call["destination"],
        "taken_by": call.get("taken_by", ""),
        "badge": _badge(call["state"], termination),
        "live": ended is None and call["state"] != CallState.ENDED,
        "started": started,
        "answered": answered,
        "ended": ended,
        "clock_from": clock_from,
        "duration": duration_text(((ended or now) - clock_from).total_seconds()),
        "chip_a": _chosen(legs.caller),
        "chip_b": chip_b,
        "transcoded": call["transcoded"],
        "test": "" if chip_b else _test_of(call["destination"], legs.callee),
        "termination": termination,
        "pcm_a": _browser_of(legs.caller),
        "pcm_b": "" if chip_b else _browser_of(legs.callee),
    }


def present_leg(
    leg: LegSnapshot,
    *,
    source: str,
    live: bool,
    now: dt.datetime | None = None,
    agent: AgentView | None = None,
    is_matched: bool = False,
) -> LegView:
    """Return one leg with its two lists compared; `source` says where our list comes from.

    One that `is_matched` took the codec that the other leg had then. `now` is the call's end once
    it is over; only a leg with statistics needs it.
    """
    quality = leg["quality"]
    is_a = leg["name"] == "A"
    other = leg["codec"] if is_matched else None
    met = negotiate(leg["allowed"], leg["offered"], other=other) if leg["offered"] else None
    codec = leg["codec"] or (met.codec if met else None)
    # What was not answered is not chosen: it will be, or it might have been.
    match = "chosen" if leg["codec"] else "expected" if live else "shared"
    of = who(leg["name"], leg["label"])
    told = present_quality(quality, of=of, now=now) if quality and now else None
    return LegView(
        name=leg["name"],
        is_a=is_a,
        title=leg["label"] or ("caller" if is_a else "callee"),
        state=leg["state"],
        call_id=leg["call_id"],
        user_agent=leg["user_agent"],
        remote=leg["remote"],
        payload_type=leg["payload_type"],
        encryption=leg["encryption"],
        chip=_chosen(leg),
        ours_source=source,
        will_be=chip(codec) if codec and live and not leg["codec"] else None,
        theirs=_lines(leg["offered"], met, codec, match),
        ours=_lines(leg["allowed"], met, codec, match),
        links=tuple(_links(leg, codec)),
        height_px=ROW_PX * max(len(leg["offered"]), len(leg["allowed"]), 1),
        note=_matched_note(met) or _leg_note(leg, codec, is_a=is_a, live=live),
        quality=told,
        silence=told.silence if told and live and leg["state"] != "ended" else None,
        measures=present_history(None),
        agent=agent,
        test=SENTENCES[selftest] if (selftest := _selftest_of(leg)) else "",
        browser=_browser_of(leg),
    )


def present_event(event: EventSnapshot) -> EventView:
    """Return a timeline line; one of the same key takes its place, however it arrives."""
    at = _time(event["at"]) or dt.datetime.fromtimestamp(0, dt.UTC)
    kind = event["kind"].replace("-", " ").replace("_", " ")
    return EventView(str(event["number"]), at, event["leg"], kind, event["text"])


def _time(text: str | None) -> dt.datetime | None:
    if not text:
        return None
    at = dt.datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _chosen(leg: LegSnapshot | None) -> Chip | None:
    return chip(leg["codec"]) if leg and leg["codec"] else None


def _awaited(leg: LegSnapshot, call: CallSnapshot) -> AgentView | None:
    """Return the agent that a leg leads to and that has no session yet, if it leads to one."""
    name = _agent_of(call["destination"])
    is_meant = bool(name) and name == leg["label"] and not _has_sip(leg)
    return awaited(leg["name"], name) if is_meant else None


def _test_of(destination: str, callee: LegSnapshot | None) -> str:
    """Return what people call the test destination that has a call; a transfer may lead to one."""
    kind, _, name = destination.partition(":")
    if kind == "test" and name in set(SelfTest):
        return SelfTest(name).label
    selftest = _selftest_of(callee) if callee else None
    return selftest.label if selftest else ""


def _selftest_of(leg: LegSnapshot) -> SelfTest | None:
    """Return the test destination that a leg is, if it is one."""
    return None if _has_sip(leg) else labelled_selftest(leg["label"])


def _browser_of(leg: LegSnapshot | None) -> str:
    """Return what the sound of a leg is that is a browser; nothing if it is none."""
    is_browser = leg is not None and leg["user_agent"].startswith(BROWSER_OF) and not _has_sip(leg)
    return PCM if is_browser else ""


def _has_sip(leg: LegSnapshot) -> bool:
    return bool(leg["codec"] or leg["offered"] or leg["call_id"])


def _agent_of(destination: str) -> str:
    kind, _, name = destination.partition(":")
    return name if kind == "agent" else ""


def codec_path(
    chip_a: Chip | None,
    chip_b: Chip | None,
    *,
    transcoded: bool,
    agent: str = "",
    test: str = "",
    pcm: tuple[str, str] = ("", ""),
) -> str:
    """Return one sentence: transcoding between which codecs, or not; nothing before an answer."""
    if any(pcm):
        ways = [
            chip.name if chip else browser
            for chip, browser in zip((chip_a, chip_b), pcm, strict=True)
        ]
        ways[1] = ways[1] or (f"a test destination: {test}" if test else "")
        return " to ".join(ways) if all(ways) else ""
    if chip_a is not None and agent:
        return f"{chip_a.name} to the voice agent {agent}"
    if chip_a is not None and test:
        return f"{chip_a.name} to a test destination: {test}"
    if chip_a is None or chip_b is None:
        return ""
    if transcoded:
        return f"Transcoding {chip_a.name} ↔ {chip_b.name}"
    return f"No transcoding, {chip_a.name} on both legs"


def _lines(
    names: Iterable[str], met: Negotiation | None, codec: str | None, match: str
) -> tuple[ListLine, ...]:
    if met is None:
        return tuple(ListLine(chip(name), "") for name in names)
    steps = {step.codec: step for step in met.steps}
    return tuple(
        ListLine(chip(name), _mark(steps[name].verdict, name == codec, match), steps[name].sentence)
        for name in names
    )


def _mark(verdict: CodecVerdict, is_match: bool, match: str) -> str:
    if is_match:
        return match
    if verdict not in (CodecVerdict.NOT_OFFERED, CodecVerdict.NOT_ALLOWED):
        return "shared"
    return "refused"


def _links(leg: LegSnapshot, codec: str | None) -> Iterable[Link]:
    """Yield lines from the left list (the peer's on A, ours on B) to the right one."""
    left, right = leg["offered"], leg["allowed"]
    if leg["name"] != "A":
        left, right = right, left
    for index, name in enumerate(left):
        if name in right:
            y1, y2 = (ROW_PX * row + ROW_PX // 2 for row in (index, right.index(name)))
            yield Link(y1, y2, name == codec and bool(leg["codec"]), chip(name).style)


def _is_matched(call: CallSnapshot) -> bool:
    """Tell whether the caller's leg took the callee's codec; a transfer goes by the lists again."""
    kinds = [one["kind"] for one in call["events"] if one["kind"] in ("matched", "transferred")]
    return kinds[-1:] == ["matched"]


def _matched_note(met: Negotiation | None) -> str:
    gave_way = CodecVerdict.GAVE_WAY
    first = next((one.codec for one in met.steps if one.verdict is gave_way), "") if met else ""
    return f"Matched: {first} would have been first." if first else ""


def _leg_note(leg: LegSnapshot, codec: str | None, *, is_a: bool, live: bool) -> str:
    if leg["offered"]:
        return "" if codec else "No codec in common on this leg."
    if is_a:
        return "The caller offered nothing; our answer offers the list and the caller picks."
    return "Nothing answered yet." if live else "Nothing was answered."


def _badge(state: str, termination: TerminationView | None) -> Badge:
    if state == CallState.ENDED and termination is not None:
        return termination.badge
    return Badge(*_STATES.get(state, (state.replace("-", " ").capitalize(), "idle")))


_ENDERS = {
    "caller": "the caller",
    "callee": "the callee",
    "engine": "the engine",
    "operator": "an operator",
}
UNREACHABLE = (Reason.CALLEE_UNREACHABLE, Reason.AGENT_UNREACHABLE)
_UNANSWERED = {
    408: (Badge("No answer", "wait"), "Nobody answered"),
    480: (Badge("Unavailable", "wait"), "The callee was not available"),
    486: (Badge("Busy", "wait"), "The callee was busy"),
    487: (Badge("Cancelled", "idle"), "The caller gave up"),
    600: (Badge("Busy", "wait"), "The callee was busy"),
    603: (Badge("Declined", "wait"), "The callee declined"),
}


def _termination(
    termination: TerminationSnapshot | None, *, was_answered: bool
) -> TerminationView | None:
    if termination is None:
        return None
    badge, what = _outcome(termination, was_answered=was_answered)
    return TerminationView(
        badge=badge,
        what=what,
        rule=termination["reason"],
        code=termination["code"],
        advice=termination["advice"],
        by=termination["by"],
    )


def _outcome(termination: TerminationSnapshot, *, was_answered: bool) -> tuple[Badge, str]:
    """Return the state a list shows, and what happened in a few words."""
    code, by = termination["code"], _ENDERS.get(termination["by"], termination["by"])
    if by == _ENDERS["callee"] and termination["reason"] in AGENT_CODES:
        by = "the voice agent"
    if code < 400:
        return Badge("Completed" if was_answered else "Ended", "idle"), f"Ended by {by}"
    if was_answered:
        return Badge("Cut off", "fail"), f"Cut off by {by}"
    if termination["reason"] in UNREACHABLE:
        return Badge("Unreachable", "fail"), "The callee was dialled, and took no call"
    if termination["reason"] == "no-answer":
        return _UNANSWERED[408]
    if code in (488, 606):
        return Badge(f"Declined {code}", "fail"), f"Declined by {by}"
    return _UNANSWERED.get(code, (Badge(f"Failed {code}", "fail"), f"Failed at {by}"))
