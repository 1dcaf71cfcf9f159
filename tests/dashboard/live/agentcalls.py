"""Calls to voice agents as an engine would record them: for tests of pages, and for pictures."""

import datetime as dt
from typing import Any

from django.utils import timezone

from callengine.core.snapshot import AgentSnapshot, CallSnapshot, SpokenSnapshot
from callengine.record import changes
from callengine.record import store as records
from tests.dashboard.live import demo

STEPS_S = {"asked": 0, "connected": 0.082, "ready": 0.494, "first_agent_audio": 1.444}
STEPS_S["first_rtp_out"] = 1.489


def session(**different: Any) -> AgentSnapshot:
    """Return a session that is up, changed as told."""
    began = timezone.now() - dt.timedelta(seconds=40)
    same: AgentSnapshot = {
        "leg": "B",
        "name": "support",
        "dialect": "assemblyai",
        "session_id": "sess_01JZ8GQ4W6",
        "state": "ready",
        "moments": {n: (began + dt.timedelta(seconds=s)).isoformat() for n, s in STEPS_S.items()},
        "queue_ms": 1240.0,
        "barge_ins": 2,
        "close_code": None,
        "close_reason": "",
        "input": "audio/pcmu",
        "output": "audio/pcm",
        "how_in": "bytes pass untouched",
        "how_out": "resampled 24 → 8 kHz",
        "keeps_transcript": True,
    }
    return {**same, **different}  # type: ignore[typeddict-item]


def legs() -> list[Any]:
    caller = demo.leg("A", offered=["PCMU", "G722"], allowed=["PCMU", "G722"], codec="PCMU")
    caller |= {"payload_type": 0, "encryption": "", "quality": demo.quality()}
    agent = demo.leg("B", label="support", codec=None, payload_type=None, offered=[], allowed=[])
    agent |= {"call_id": "", "user_agent": "", "remote": "203.0.113.40:443"}
    return [caller, agent]


def call(**different: Any) -> CallSnapshot:
    """Return a call that talks to an agent."""
    began = timezone.now() - dt.timedelta(seconds=42)
    lines = [
        demo.event(began, "A", "invite", "+12025550100 via carrier-one called +12025550188."),
        demo.event(began, "B", "ringing", "support is being connected."),
        demo.event(began + dt.timedelta(seconds=1), "B", "answered", "support answered."),
    ]
    same: dict[str, Any] = {
        "events": lines,
        "to": "+12025550188",
        "destination": "agent:support",
        "transcoded": False,
        "legs": legs(),
        "agents": [session()],
        "vn_a_source": "codecs of the agent support",
        "vn_b_source": "none: support is a voice agent",
    }
    return demo.call(**{**same, **different})


def lost() -> CallSnapshot:
    """Return a call whose agent was lost."""
    gone = session(state="ended", close_code=1011, close_reason="internal error", queue_ms=0.0)
    why = "The connection to the agent support was lost and could not be made anew: close code "
    why += "1011, internal error. Look at its platform's log, and give the agent a fallback."
    end = demo.end("callee", "agent-lost", 503, why)
    return demo.ended(call(ago_s=90, agents=[gone]), end)


def line(number: int, who: str, text: str, **different: Any) -> SpokenSnapshot:
    same: SpokenSnapshot = {
        "number": number,
        "at": timezone.now().isoformat(),
        "leg": "B",
        "who": who,
        "text": text,
        "is_final": True,
        "is_interrupted": False,
    }
    return {**same, **different}  # type: ignore[typeddict-item]


LINES = [
    ("agent", "Hi, how can I help?", False),
    ("caller", "I would like to know where my parcel is. The number is on the letter.", False),
    ("agent", "Of course. Could you read me the number that begins with", True),
    ("caller", "It is twelve, forty-two.", False),
    ("tool", "look_up_parcel: done", False),
    ("agent", "It left Hamburg this morning and is with you tomorrow.", False),
]


def spoken() -> list[SpokenSnapshot]:
    return [
        line(number, who, text, is_interrupted=interrupted)
        for number, (who, text, interrupted) in enumerate(LINES, 1)
    ]


def store(snapshot: CallSnapshot, *, lines: list[SpokenSnapshot] | None = None) -> CallSnapshot:
    """Write a call as the engine does, and what was said in it."""
    demo.store({**snapshot, "ended": None, "termination": None})
    records.call_changed(snapshot={**snapshot, "ended": None, "termination": None})
    if snapshot["ended"]:
        records.call_ended(snapshot=snapshot)
    told = spoken() if lines is None else lines
    if told:
        changes.call_spoken(call_id=snapshot["id"], lines=told)()
    return snapshot
