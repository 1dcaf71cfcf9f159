"""Whether a call's packets go straight from leg to leg, or over the bridge.

Where both legs have one codec, or each of G.711 or G722, no bridge is needed: `native/relay.c`
passes each packet on, coded where it must be. All that needs sound needs the bridge: hold, music,
ringing, a transfer, a key of ours, an agent, encryption, levels, whoever listens or records. What a
leg itself is asked ends the relay at once (`SipLeg`, `relay.end`); here is decided when it begins,
and again.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from callengine.core.machine import CallMachine
from callengine.core.states import CallState
from callengine.worker.legs.bridging import Bridging
from callengine.worker.legs.party import Party, plays
from callengine.worker.native import relay
from callengine.worker.native.relay import Relayed, RelayEnd

SETTLE_S = 1.0
"How long the bridge has a call before it is relayed: what follows on each other does so by then."
LOOK_S = 0.3
LEAST_PACKETS = 10
"Of both parties in LOOK_S: one that is silent is what the bridge makes of it."
LONGEST_WAIT_S = 10.0
"""Until the next try while a party is silent or needs the bridge; SETTLE_S at first, and twice as
long each time: each try is two turns of the call's thread."""
FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
"After the stream of a party broke off or changed; doubled each time."
SOUND_S = 20.0
"A relay that held so long was no mistake."
KEY_S = 0.5
"How long telling one key takes; several are told one after the other."


@runtime_checkable
class Relayable(Protocol):
    """A party whose packets can be passed on."""

    def relay_end(self) -> RelayEnd | None:
        """Return its end of a relay; None while it needs the bridge."""


class Relaying:
    """Of one call; `legs` are the call's, by name."""

    def __init__(self, machine: CallMachine, legs: Mapping[str, Party], bridging: Bridging) -> None:
        self._machine = machine
        self._legs = legs
        self._bridging = bridging
        self._can_begin = relay.can_begin()
        self._held_back: dict[str, float] = {}
        "Reason -> until when (monotonic, seconds)."
        self._pair: tuple[Party, Party] | None = None
        self._received: tuple[int, int] | None = None
        "How many packets had come of each, LOOK_S ago."
        self._try_at = 0.0
        self._began: float | None = None
        "When the relay was asked to begin, if it was."
        self._pause_s = FIRST_PAUSE_S
        self._wait_s = SETTLE_S

    def hold_back(self, reason: str, *, until: float = float("inf")) -> None:
        """Have the bridge mix, at once, as long as there is a reason.

        `until` is monotonic, in seconds; without, until `let_go`. Of one reason the later counts.
        """
        self._held_back[reason] = max(until, self._held_back.get(reason, until))
        relay.end()

    def let_go(self, reason: str) -> None:
        """Take a reason away; the relay may begin again soon."""
        self._held_back.pop(reason, None)

    def key(self, now: float) -> None:
        """Have the bridge mix while another key is told."""
        began = max(now, self._held_back.get("key", now))
        self.hold_back("key", until=began + KEY_S)

    def next_step(self) -> float | None:
        """Return when `step` is due (monotonic, seconds), or None."""
        if self._pair is None or self._began is not None:
            return None  # what changes that wakes the call's thread, and each second does
        due = max((self._try_at, *self._held_back.values()))
        return None if due == float("inf") else due

    def step(self, now: float) -> None:
        """Begin, or see what has become of it."""
        if not self._can_begin:
            return
        pair = self._pair_now()
        if pair != self._pair:
            relay.end()
            self._pair, self._pause_s, self._wait_s = pair, FIRST_PAUSE_S, SETTLE_S
            self._settle(now)
        if pair is None:
            return
        if self._began is not None:
            self._look(now, self._began)
        elif now >= self._try_at and not self._is_held_back(now):
            self._try(*pair, now)

    def release(self) -> None:
        """Let go of the legs, and of streams that may be freed without a word."""
        relay.let_go()
        self._pair = None

    def _pair_now(self) -> tuple[Party, Party] | None:
        """Return the two who talk, if nothing but their own streams needs the bridge."""
        machine, bridging = self._machine, self._bridging
        if machine.state is not CallState.ANSWERED or machine.is_transferring or bridging.rings:
            return None
        one, other = (self._legs.get(name or "") for name in bridging.pair)
        if one is None or other is None or not self._can_relay(one) or not self._can_relay(other):
            return None
        # Else it would be tried again and again: a turn of the call's thread each time.
        return (one, other) if relay.suits(self._codec(one), self._codec(other)) else None

    @staticmethod
    def _codec(leg: Party) -> str | None:
        return leg.media.codec if leg.media else None

    @staticmethod
    def _can_relay(leg: Party) -> bool:
        media = leg.media
        is_plain = media is not None and media.sends and not media.encryption
        return is_plain and leg.has_audio and not leg.ended and plays(leg, Relayable)

    def _is_held_back(self, now: float) -> bool:
        for reason in [reason for reason, until in self._held_back.items() if now >= until]:
            del self._held_back[reason]
        return bool(self._held_back)

    def _settle(self, now: float) -> None:
        self._began = self._received = None
        self._try_at = now + SETTLE_S

    def _look(self, now: float, began: float) -> None:
        became = relay.state()
        if became in (Relayed.ON, Relayed.ASKED):
            return
        self._settle(now)
        if became in (Relayed.ENDED, Relayed.OLD_KEY, Relayed.UNREADY):
            return
        if now - began >= SOUND_S:
            self._pause_s = FIRST_PAUSE_S
        self._try_at = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _try(self, one: Party, other: Party, now: float) -> None:
        counters = one.counters(), other.counters()
        before, self._received = self._received, None
        self._try_at = now + LOOK_S
        if counters[0] is None or counters[1] is None:
            return
        received = counters[0].received, counters[1].received
        if before is None:
            self._received = received
            return
        if min(new - old for new, old in zip(received, before, strict=True)) < LEAST_PACKETS:
            self._wait(now)
            return
        ends = [leg.relay_end() for leg in (one, other) if plays(leg, Relayable)]
        if len(ends) == 2 and ends[0] and ends[1] and relay.suits(ends[0].codec, ends[1].codec):
            self._began, self._wait_s = now, SETTLE_S
            relay.begin(ends[0], ends[1])
        else:
            self._wait(now)

    def _wait(self, now: float) -> None:
        self._try_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
