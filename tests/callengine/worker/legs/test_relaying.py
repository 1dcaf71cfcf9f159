"""A relay is tried where the codecs of the two who talk allow it, and nowhere else."""

import pytest

from callengine.core.events import LegAnswered
from callengine.core.machine import CallMachine
from callengine.core.orders import CallOrder, LegOrder, WaveOrder
from callengine.worker.legs.bridging import Bridging
from callengine.worker.legs.party import MediaFacts, Party
from callengine.worker.legs.relaying import LONGEST_WAIT_S, Relaying
from callengine.worker.native import relay
from callengine.worker.native.relay import RelayEnd
from tests.callengine.worker.memory import MemoryParty

ORDER = CallOrder(
    call="1" * 32,
    edge="127.0.0.1:5999",
    leg_a=LegOrder("A", "token-a", label="Caller"),
    waves=(WaveOrder((LegOrder("B", "token-B", label="Phone"),), ("PCMU",), ("PCMU",)),),
    offered=("PCMU",),
    ring_timeout_s=5.0,
    max_duration_s=60.0,
)


class Relayable(MemoryParty):
    """One that needs the bridge, which it says each time it is asked."""

    def __init__(self, name: str) -> None:
        super().__init__(LegOrder(name, f"token-{name}", label=name), (), lambda *_: None)
        self.has_audio = True

    def relay_end(self) -> RelayEnd | None:
        self.asked.append(("relay_end",))
        return None


def talk_for_s(seconds: int, *codecs: str, silent_s: int = 0) -> tuple[int, int]:
    """Return how often a call of these codecs was looked at, and how often a party was asked.

    The other one says nothing in the first `silent_s`.
    """
    machine = CallMachine(ORDER, now=0.0)
    machine.start(None)
    machine.handle(LegAnswered("B"), 0.0)
    parties = Relayable("A"), Relayable("B")
    legs: dict[str, Party] = {party.name: party for party in parties}
    bridging = Bridging(legs, lambda *_: None)
    bridging.bridge("B", "A")
    relaying = Relaying(machine, legs, bridging)
    looks = 0
    for party, codec in zip(parties, codecs, strict=True):
        party.media = MediaFacts(codec, 0, "192.0.2.1:4000")
    relaying.step(0.0)
    while (due := relaying.next_step()) is not None and due < seconds:
        looks += 1
        for party in parties if due >= silent_s else parties[:1]:
            party.received += 50
        relaying.step(due)
    return looks, sum(asked == ("relay_end",) for party in parties for asked in party.asked)


@pytest.mark.parametrize(
    ("codecs", "is_tried"),
    [
        (("PCMU", "PCMU"), True),
        (("PCMA", "G722"), True),
        (("PCMU", "OPUS"), False),
        (("OPUS", "OPUS"), False),
        (("AMR-WB", "PCMU"), False),
    ],
)
def test_a_relay_is_tried_for_codecs_that_suit_alone(
    monkeypatch: pytest.MonkeyPatch, codecs: tuple[str, str], *, is_tried: bool
) -> None:
    monkeypatch.setattr(relay, "can_begin", lambda: True)
    looks, asked = talk_for_s(60, *codecs)
    if is_tried:
        assert looks > 10
        assert asked > 10
    else:
        assert (looks, asked) == (0, 0), "each look is a turn of the call's thread"


def test_who_is_silent_or_needs_the_bridge_is_looked_at_less_and_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "can_begin", lambda: True)
    needs_bridge, _ = talk_for_s(600, "PCMU", "PCMU")
    silent, asked = talk_for_s(600, "PCMU", "PCMU", silent_s=600)
    assert asked == 0
    for looks in silent, needs_bridge:
        assert 2 * 600 / (LONGEST_WAIT_S + 1) < looks < 2 * 600 / LONGEST_WAIT_S + 12
    _, asked = talk_for_s(600 + int(LONGEST_WAIT_S) + 1, "PCMU", "PCMU", silent_s=600)
    assert asked > 0, "once it speaks, it is tried soon"
