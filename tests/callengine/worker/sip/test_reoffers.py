"""When a leg is offered another codec again, and what is said of it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from callengine.core.events import Event, LegMatched
from callengine.worker.legs.party import PartyError
from callengine.worker.sip.reoffers import Reoffers


class Leg:
    """A leg that keeps what it offers."""

    name = "B"

    def __init__(self) -> None:
        self.allowed: tuple[str, ...] = ("G722", "PCMU")
        self.offered: tuple[str, ...] = ("PCMU", "G722")
        self.has_audio = True
        self.codec = "PCMU"
        self.is_busy = False
        self.sent: list[tuple[str, ...]] = []
        self.reported: list[Event | None] = []
        self.reoffers = Reoffers(self, owner=False)

    def codec_in_use(self) -> str | None:
        return self.codec

    def send_offer(self, codecs: tuple[str, ...]) -> None:
        if self.is_busy:
            raise PartyError("a transaction is open")
        self.sent.append(codecs)

    def report(self, event: Event | None) -> None:
        self.reported.append(event)


@pytest.fixture
def leg() -> Leg:
    return Leg()


def test_an_answer_that_began_with_another_codec_is_settled_once(leg: Leg) -> None:
    assert leg.reoffers.settle()
    assert leg.sent == [("G722",)]
    assert not leg.reoffers.settle()


@pytest.mark.parametrize("offered", [("G722", "PCMU"), ("PCMU",), ("GSM",), ()])
def test_what_needs_no_settling_is_settled(leg: Leg, offered: tuple[str, ...]) -> None:
    leg.offered = offered
    assert not leg.reoffers.settle()
    assert leg.reoffers.is_settled
    assert leg.sent == []


def test_a_leg_that_is_busy_is_settled_later(leg: Leg) -> None:
    leg.is_busy = True
    assert not leg.reoffers.settle()
    leg.is_busy = False
    assert leg.reoffers.settle()


def test_a_leg_that_uses_a_codec_of_the_list_is_matched_at_once(leg: Leg) -> None:
    leg.reoffers.match(["PCMU", "PCMA"])
    assert leg.sent == []
    assert leg.reported == [LegMatched("B", True, 200)]
    assert not leg.reoffers.is_rematched


def test_another_list_is_offered_and_its_answer_reported(leg: Leg) -> None:
    leg.reoffers.match(["G722"])
    assert leg.sent == [("G722",)]
    assert leg.reoffers.is_rematched
    leg.codec = "G722"
    leg.reoffers.answered(100)
    assert leg.reported == []
    leg.reoffers.answered(200)
    assert leg.reported == [LegMatched("B", True, 200)]
    leg.reoffers.answered(200)
    assert len(leg.reported) == 1


def test_a_refusal_is_reported_with_its_code(leg: Leg) -> None:
    leg.reoffers.match(["PCMA"])
    assert leg.sent == [("PCMA",)]  # the whole list: it was never offered
    leg.reoffers.answered(488)
    assert leg.reported == [LegMatched("B", False, 488)]


def test_a_match_waits_for_an_open_transaction(leg: Leg) -> None:
    leg.is_busy = True
    leg.reoffers.match(["G722"])
    leg.reoffers.step(1.0)
    assert leg.sent == []
    leg.is_busy = False
    leg.reoffers.step(2.0)
    assert leg.sent == [("G722",)]


def test_what_met_an_offer_of_the_peers_is_repeated_after_a_wait(leg: Leg) -> None:
    """RFC 3261 section 14.1."""
    leg.reoffers.match(["G722"])
    leg.reoffers.answered(491)
    again_at = leg.reoffers.next_step()
    assert again_at is not None
    leg.reoffers.step(again_at - 0.01)
    assert leg.sent == [("G722",)]
    leg.reoffers.step(again_at)
    assert leg.sent == [("G722",)] * 2
    assert leg.reported == [None]


def test_nothing_is_repeated_once_it_was_stopped(leg: Leg) -> None:
    leg.is_busy = True
    leg.reoffers.match(["G722"])
    leg.reoffers.stop()
    leg.is_busy = False
    leg.reoffers.step(1e9)
    assert leg.sent == []


def test_what_is_answered_after_it_was_stopped_is_not_reported(leg: Leg) -> None:
    """It was taken for the answer to the next list, and ended calls that went on."""
    leg.reoffers.match(["G722"])
    leg.reoffers.stop()
    leg.reoffers.answered(488)
    assert leg.reported == []
    leg.reoffers.match(["G722"])
    leg.codec = "G722"
    leg.reoffers.answered(200)
    assert leg.reported == [LegMatched("B", True, 200)]


@pytest.fixture
def without_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collections")
def test_it_does_not_keep_its_leg() -> None:
    """A pjsua2 call that lived on in a circle hung up whoever was given its slot next."""
    leg = Leg()
    gone = weakref.ref(leg)
    del leg
    assert gone() is None
