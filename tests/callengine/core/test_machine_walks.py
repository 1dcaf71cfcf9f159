"""Random walks through the call state machine: whatever happens, no leg and nobody is forgotten."""

import dataclasses
import random
from collections.abc import Iterator

import pytest

from callengine.core import effects as fx
from callengine.core.agentends import CODES, agent_ended
from callengine.core.events import (
    Event,
    HoldChanged,
    LegAnswered,
    LegEnded,
    LegMatched,
    LegProgress,
    RedirectDecided,
    TimePassed,
    TransferCalledOff,
    TransferExpected,
    TransferOrdered,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import LegOrder, TransferOrder, WaveOrder
from callengine.core.states import CallState
from tests.callengine.core.machines import order
from tests.callengine.core.test_machine_agents import AGENT

pytestmark = pytest.mark.thorough

WALKS, STEPS = 600, 60
PAUSES_S = (0.0, 0.01, 0.3, 1.2, 4.0, 9.0, 31.0)
ONWARD = (LegAnswered, LegMatched, TransferExpected, TransferOrdered)
"What brings a call on: by chance alone, few would come far."
FAILURES = (200, 302, 408, 481, 486, 487, 488, 503, 603)


class Walk:
    """One call, its legs as they may behave, and an engine that asks for transfers."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.story: list[object] = [seed]
        self.now, self.legs = 100.0, 0
        self.open_matches: list[str] = []
        self.agents: set[str] = set()
        self.let_go: set[str] = set()
        self.finished = 0
        self.asked = self.expects = ""
        self.is_transferring = False
        waves = tuple(self.wave(when="" if n == 0 else None) for n in range(self.rng.randint(1, 3)))
        offered = self.rng.choice((None, ("OPUS",)))
        call = dataclasses.replace(order(("B",)), waves=waves, offered=offered)
        self.machine = CallMachine(call, now=self.now)
        self.absorb(self.machine.start())

    def wave(self, *, when: str | None = "") -> WaveOrder:
        rng = self.rng
        is_agent = rng.random() < 0.35
        names = []
        for _ in range(1 if is_agent else rng.randint(1, 2)):
            self.legs += 1
            names.append("B" if self.legs == 1 else f"B{self.legs}")
        self.agents |= set(names) if is_agent else set()
        return WaveOrder(
            tuple(LegOrder(name, name, agent=AGENT if is_agent else None) for name in names),
            rng.choice((("PCMU",), ("PCMA",))),
            (),
            when=rng.choice(("", "busy")) if when is None else when,
            dialled=rng.choice(("", "+44")),
        )

    def events(self) -> Iterator[Event]:
        """Yield an event of each kind that may come now."""
        rng, machine = self.rng, self.machine
        yield TimePassed()
        if live := sorted(machine.live):
            yield from self.of_leg(rng.choice(live))
        if self.open_matches:
            yield LegMatched(rng.choice(self.open_matches), rng.random() < 0.6, 488)
        if self.asked:
            yield RedirectDecided(self.asked, (self.wave(),) if rng.random() < 0.5 else ())
        if not self.is_transferring:
            waves = tuple(self.wave() for _ in range(rng.randint(1, 2)))
            to = TransferOrder("c", "1001", "olga", waves, 20.0, referrer=self.expects)
            yield TransferOrdered(to)
            if self.expects:
                yield TransferCalledOff(404, "why")
            elif machine.callee and not {machine.caller, machine.callee} & self.agents:
                yield TransferExpected(rng.choice((machine.caller, machine.callee)))

    def of_leg(self, leg: str) -> Iterator[Event]:
        rng = self.rng
        if leg in self.agents:
            yield agent_ended(leg, rng.choice(list(CODES)))
        else:
            contacts = ("sip:x",) if rng.random() < 0.5 else ()
            yield LegEnded(leg, rng.choice(FAILURES), "why", rng.random() < 0.5, redirects=contacts)
            yield HoldChanged(leg, held=rng.random() < 0.5)
        if leg != "A":
            yield LegAnswered(leg)
            yield LegProgress(leg, rng.choice((180, 183)), early_media=rng.random() < 0.3)

    def step(self) -> None:
        self.now += self.rng.choice(PAUSES_S)
        events = list(self.events())
        onward = [event for event in events if isinstance(event, ONWARD)]
        event = self.rng.choice(onward if onward and self.rng.random() < 0.6 else events)
        self.story.append((self.now, event))
        match event:
            case LegMatched(leg):
                self.open_matches.remove(leg)
            case RedirectDecided():
                self.asked = ""
            case TransferExpected(referrer):
                self.expects = referrer
            case TransferCalledOff():
                self.expects = ""
            case TransferOrdered():
                self.expects, self.is_transferring = "", True
        self.absorb(self.machine.handle(event, self.now))

    def absorb(self, effects: list[fx.Effect]) -> None:
        self.story.append(effects)
        for effect in effects:
            match effect:
                case fx.EndLeg(leg):
                    self.let_go.add(leg)
                case fx.DeclineCaller():
                    self.let_go.add("A")
                case fx.MatchLeg(leg=leg):
                    self.open_matches.append(leg)
                case fx.RedirectWanted(leg):
                    self.asked = leg
                case fx.TransferEnded():
                    self.is_transferring = False
                case fx.Finish():
                    self.finished += 1

    def check(self) -> None:
        """What holds after any event."""
        machine = self.machine
        if machine.state is CallState.ENDED:
            assert machine.live <= self.let_go, self.story
            return
        assert machine.next_deadline() is not None, self.story
        if machine.state.is_talking:
            is_waited_for = machine.is_transferring or machine.expects_transfer
            assert machine.caller in machine.live, self.story
            assert machine.callee in machine.live or is_waited_for, self.story
            # What the engine takes for a transfer under way is one, or nobody may have another.
            assert machine.is_transferring or not self.is_transferring, self.story

    def end(self) -> None:
        """Let time pass until it is over; every leg was let go, and it ended once."""
        for _ in range(3):
            self.now += 4000.0
            self.absorb(self.machine.tick(self.now))
            self.check()
        assert self.machine.finished, self.story
        assert self.finished == 1, self.story


def test_whatever_happens_nobody_is_left_alone_and_every_call_ends_once() -> None:
    for seed in range(WALKS):
        walk = Walk(seed)
        for _ in range(STEPS):
            walk.step()
            walk.check()
            if walk.machine.finished:
                break
        walk.end()
