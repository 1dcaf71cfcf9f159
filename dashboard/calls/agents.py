"""What a person sees of a call's voice agents: sessions, times, and what was said. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.dialects.kinds import DialectKind
from agents.dialects.registry import DIALECTS
from callengine.core.snapshot import AgentSnapshot, SpokenSnapshot
from dashboard.parts.shown import Badge

_STATES = {
    "connecting": Badge("Connecting", "wait"),
    "opening": Badge("Setting up", "wait"),
    "ready": Badge("Ready", "up"),
    "reconnecting": Badge("Reconnecting", "fail"),
    "ended": Badge("Ended", "idle"),
}
OURS, NETWORK, THEIRS = "ours", "network", "agent"
WHOSE = {OURS: "ours", NETWORK: "the network", THEIRS: "the agent"}
_STEPS = {
    "asked": ("Asked for", OURS),
    "connected": ("Connected", NETWORK),
    "ready": ("Ready to talk", THEIRS),
    "first_agent_audio": ("First audio of the agent", THEIRS),
    "first_rtp_out": ("First of it sent to the caller", OURS),
}
"The steps to the first word, and who spends the time before each."
_CLOSE_CODES = {
    1000: "a normal end",
    1001: "the server goes away",
    1002: "a fault of the protocol",
    1005: "no code was given",
    1006: "the connection broke",
    1008: "refused",
    1009: "a message was too large",
    1011: "the server failed",
    1012: "the server restarts",
    1013: "the server is busy",
}
"RFC 6455 section 7.4.1 and IANA's registry."
_WHO = {"caller": "Caller", "agent": "Agent", "tool": "Tool", "left-out": ""}


@dataclass(frozen=True, slots=True)
class AgentWay:
    """One direction of an agent's audio."""

    word: str
    encoding: str
    how: str
    is_untouched: bool


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One step to the first word, and how long it took from the one before."""

    word: str
    at: dt.datetime | None
    took: str
    "Such as `82 ms`; empty for the first, and while it has not come."
    whose: str


@dataclass(frozen=True, slots=True)
class AgentView:
    """One voice agent's session."""

    leg: str
    name: str
    badge: Badge
    dialect: str
    session_id: str
    ways: tuple[AgentWay, ...]
    steps: tuple[AgentStep, ...]
    shares: str
    "Whose time it was until the first word, in one sentence."
    queue: str
    barge_ins: int
    close: str
    keeps_transcript: bool


@dataclass(frozen=True, slots=True)
class SpokenView:
    """One line of what was said."""

    number: int
    at: dt.datetime
    who: str
    kind: str
    text: str
    is_final: bool
    is_interrupted: bool


def present_agent(session: AgentSnapshot) -> AgentView:
    """Return one session as the call page shows it."""
    kind = DIALECTS.get(session["dialect"])
    steps = _steps(session["moments"])
    return AgentView(
        leg=session["leg"],
        name=session["name"],
        badge=_STATES.get(session["state"], Badge(session["state"].capitalize(), "idle")),
        dialect=kind.label if kind else session["dialect"],
        session_id=session["session_id"],
        ways=(
            _way("Caller to agent", session["input"], session["how_in"]),
            _way("Agent to caller", session["output"], session["how_out"]),
        ),
        steps=steps,
        shares=_shares(session["moments"]),
        queue=_ms(session["queue_ms"]) if session["state"] != "ended" else "-",
        barge_ins=session["barge_ins"],
        close=_close(session),
        keeps_transcript=session["keeps_transcript"],
    )


def awaited(leg: str, name: str) -> AgentView:
    """Return an agent of which nothing has been heard."""
    return AgentView(
        leg=leg,
        name=name,
        badge=Badge("No session", "idle"),
        dialect="",
        session_id="",
        ways=(),
        steps=_steps({}),
        shares="",
        queue=_ms(0),
        barge_ins=0,
        close="",
        keeps_transcript=True,
    )


def present_spoken(line: SpokenSnapshot) -> SpokenView:
    """Return one line of what was said."""
    return SpokenView(
        number=line["number"],
        at=dt.datetime.fromisoformat(line["at"]),
        who=_WHO.get(line["who"], line["who"]),
        kind=line["who"] if line["who"] in _WHO else "agent",
        text=line["text"],
        is_final=line["is_final"],
        is_interrupted=line["is_interrupted"],
    )


def kind_of(sessions: Sequence[AgentSnapshot]) -> DialectKind | None:
    """Return the dialect of the session that is up, if one is."""
    up = [session for session in sessions if session["state"] != "ended"]
    return DIALECTS.get(up[-1]["dialect"]) if up else None


def _way(word: str, encoding: str, how: str) -> AgentWay:
    return AgentWay(word, encoding, how, how.endswith("untouched"))


def _times(moments: Mapping[str, str]) -> dict[str, dt.datetime]:
    return {name: dt.datetime.fromisoformat(moments[name]) for name in _STEPS if name in moments}


def _steps(moments: Mapping[str, str]) -> tuple[AgentStep, ...]:
    """Return every step, those that have not come without a time."""
    times, before = _times(moments), None
    steps = []
    for name, (word, whose) in _STEPS.items():
        at = times.get(name)
        took = _ms(_spent_ms(before, at)) if at and before else ""
        steps.append(AgentStep(word, at, took, WHOSE[whose] if took else ""))
        before = at or before
    return tuple(steps)


def _shares(moments: Mapping[str, str]) -> str:
    """Return whose time it was from the agent being asked for to the caller hearing it."""
    times = _times(moments)
    if "first_rtp_out" not in times or "asked" not in times:
        return ""
    spent = dict.fromkeys(WHOSE, 0.0)
    for (_, before), (name, at) in pairwise(times.items()):
        spent[_STEPS[name][1]] += _spent_ms(before, at)
    return (
        f"Until its first word: the agent {_ms(spent[THEIRS])}, "
        f"the network {_ms(spent[NETWORK])}, ours {_ms(spent[OURS])}."
    )


def _spent_ms(before: dt.datetime, at: dt.datetime) -> float:
    return max((at - before).total_seconds() * 1000, 0.0)


def _ms(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 10_000 else f"{ms:.0f} ms"


def _close(session: AgentSnapshot) -> str:
    code = session["close_code"]
    if code is None:
        return ""
    what = session["close_reason"] or _CLOSE_CODES.get(code, "")
    return f"{code}, {what}" if what else str(code)
