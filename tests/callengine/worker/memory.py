"""Parties that are no SIP calls: they live in memory, and do what a test says."""

from collections.abc import Sequence
from typing import Any

from callengine.core.events import Event, LegAnswered, LegEnded, LegMatched, LegProgress
from callengine.core.orders import LegOrder
from callengine.worker.legs.party import (
    Counters,
    ForEngine,
    Invite,
    MediaFacts,
    Party,
    PartyError,
    Post,
)


class MemoryParty:
    """A party that keeps what it was asked for."""

    sip_call_id = user_agent = ""
    is_rematched = False
    keys_readable = False
    guard = None

    def __init__(self, order: LegOrder, allowed: Sequence[str], post: Post) -> None:
        self.name = order.name
        self.allowed = tuple(allowed)
        self.offered: tuple[str, ...] = ("PCMU",)
        self.media: MediaFacts | None = None
        self.has_audio = False
        self.ended = False
        self.asked: list[tuple[Any, ...]] = []
        self.joined: set[str] = set()
        self.refuses: set[str] = set()
        "Methods that raise PartyError."
        self.preferred = ""
        self.stepped = 0
        self.step_at: float | None = None
        self.received = 50
        self.arrived_at: float | None = None
        self._post = post

    def _ask(self, what: str, *with_what: object) -> None:
        if what in self.refuses:
            raise PartyError(f"no {what} now")
        self.asked.append((what, *with_what))

    # What happens to it

    def say(self, event: Event | ForEngine | None) -> None:
        self._post(self, event)

    def ring(self) -> None:
        self.say(LegProgress(self.name, 180, early_media=False))

    def take_audio(self) -> None:
        self.media, self.has_audio = MediaFacts("PCMU", 0, "192.0.2.1:4000"), True
        self.say(None)

    def answer(self) -> None:
        self.take_audio()
        self.say(LegAnswered(self.name))

    def leave(self, code: int = 200) -> None:
        self.ended, self.has_audio = True, False
        self.say(LegEnded(self.name, code, "over", by_peer=True))

    # What it is asked

    def dial(self) -> None:
        self._ask("dial")

    def prefer(self, codec: str) -> None:
        self.preferred = codec

    def respond(self, code: int) -> None:
        self._ask("respond", code)

    def end(self, code: int, reason: str) -> None:
        self._ask("end", code)
        if not self.ended:
            self.ended, self.has_audio = True, False
            self.say(LegEnded(self.name, code, "over", by_peer=False))

    def join(self, other: Party) -> None:
        self._ask("join", other.name)
        self.joined.add(other.name)

    def part(self, other: Party) -> None:
        self._ask("part", other.name)
        self.joined.discard(other.name)

    def send_digit(self, digit: str) -> None:
        self._ask("send_digit", digit)

    def settle(self) -> bool:
        return False

    def match(self, codecs: Sequence[str]) -> None:
        self._ask("match", tuple(codecs))
        self.say(LegMatched(self.name, True, 200))

    def stop_matching(self) -> None:
        self._ask("stop_matching")

    def next_step(self) -> float | None:
        return self.step_at

    def step(self, now: float) -> None:
        self.stepped += 1

    def look(self) -> None:
        self._ask("look")

    def counters(self) -> Counters | None:
        return Counters(self.received, 0, 1000, 50, 1, 1, 20_000, self.arrived_at)

    def explained(self, event: Event) -> Event:
        return event


class MemoryParties:
    """The parties of one call, by name."""

    def __init__(self) -> None:
        self.made: dict[str, MemoryParty] = {}
        self.refused: list[Invite] = []
        self.in_the_way = ""
        self.refuses: set[str] = set()
        "What the next parties refuse."
        self.released = False

    def _made(self, order: LegOrder, allowed: Sequence[str], post: Post) -> MemoryParty:
        party = self.made[order.name] = MemoryParty(order, allowed, post)
        party.refuses |= self.refuses
        return party

    def obstacle(self, invite: Invite) -> str:
        return self.in_the_way

    def caller(
        self, order: LegOrder, invite: Invite, *, allowed: Sequence[str], post: Post
    ) -> MemoryParty:
        return self._made(order, allowed, post)

    def callee(self, order: LegOrder, *, allowed: Sequence[str], post: Post) -> MemoryParty:
        return self._made(order, allowed, post)

    def refuse(self, invite: Invite) -> None:
        self.refused.append(invite)

    def release(self) -> None:
        self.released = True
