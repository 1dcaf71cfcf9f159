"""Which call a message belongs to, and what its record keeps of it."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callengine.edge.interface import LegAnchor
from callengine.models import Call, Leg, SipMessage
from callengine.record import ladder, orphans, reading, rows, store
from callengine.record.changes import Keepable
from tests.dashboard.live import demo
from tests.peers.waiting import until

CALL = uuid.uuid4()
FLOW = "udp:127.0.0.9:5060"


def sip(start: str, cseq: str, *, branch: str = "1", call_id: str = "c1") -> bytes:
    lines = (
        start,
        f"Via: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK{branch}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
    )
    return "\r\n".join((*lines, "", "")).encode()


INVITE = sip("INVITE sip:b@127.0.0.1 SIP/2.0", "1 INVITE")
CHALLENGE = sip("SIP/2.0 401 Unauthorized", "1 INVITE")
AGAIN = sip("INVITE sip:b@127.0.0.1 SIP/2.0", "2 INVITE", branch="2")
RINGING = sip("SIP/2.0 180 Ringing", "2 INVITE", branch="2")


class FakeJournal:
    """Writes at once, into a list instead of a database."""

    def write(self, change: Keepable, then: Callable[[], None] | None = None) -> None:
        change.told()
        if then is not None:
            then()


class Shown:
    """Everything that was shown, by call."""

    def __init__(self) -> None:
        self.messages_of: dict[str, list[Any]] = {}

    def messages(self, call_id: str, messages: list[Any]) -> None:
        self.messages_of.setdefault(call_id, []).extend(messages)

    def lines(self, call: uuid.UUID = CALL) -> list[str]:
        told = self.messages_of.get(str(call), [])
        return [
            f"{m['leg']} {m['direction']} {m['summary']}{' again' if m['retransmission'] else ''}"
            for m in told
        ]


@pytest.fixture
def shown() -> Shown:
    return Shown()


def tracing(shown: Shown) -> ladder.Trace:
    def leg_of(token: str) -> LegAnchor | None:
        return LegAnchor(CALL.hex, token[-1], token, ("", 0)) if token.startswith("leg") else None

    one = ladder.Trace(leg_of)
    one.open_with(FakeJournal(), shown)  # type: ignore[arg-type]
    return one


async def test_a_ladder_begins_with_what_came_before_the_call_was_known(shown: Shown) -> None:
    one = tracing(shown)
    one.observe(None, "in", FLOW, INVITE)
    one.observe(None, "out", FLOW, CHALLENGE)
    one.observe(None, "in", "udp:127.0.0.66:5060", INVITE)
    one.observe(None, "in", FLOW, sip("REGISTER sip:x SIP/2.0", "1 REGISTER"))
    one.observe(None, "in", FLOW, AGAIN)
    one.opened(CALL.hex, uuid=str(CALL), sip_call_id="c1", flow=FLOW)
    one.observe("leg-B", "in", "udp:127.0.0.2:5060", RINGING)
    one.observe("unknown", "in", FLOW, RINGING)
    one.observe("leg-A", "out", FLOW, RINGING)
    one.observe("leg-A", "out", FLOW, RINGING)
    one.flush()
    invite = "in INVITE sip:b@127.0.0.1"
    assert shown.lines() == [
        f"A {invite}", "A out 401 Unauthorized", f"A {invite}",
        "B in 180 Ringing", "A out 180 Ringing", "A out 180 Ringing again",
    ]  # fmt: skip


async def test_messages_are_written_without_being_asked_for(shown: Shown) -> None:
    one = tracing(shown)
    one.opened(CALL.hex, uuid=str(CALL), sip_call_id="c1", flow=FLOW)
    one.observe(None, "in", FLOW, INVITE)
    await until(lambda: bool(shown.lines()), "nothing was written")


async def test_a_peer_is_shown_by_its_address_however_long_its_name(shown: Shown) -> None:
    one = tracing(shown)
    flow = f"tls:[2001:db8::1]:5061/{'carrier.' * 30}example"
    one.observe(None, "in", flow, INVITE)
    one.opened(CALL.hex, uuid=str(CALL), sip_call_id="c1", flow="tls:[2001:db8::1]:40000/[::1]")
    one.flush()
    (message,) = shown.messages_of[str(CALL)]
    assert message["peer"] == "tls:[2001:db8::1]:5061"


async def test_a_call_keeps_so_many_messages_and_says_that_more_came(shown: Shown) -> None:
    one = tracing(shown)
    one.opened(CALL.hex, uuid=str(CALL), sip_call_id="c1", flow=FLOW)
    for number in range(ladder.MAX_MESSAGES + 50):
        one.observe("leg-A", "in", FLOW, sip("INFO sip:b SIP/2.0", f"{number} INFO"))
    one.flush()
    assert len(shown.lines()) == ladder.MAX_MESSAGES + 1
    assert shown.lines()[-1] == f" note Only the first {ladder.MAX_MESSAGES} messages are kept."


async def test_a_call_id_used_again_begins_another_ladder(shown: Shown) -> None:
    one, second = tracing(shown), uuid.uuid4()
    one.opened(CALL.hex, uuid=str(CALL), sip_call_id="c1", flow=FLOW)
    one.observe(None, "in", FLOW, INVITE)
    one.closed(CALL.hex)
    one.observe(None, "out", FLOW, sip("SIP/2.0 488 Not Acceptable Here", "1 INVITE"))
    one.observe(None, "in", FLOW, INVITE)
    one.observe(None, "in", FLOW, AGAIN)
    one.opened(second.hex, uuid=str(second), sip_call_id="c1", flow=FLOW)
    one.flush()
    assert shown.lines()[-1] == "A in INVITE sip:b@127.0.0.1 again"
    assert shown.lines(second) == ["A in INVITE sip:b@127.0.0.1"]


def test_a_flood_of_unclaimed_messages_is_bounded() -> None:
    early = ladder.Early()
    now = time.time()
    for number in range(ladder.MAX_EARLY_CALLS + 100):
        early.keep((str(number), "h"), ladder.SeenMessage(now, "in", FLOW, INVITE))
    assert early.claim(("0", "h")) == []
    assert len(early.claim((str(ladder.MAX_EARLY_CALLS), "h"))) == 1
    for _ in range(100):
        early.keep(("one", "h"), ladder.SeenMessage(now, "in", FLOW, INVITE))
    assert len(early.claim(("one", "h"))) == ladder.MAX_EARLY_MESSAGES
    big = ladder.SeenMessage(now, "in", FLOW, b"x" * 8000)
    for number in range(1000):
        early.keep((f"big{number}", "h"), big)
    kept = sum(len(early.claim((f"big{number}", "h"))) for number in range(1000))
    assert kept * 8000 <= ladder.MAX_EARLY_BYTES
    early.keep(("old", "h"), ladder.SeenMessage(now - ladder.EARLY_S - 1, "in", FLOW, INVITE))
    early.keep(("new", "h"), ladder.SeenMessage(now, "in", FLOW, INVITE))
    assert early.claim(("old", "h")) == []


async def test_noting_a_message_costs_the_event_loop_little(shown: Shown) -> None:
    one = tracing(shown)
    began, calls = time.thread_time(), 300
    for number in range(calls):
        call_id = f"call{number}"
        for data in (INVITE, CHALLENGE, AGAIN):
            one.observe(None, "in", FLOW, data.replace(b"c1", call_id.encode()))
        one.opened(f"{number:032}", uuid=str(CALL), sip_call_id=call_id, flow=FLOW)
        one._leg_of = lambda _, n=number: LegAnchor(f"{n:032}", "A", "", ("", 0))  # type: ignore[misc]
        for _ in range(8):
            one.observe("leg-A", "out", FLOW, RINGING)
    each_ms = (time.thread_time() - began) / calls * 1000
    assert each_ms < 1.0, f"{each_ms:.2f} ms of a call's set-up"


@pytest.mark.django_db
def test_messages_read_back_in_order_and_a_batch_that_comes_twice_changes_nothing() -> None:
    call, told = demo.store(demo.call()), demo.ladder()
    for _ in range(2):
        store.sip_messages(messages={call["id"]: told, str(uuid.uuid4()): told})
    assert SipMessage.objects.count() == len(told)
    back = reading.ladder(Call.objects.get())
    assert [m["summary"] for m in back] == [m["summary"] for m in told]
    assert back[0]["offset_s"] == 0
    assert back[2]["offset_s"] == pytest.approx(0.5, abs=0.01)
    assert back[0]["codecs"] == ["OPUS", "G722", "PCMA"]


@pytest.mark.django_db
def test_no_odd_message_makes_a_write_fail() -> None:
    call, odd = demo.store(demo.call()), "\x00\ud800" + "x" * 20_000
    wild = demo.message(1, odd, "in", odd, peer=odd, cseq=odd, text=odd, codecs=[odd])
    store.sip_messages(messages={call["id"]: [wild]})
    row = SipMessage.objects.get()
    assert "\x00" not in row.text + row.summary + row.leg
    assert len(row.text) == rows.MAX_MESSAGE_TEXT


@pytest.mark.django_db
def test_the_codecs_of_the_two_legs_and_the_time_talked_are_noted() -> None:
    one = demo.store(demo.call())
    row = Call.objects.get()
    assert (row.codec_a, row.codec_b, row.talk_s) == ("OPUS", "G722", None)
    over = [demo.leg("A", state="ended"), demo.leg("B", state="ended", codec=None)]
    lost = {**demo.ended(one, demo.HUNG_UP), "legs": over}
    answered = datetime.fromisoformat(one["answered"] or "")
    lost["ended"] = (answered + timedelta(seconds=61.6)).isoformat()
    assert store.call_ended(snapshot=lost)  # type: ignore[arg-type]
    row.refresh_from_db()
    assert (row.codec_a, row.codec_b, row.talk_s) == ("OPUS", "G722", 62)


@pytest.mark.django_db
def test_the_codec_of_leg_b_is_that_of_the_last_callee_even_if_the_call_ends_at_once() -> None:
    one = demo.store(demo.call())
    legs = [demo.leg("A"), demo.leg("B2", codec="PCMU"), demo.leg("B"), demo.leg("B3", codec=None)]
    assert store.call_ended(snapshot={**demo.ended(one, demo.HUNG_UP), "legs": legs})  # type: ignore[arg-type]
    row = Call.objects.get()
    assert (row.codec_a, row.codec_b) == ("OPUS", "PCMU")


@pytest.mark.django_db
def test_a_call_that_ended_within_a_moment_still_has_its_codecs() -> None:
    one = demo.call(legs=[demo.leg("A", codec=None), demo.leg("B", codec=None)])
    demo.store(one)
    over = [demo.leg("A", state="ended"), demo.leg("B", state="ended")]
    assert store.call_ended(snapshot={**demo.ended(one, demo.HUNG_UP), "legs": over})  # type: ignore[arg-type]
    row = Call.objects.get()
    assert (row.codec_a, row.codec_b) == ("OPUS", "G722")


@pytest.mark.django_db
def test_nobody_answered_has_no_codec_of_leg_b_and_no_time_talked() -> None:
    early = [demo.leg("A", codec=None), demo.leg("B", codec="PCMU", state="up")]
    demo.store(demo.ended(demo.ringing(legs=early), demo.NO_CODEC))
    row = Call.objects.get()
    assert (row.codec_b, row.talk_s) == ("", None)


@pytest.mark.django_db
def test_an_engine_that_died_leaves_the_time_talked() -> None:
    demo.store(demo.call(ago_s=60))
    answered = Call.objects.get().answered
    assert answered is not None
    orphans.close_orphans(node="engine-1", at=answered + timedelta(seconds=30))
    assert Call.objects.get().talk_s == 30


@pytest.mark.django_db
def test_the_quality_of_legs_is_kept_beside_their_last_statistics() -> None:
    call = demo.store(demo.call())
    store.quality_histories(
        call_id=call["id"], histories={"A": demo.history(20), "X": demo.history(3)}
    )
    store.call_changed(snapshot=call)
    found = reading.histories(Call.objects.get())
    assert list(found) == ["A"]
    assert len(found["A"]["t"]) == 20
    assert Leg.objects.get(name="B").history == {}
    assert datetime.now(UTC) > Call.objects.get().started
