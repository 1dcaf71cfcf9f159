"""Calls as an engine would record them: for tests of the pages, and for pictures of them."""

import datetime as dt
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from callengine.core.history import QualityHistory, Recorder
from callengine.core.silence import Audio
from callengine.core.snapshot import (
    CallSnapshot,
    EventSnapshot,
    LegSnapshot,
    MessageSnapshot,
    QualitySnapshot,
    SilenceSnapshot,
    TerminationSnapshot,
)
from callengine.models import EngineNode
from callengine.record import store as records

_numbers = itertools.count(1)
PLATFORM = ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"]


def quality(mos: float = 4.3, loss: float = 0.1, jitter: float = 3.2) -> QualitySnapshot:
    return {
        "audio": "arriving",
        "mos": mos,
        "loss_percent": loss,
        "jitter_ms": jitter,
        "round_trip_ms": 24.0,
        "packets_received": 2104,
        "packets_sent": 2107,
        "packets_due": 50,
        "silence": None,
    }


def silent(
    since: dt.datetime, *, last: dt.datetime | None, reports: bool = False, audio: Audio = "missing"
) -> QualitySnapshot:
    """Return what is measured of a party that does not send; without `last` it never did."""
    silence: SilenceSnapshot = {
        "since": since.isoformat(),
        "last_packet": last.isoformat() if last else None,
        "source": "203.0.113.5:14002" if last else "",
        "began": "the answer",
        "reports": reports,
        "port": 20134,
        "dropped": False,
    }
    nothing: QualitySnapshot = {
        **quality(),
        "audio": audio,
        "mos": None,
        "loss_percent": None,
        "jitter_ms": None,
        "round_trip_ms": None,
        "silence": silence if audio == "missing" else None,
    }
    return nothing


def leg(name: str, **changes: Any) -> LegSnapshot:
    values: LegSnapshot = {
        "name": name,
        "label": "Alice" if name != "A" else "carrier-one",
        "call_id": f"{uuid.uuid4().hex[:20]}@127.0.0.{'9' if name == 'A' else '1'}",
        "user_agent": "Yealink SIP-T46U 108.86.0.20" if name != "A" else "Carrier SBC 9.2",
        "offered": ["OPUS", "G722", "PCMA"] if name == "A" else ["G722", "PCMU", "PCMA"],
        "allowed": PLATFORM if name == "A" else ["G722", "PCMU", "PCMA"],
        "codec": "OPUS" if name == "A" else "G722",
        "payload_type": 111 if name == "A" else 9,
        "encryption": "AES_CM_128_HMAC_SHA1_80" if name == "A" else "",
        "remote": "127.0.0.9:31002" if name == "A" else "127.0.0.1:40010",
        "state": "up",
        "quality": None,
    }
    if changes.get("codec", "") is None:  # nobody has heard it
        values["remote"] = values["encryption"] = ""
    values.update(changes)  # type: ignore[typeddict-item]
    return values


def call(*, ago_s: float = 42.0, **changes: Any) -> CallSnapshot:
    """Return an answered call, OPUS to G722, that began `ago_s` seconds ago, changed as told."""
    began = timezone.now() - dt.timedelta(seconds=ago_s)
    values: CallSnapshot = {
        "id": str(uuid.uuid4()),
        "started": began.isoformat(),
        "answered": (began + dt.timedelta(seconds=min(4, ago_s / 2))).isoformat(),
        "ended": None,
        "from": "+12025550100",
        "from_name": "Reception",
        "to": "alice",
        "source": "trunk:carrier-one",
        "destination": "connection:alice",
        "state": "answered",
        "transcoded": True,
        "legs": [leg("A"), leg("B")],
        "termination": None,
        "events": [
            event(began, "A", "invite", "INVITE from 127.0.0.9 offers OPUS, G722, PCMA."),
            event(
                began, "", "plan", "VN-A is the platform list; VN-B is the inbound list of Alice."
            ),
            event(began + dt.timedelta(seconds=1), "B", "ringing", "Alice rings."),
            event(began + dt.timedelta(seconds=4), "B", "answered", "Alice answered with G722."),
        ],
        "vn_a_source": "platform list",
        "vn_b_source": "inbound list of Alice",
    }
    values.update(changes)  # type: ignore[typeddict-item]
    return values


def event(at: dt.datetime, name: str, kind: str, text: str) -> EventSnapshot:
    number = next(_numbers)
    return {"number": number, "at": at.isoformat(), "leg": name, "kind": kind, "text": text}


def ended(call: CallSnapshot, termination: TerminationSnapshot, **changes: Any) -> CallSnapshot:
    now = timezone.now().isoformat()
    legs = [{**leg, "state": "ended"} for leg in call["legs"]]
    end_state = {"ended": now, "state": "ended", "termination": termination, "legs": legs}
    return {**call, **end_state, **changes}  # type: ignore[typeddict-item]


def end(by: str, reason: str, code: int, advice: str) -> TerminationSnapshot:
    return {"by": by, "reason": reason, "code": code, "advice": advice}


HUNG_UP = end("caller", "hangup", 200, "Nothing to mend: the caller hung up.")
NO_CODEC = end(
    "engine",
    "no-common-codec-caller",
    488,
    "Alice forces G722, PCMU, PCMA; the caller offered only OPUS. Add OPUS to Alice's inbound "
    "list, or turn off forcing.",
)


def store(snapshot: CallSnapshot, plan: Mapping[str, Any] | None = None) -> CallSnapshot:
    """Write a call as the engine does."""
    records.call_started(snapshot=snapshot, plan=dict(plan or {}), node="engine-1")
    records.call_events(
        entries=[
            records.TimelineEntry(
                snapshot["id"],
                dt.datetime.fromisoformat(line["at"]),
                line["leg"],
                line["kind"],
                line["text"],
                line["number"],
            )
            for line in snapshot["events"]
        ]
    )
    if snapshot["ended"]:
        records.call_ended(snapshot=snapshot)
    return snapshot


def ringing(**changes: Any) -> CallSnapshot:
    legs = [
        leg("A", label="Bob", codec=None, payload_type=None, state="ringing"),
        leg("B", offered=[], codec=None, payload_type=None, remote="", state="ringing"),
        leg("B2", offered=[], codec=None, payload_type=None, remote="", state="ringing"),
    ]
    start: dict[str, Any] = {
        "answered": None,
        "state": "ringing",
        "transcoded": False,
        "legs": legs,
    }
    start |= {"from": "bob", "from_name": "Bob Marsh", "source": "connection:bob", "ago_s": 7}
    snapshot = call(**{**start, **changes})
    snapshot["events"].pop()
    return snapshot


def declined(**changes: Any) -> CallSnapshot:
    forced = ["G722", "PCMU", "PCMA"]
    lone = leg("A", offered=["OPUS"], allowed=forced, codec=None, payload_type=None, state="ended")
    start = call(
        ago_s=90,
        answered=None,
        transcoded=False,
        legs=[lone],
        vn_a_source="inbound list of Alice, forced on the caller",
        **changes,
    )
    start["events"] = start["events"][:2]
    return ended(start, NO_CODEC)


def forced_trunk() -> CallSnapshot:
    """Return a call with the same codec on both legs, on hold."""
    legs = [
        leg("A", label="Dora", allowed=["G722", "PCMU", "PCMA"], codec="G722", payload_type=9),
        leg("B", label="carrier-one", offered=["G722"], user_agent="Asterisk PBX 20.5"),
    ]
    return call(
        ago_s=4000,
        legs=legs,
        transcoded=False,
        state="held",
        to="+442079460018",
        from_name="",
        source="connection:dora",
        destination="trunk:carrier-one",
        vn_a_source="TRUNK IN of carrier-one",
        vn_b_source="TRUNK OUT of carrier-one",
        **{"from": "dora"},
    )


def hostile() -> CallSnapshot:
    """Return a call whose every text from a peer is markup."""
    markup = '<script>document.title="owned"</script><img src=x onerror="document.title=1">'
    legs = [
        leg("A", label=markup, user_agent=markup, call_id=markup, remote=markup),
        leg("B", label=markup, user_agent=markup, offered=["G722", markup[:20]]),
    ]
    lines = [event(timezone.now(), "A", "note", markup)]
    return call(legs=legs, from_name=markup, to=markup, destination=markup, events=lines)


def engine_node(**changes: Any) -> EngineNode:
    now = timezone.now()
    values: dict[str, Any] = {
        "started": now - dt.timedelta(hours=5),
        "seen": now + dt.timedelta(minutes=10),  # nobody beats for it
        "listening": ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"],
        "codecs": ["OPUS", "G722", "PCMU", "PCMA", "AMR", "G729", "ILBC", "GSM"],
        "unavailable_codecs": {"AMR-WB": "libvo-amrwbenc.so.0 is not installed"},
        "calls": 4,
        "max_calls": 100,
    }
    name = changes.pop("name", "engine-1")
    return EngineNode.objects.update_or_create(name=name, defaults={**values, **changes})[0]


def message(number: int, leg: str, direction: str, summary: str, **more: Any) -> MessageSnapshot:
    """Return a message of a ladder, 250 ms after the one before it."""
    values: MessageSnapshot = {
        "number": number,
        "leg": leg,
        "at": (timezone.now() + dt.timedelta(seconds=0.25 * number)).isoformat(),
        "offset_s": 0.25 * (number - 1),
        "direction": direction,
        "peer": "udp:127.0.0.9:5060" if leg == "A" else "udp:127.0.0.1:40010",
        "summary": summary,
        "cseq": "1 INVITE",
        "retransmission": False,
        "codecs": [],
        "text": f"{summary} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK{number}\n",
    }
    values.update(more)  # type: ignore[typeddict-item]
    return values


def ladder() -> list[MessageSnapshot]:
    """Return the messages of an answered call that was challenged first."""
    steps: list[tuple[str, str, str, dict[str, Any]]] = [
        ("A", "in", "INVITE sip:alice@127.0.0.1", {"codecs": ["OPUS", "G722", "PCMA"]}),
        ("A", "out", "401 Unauthorized", {}),
        ("A", "in", "ACK sip:alice@127.0.0.1", {}),
        ("A", "in", "INVITE sip:alice@127.0.0.1", {"codecs": ["OPUS", "G722", "PCMA"]}),
        ("A", "out", "100 Trying", {}),
        ("B", "out", "INVITE sip:alice@127.0.0.1:40010", {"codecs": ["G722", "PCMU", "PCMA"]}),
        ("B", "out", "INVITE sip:alice@127.0.0.1:40010", {"retransmission": True}),
        ("B", "in", "180 Ringing", {}),
        ("A", "out", "180 Ringing", {}),
        ("B", "in", "200 OK", {"codecs": ["G722"]}),
        ("B", "out", "ACK sip:alice@127.0.0.1:40010", {}),
        ("A", "out", "200 OK", {"codecs": ["OPUS"]}),
        ("A", "in", "ACK sip:127.0.0.1:5060", {}),
    ]
    began = timezone.now()
    times = [(began + dt.timedelta(seconds=0.25 * n)).isoformat() for n in range(len(steps))]
    return [
        message(n, leg, direction, summary, at=at, **more)
        for n, ((leg, direction, summary, more), at) in enumerate(zip(steps, times, strict=True), 1)
    ]


def history(seconds: int = 180, mos: float = 4.3) -> QualityHistory:
    """Return what was measured over so many seconds, with one bad stretch."""
    recorder = Recorder()
    for second in range(1, seconds + 1):
        bad = 90 < second < 110
        loss, jitter = (6.5, 30 + second % 7) if bad else (0.2, 4)
        recorder.add(second, mos - bad * 1.2, loss, jitter, packets=50)
    return recorder.history()


def everything() -> dict[str, CallSnapshot]:
    """Store one call of each kind, and an engine; return the calls by name."""
    engine_node()
    clean = [leg("A", quality=quality()), leg("B", quality=quality(3.6, 1.9, 21))]
    wide = [
        leg("A", label="Mia", offered=["AMR-WB", "PCMU"], codec="AMR-WB", payload_type=98),
        leg("B", label="carrier-one", allowed=["PCMA", "PCMU"], offered=["PCMA"], codec="PCMA"),
    ]
    mobile = {"from": "mia", "from_name": "Mia Obi", "to": "+12025550177"}
    busy = end(
        "callee", "callee-busy", 486, "Alice is busy. Try later, or let more phones register."
    )
    died = end("engine", "call-process-died", 500, "The call process died; see the engine's log.")
    calls = {
        "transcoding": call(legs=clean),
        "ringing": ringing(),
        "held": forced_trunk(),
        "mobile": call(ago_s=301, legs=wide, destination="trunk:carrier-one", **mobile),
        "declined": declined(),
        "busy": ended(ringing(ago_s=140), busy),
        "completed": ended(call(ago_s=815, legs=clean), HUNG_UP),
        "cut": ended(call(ago_s=95), died),
    }
    for snapshot in calls.values():
        store(snapshot)
    for name in ("transcoding", "completed"):
        records.sip_messages(messages={calls[name]["id"]: ladder()})
        records.quality_histories(
            call_id=calls[name]["id"], histories={"A": history(), "B": history(mos=4.1)}
        )
    return calls
