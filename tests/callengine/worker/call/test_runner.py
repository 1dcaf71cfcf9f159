"""The runner with the real machine, and parties that are no SIP calls at all."""

import subprocess
import sys
import time
from typing import TypeVar

import pytest

from callengine.core.control.calls import (
    CallEnded,
    EndCall,
    LegFacts,
    OfCall,
    QualityMeasured,
    StateReached,
    Taken,
    TimelineNote,
    TransferCall,
    TransferOver,
)
from callengine.core.events import DigitReceived, LegFailed
from callengine.core.orders import CallOrder, LegOrder, TransferOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.worker.call.runner import CallRunner
from callengine.worker.legs.party import Invite, Parties
from tests.callengine.worker.memory import MemoryParties, MemoryParty
from tests.peers.engine import ROOT

INVITE = Invite(1, "INVITE sip:token-a@127.0.0.1 SIP/2.0")
M = TypeVar("M")


def leg(name: str) -> LegOrder:
    return LegOrder(name, f"token-{name}", label=f"Phone {name}")


ORDER = CallOrder(
    call="1" * 32,
    edge="127.0.0.1:5999",
    leg_a=LegOrder("A", "token-a", label="Caller"),
    waves=(WaveOrder((leg("B"),), ("PCMU",), ("PCMU",)),),
    offered=("PCMU",),
    ring_timeout_s=5.0,
    max_duration_s=60.0,
)


class Call:
    """A runner, its parties, and what it told the engine."""

    def __init__(self) -> None:
        self.parties = MemoryParties()
        self.said: list[OfCall] = []
        parties: Parties = self.parties
        self.runner = CallRunner(parties, ORDER, self.said.append)

    def party(self, name: str) -> MemoryParty:
        return self.parties.made[name]

    def told(self, kind: type[M]) -> list[M]:
        return [message for message in self.said if isinstance(message, kind)]

    def states(self) -> list[str]:
        return [reached.state.value for reached in self.told(StateReached)]


def ringing() -> Call:
    call = Call()
    call.runner.take(INVITE)
    call.party("B").ring()
    call.runner.step()
    return call


def talking() -> Call:
    call = ringing()
    call.party("A").take_audio()
    call.party("B").answer()
    call.runner.step()
    return call


def test_a_call_between_parties_that_are_no_sip_calls() -> None:
    call = ringing()
    assert call.told(Taken) == [Taken()]
    assert call.party("B").asked == [("dial",)]
    assert call.party("A").asked == [("respond", 180)]
    call.party("A").take_audio()
    call.runner.step()  # of its answer it says nothing itself
    call.party("B").answer()
    call.runner.step()
    assert ("respond", 200) in call.party("A").asked
    assert call.party("B").joined == {"A"}
    caller = [facts for facts in call.told(LegFacts) if facts.name == "A"][-1]
    assert caller.state == "up"
    call.party("B").leave()
    call.runner.step()
    assert ("end", 200) in call.party("A").asked
    call.runner.step()
    assert call.states() == ["ringing", "answered", "ended"]
    (end,) = call.told(CallEnded)
    assert (end.termination.by, end.termination.reason) == ("callee", "callee-hung-up")
    assert call.runner.finished
    assert [facts.codec for facts in call.told(LegFacts) if facts.name == "B"][-1] == "PCMU"
    call.runner.release()
    assert call.parties.released


def test_a_transfer_moves_the_audio_from_one_to_the_other() -> None:
    call = talking()
    waves = (WaveOrder((leg("B2"),), ("PCMU",), ("PCMA",)),)
    order = TransferOrder(ORDER.call, "bob", "olga", waves, 5.0)
    call.runner.order_transfer(TransferCall(order))
    target = call.party("B2")
    assert target.allowed == ("PCMA",)
    target.ring()
    target.answer()
    call.runner.step()
    call.runner.step()
    assert ("match", ("PCMU",)) in call.party("A").asked
    assert call.party("B").joined == set()
    assert ("end", 200) in call.party("B").asked
    assert target.joined == {"A"}
    assert [over.leg for over in call.told(TransferOver)] == ["B2"]
    call.party("A").leave()
    call.runner.step()
    call.runner.step()
    (end,) = call.told(CallEnded)
    assert end.termination.reason == "caller-hung-up"


def test_a_party_that_cannot_be_dialled_leaves_the_call_to_another_process() -> None:
    call = Call()
    call.parties.refuses = {"dial"}
    call.runner.take(INVITE)
    assert call.runner.unable == "Phone B could not be dialled: no dial now"
    assert call.told(Taken) == []


def test_a_process_with_something_in_the_way_takes_nothing() -> None:
    call = Call()
    call.parties.in_the_way = "2 of its call slots were not free"
    call.runner.take(INVITE)
    assert call.runner.unable == call.parties.in_the_way
    assert call.parties.made == {}


def test_a_second_invite_is_refused() -> None:
    call = ringing()
    second = Invite(2, "INVITE")
    call.runner.take(second)
    assert call.parties.refused == [second]
    assert list(call.parties.made) == ["A", "B"]


def test_what_a_party_refuses_is_a_line_or_nothing_and_the_call_goes_on() -> None:
    call = ringing()
    for name in ("A", "B"):
        call.party(name).refuses = {"join", "respond", "send_digit"}
    call.party("A").take_audio()
    call.party("B").answer()
    call.runner.step()
    call.party("A").say(DigitReceived("A", "5"))
    call.runner.step()
    kinds = [note.kind for note in call.told(TimelineNote)]
    assert "bridge-failed" in kinds
    assert "dtmf-refused" in kinds
    assert call.states()[-1] == "answered"


def test_an_order_to_hang_up_ends_every_party() -> None:
    call = talking()
    end = Termination("operator", "operator-hung-up", 200, "Olga hung up.")
    call.runner.order_hang_up(EndCall(end))
    call.runner.step()
    assert all(party.ended for party in call.parties.made.values())
    assert [ended.termination for ended in call.told(CallEnded)] == [end]


def test_a_party_that_failed_ends_the_call() -> None:
    call = talking()
    call.party("B").say(LegFailed("B", "the websocket"))
    call.runner.step()
    call.runner.step()
    (ended,) = call.told(CallEnded)
    assert ended.termination.reason == "leg-failed"
    assert "the websocket failed" in ended.termination.advice


def test_a_party_is_stepped_when_it_says_so() -> None:
    call = talking()
    call.party("B").step_at = time.monotonic() + 0.02
    assert call.runner.wait_ms(2000) <= 21
    before = call.party("B").stepped
    call.runner.step()
    assert call.party("B").stepped == before + 1


def test_its_counters_become_the_calls_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    call = talking()
    later = time.monotonic() + 1.1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    call.runner.step()
    (measured,) = call.told(QualityMeasured)
    assert measured.legs["B"]["packets_received"] == measured.legs["B"]["packets_due"] == 50
    assert measured.legs["B"]["round_trip_ms"] == 20.0
    assert ("look",) in call.party("B").asked


class Clock:
    """Monotonic time as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def run(self, call: Call, until: float, **heard_until: float) -> list[tuple[float, OfCall]]:
        """Step a call as its process would; parties send until then. Return what it says, when."""
        said = []
        while self.now < until:
            # To the millisecond, as a process waits.
            self.now = min(until, self.now + call.runner.wait_ms(2000) / 1000)
            for name, last in heard_until.items():
                party = call.party(name)
                party.arrived_at = min(self.now, last)
                party.received = 50 + int(50 * party.arrived_at)
            count = len(call.said)
            call.runner.step()
            said += [(self.now, message) for message in call.said[count:]]
        return said


def test_a_silence_is_told_at_its_moment_and_not_a_second_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, call = Clock(monkeypatch), talking()
    # Just after a sample: those that find it 2 s and 5 s old come nearly a second late.
    stopped = clock.now + 3.05
    said = clock.run(call, stopped + 9.0, A=stopped + 99, B=stopped)
    missing = [
        at
        for at, message in said
        if isinstance(message, QualityMeasured)
        and "B" in message.legs
        and message.legs["B"]["audio"] == "missing"
    ]
    (told,) = [at for at, message in said if isinstance(message, TimelineNote)]
    assert missing[0] - stopped == pytest.approx(2.0, abs=0.01)
    assert told - stopped == pytest.approx(5.0, abs=0.01)
    samples = [message for _, message in said if isinstance(message, QualityMeasured)]
    assert sum("A" in sample.legs for sample in samples) == 12, "A is measured once a second"


def test_a_process_that_stood_still_reads_before_it_judges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, call = Clock(monkeypatch), talking()
    stood_still = clock.now + 3.0
    read = stood_still - 1.2  # by the last look
    clock.run(call, stood_still, A=read, B=read)
    clock.now += 7.0
    call.runner.step()  # what came meanwhile is still unread
    clock.run(call, clock.now + 3.0, A=clock.now + 3.0, B=clock.now + 3.0)
    audio = {leg["audio"] for told in call.told(QualityMeasured) for leg in told.legs.values()}
    assert audio == {"arriving"}


def test_neither_runner_nor_party_needs_pjsua2_to_be_spoken() -> None:
    """No object of pjsua2's crosses the seam: their modules do not even import it."""
    judges = ("call/runner", "call/mediawatch", "call/statistics", "legs/party", "sip/reoffers")
    for name in judges:
        source = (ROOT / f"callengine/worker/{name}.py").read_text()
        assert "pjsua2 as" not in source
        assert "import pjsua2" not in source
        assert "prm." not in source
    alone = "import callengine.worker.legs.party"
    subprocess.run([sys.executable, "-c", alone], cwd=ROOT, check=True)
