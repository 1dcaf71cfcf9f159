"""Who listens to a call from a browser: the caller in one ear, the callee in the other."""

import os
from collections.abc import Callable, Mapping
from functools import partial

import pjsua2 as pj

from callengine.core.machine import CallMachine
from callengine.core.sounds import FrameKind
from callengine.core.timeline import LISTENING, NOBODY_LISTENS
from callengine.worker.browser.link import BrowserLink
from callengine.worker.browser.port import EarPort, take_ear
from callengine.worker.legs.party import Ear, Overheard, Party
from callengine.worker.legs.relaying import Relaying
from callengine.worker.sip.leg import Bridged

LOOKS_EVERY_S = 0.25
MAX_LISTENERS = 3


class Listener:
    """One person who listens."""

    def __init__(self, descriptor: int, by: str) -> None:
        self.by = by
        self.is_gone = False
        self.ears: dict[FrameKind, EarPort] = {}
        self.hears: dict[FrameKind, str] = {}
        "Whose leg each ear hears."
        self.link = BrowserLink(descriptor, heard=self._said, lost=self._lost, speaks=False)
        self.sounds: dict[FrameKind, Ear] = {}
        "What takes the sound of each side."
        for side in (FrameKind.LEFT, FrameKind.RIGHT):
            ear = self.ears[side] = take_ear()
            ear.hears = self.sounds[side] = partial(self.link.sound, kind=side)
        self.link.start()
        self.link.tell("listening")

    def _said(self, kind: FrameKind, content: bytes) -> None:
        self.is_gone = self.is_gone or kind is FrameKind.HANG_UP

    def _lost(self, why: str) -> None:
        self.is_gone = True

    def hear(self, side: FrameKind, leg: Party | None, before: Party | None) -> None:
        """Have an ear hear a leg, and no longer the one before; again does no harm."""
        ear = self.ears[side]
        try:
            if before is not leg and isinstance(before, Bridged) and before.has_audio:
                before.audio().stopTransmit(ear)
            if isinstance(leg, Bridged) and leg.has_audio and not leg.ended:
                leg.audio().startTransmit(ear)
        except pj.Error:
            return  # its media is just being made anew: looked at again in a moment
        self.hears[side] = leg.name if leg is not None else ""

    def release(self) -> None:
        """Let go of the socket and of the ports."""
        self.link.stop()
        for ear in self.ears.values():
            ear.give_back()


class Listening:
    """Those who listen to one call; on the call's thread. Without any it costs nothing."""

    def __init__(
        self,
        machine: CallMachine,
        legs: Mapping[str, Party],
        relaying: Relaying,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._machine, self._legs, self._note = machine, legs, note
        self._relaying = relaying
        self._listeners: list[Listener] = []
        self._overheard: tuple[Party | None, list[tuple[Ear, Ear]]] = (None, [])
        "Who tells what is said where that is not on the bridge, and whom: left and right ears."
        self._look_at: float | None = None

    def add(self, descriptor: int, by: str) -> None:
        """Let somebody listen; all who look are told."""
        if len(self._listeners) >= MAX_LISTENERS:
            os.close(descriptor)
            return
        # What is passed on from leg to leg as it comes is not on the bridge.
        self._relaying.hold_back(LISTENING)
        self._listeners.append(Listener(descriptor, by))
        self._look_at = 0.0
        self._tell()

    def next_step(self) -> float | None:
        """Return when `step` is due, or None."""
        return self._look_at

    def step(self, now: float) -> None:
        """See that each ear hears whose turn it is, and who has stopped."""
        if self._look_at is None or now < self._look_at:
            return
        self._look_at = now + LOOKS_EVERY_S
        gone = [one for one in self._listeners if one.is_gone]
        for listener in gone:
            self._listeners.remove(listener)
            listener.release()
        if gone:
            self._tell()
        if not self._listeners:
            self._look_at = None
            self._relaying.let_go(LISTENING)
        sides = {
            FrameKind.LEFT: self._machine.caller,
            FrameKind.RIGHT: self._machine.callee or "",
        }
        legs = {side: self._legs.get(name) for side, name in sides.items()}
        is_told = self._overhear(legs[FrameKind.LEFT], legs[FrameKind.RIGHT])
        for listener in self._listeners:
            for side, leg in legs.items():
                before = self._legs.get(listener.hears.get(side, ""))
                listener.hear(side, None if is_told else leg, before)

    def _overhear(self, left: Party | None, right: Party | None) -> bool:
        """Have a voice agent tell what is said, if one is among the two; return whether it is."""
        teller = next((leg for leg in (left, right) if isinstance(leg, Overheard)), None)
        told = [(x.sounds[FrameKind.LEFT], x.sounds[FrameKind.RIGHT]) for x in self._listeners]
        now = (teller, told if teller is not None else [])
        before, self._overheard = self._overheard, now
        if before == now:
            return teller is not None
        if isinstance(before[0], Overheard) and before[0] is not teller:
            before[0].overhear(says=(), hears=())
        if isinstance(teller, Overheard):
            caller, callee = [one[0] for one in told], [one[1] for one in told]
            is_right = teller is right
            teller.overhear(
                says=callee if is_right else caller, hears=caller if is_right else callee
            )
        return teller is not None

    def _tell(self) -> None:
        names = list(dict.fromkeys(one.by for one in self._listeners))
        if not names:
            self._note(NOBODY_LISTENS, "", "Nobody listens any more.")
            return
        are = "is" if len(names) == 1 else "are"
        self._note(LISTENING, "", f"{' and '.join(names)} {are} listening in the browser.")

    def release(self) -> None:
        """Let nobody listen any more: the call is over."""
        for listener in self._listeners:
            listener.link.tell("ended", code=200)
            listener.release()
        self._listeners.clear()
        self._overheard = (None, [])
