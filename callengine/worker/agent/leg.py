"""A callee that is a voice agent, as the runner asks for things (see `Party`)."""

import os
import time
from collections.abc import Callable, Sequence

from agents.dialects.interface import AgentNote, Line, Tool, TransferTo
from callengine.core.agentends import agent_ended
from callengine.core.control.agents import AgentLine, AgentTool, ConnectAgent, TransferAsked
from callengine.core.control.calls import TimelineNote
from callengine.core.events import (
    DigitReceived,
    Event,
    LegAnswered,
    LegEnded,
    LegFailed,
    LegProgress,
)
from callengine.core.orders import LegOrder
from callengine.core.parties import CALLER
from callengine.worker.agent.borrowing import Borrowing
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import AgentReady, AskSocket, Left
from callengine.worker.agent.facts import Facts
from callengine.worker.agent.loop import AgentLoop, Faulty, Pressed, Told
from callengine.worker.agent.telling import Telling, Word
from callengine.worker.legs.innerparty import InnerParty
from callengine.worker.legs.lending import Lender
from callengine.worker.legs.party import Ear, ForEngine, MediaFacts, Party, PartyError, Post


class AgentLeg(InnerParty):
    """One agent of one call; its media and its conversation live on a thread of their own."""

    def __init__(
        self, order: LegOrder, *, call_uuid: str, wake: Callable[[], None], post: Post
    ) -> None:
        """`wake` ends the wait of the call's thread."""
        assert order.agent is not None
        super().__init__(order.name)
        self._agent = order.agent
        self._wake, self._post = wake, post
        self._code = 200
        "With which it is ended, if we end it."
        self._telling = Telling(self._record, order.agent.secret)
        self._facts = Facts(order.name, order.agent, self._report, self._telling.hidden)
        self._loop = AgentLoop(
            order.agent, call_uuid=call_uuid, told=self._told, changed=self._changed
        )
        self._borrowing = Borrowing(self._loop)
        self._talks_to = CALLER
        "Whose keys it hears: the caller's, or another's whom a transfer left."

    @property
    def has_audio(self) -> bool:
        """Whether it can be joined with a caller: it takes whatever comes, and keeps it."""
        return not self.ended

    def level(self) -> float | None:
        """Return how loud the agent is; None while nobody hears it."""
        loop = self._loop
        is_heard = not self.ended and loop.caller is not None
        return loop.said.level(time.monotonic()) if is_heard else None

    def overhear(self, *, says: Sequence[Ear], hears: Sequence[Ear]) -> None:
        """Have these hear the agent, and these whom it talks to; no others any more."""
        self._loop.overhear(says=says, hears=hears)

    # Doing

    def dial(self) -> None:
        """Have the agent connected to."""
        self._loop.start()
        self._post(self, LegProgress(self.name, 180, early_media=False))
        if self._agent.answers_at_once:
            self._post(self, LegAnswered(self.name))

    def end(self, code: int, reason: str) -> None:
        """Say goodbye to the agent; its end is reported once it has closed, or 2 s later."""
        if not self.ended:
            self._code = code
            self._loop.talk(lambda conversation, now: conversation.end(now))

    def join(self, other: Party) -> None:
        """Borrow the caller's media, as it is agreed on now."""
        if not isinstance(other, Lender):
            raise PartyError(f"the media of {other.name} cannot be lent")
        self._talks_to = other.name
        self._borrowing.borrow_from(other)

    def part(self, other: Party) -> None:
        """Give the caller's media back."""
        self._borrowing.end()

    def send_digit(self, digit: str) -> None:
        """Tell the agent of a key."""
        if not self._loop.takes_digits:
            raise PartyError("this agent's dialect cannot tell it of keys")
        self._loop.talk(lambda conversation, now: conversation.digit(digit, now))

    def explained(self, event: Event) -> Event:
        """Give the caller's media back before anybody hears that the leg is over."""
        if isinstance(event, LegEnded):
            self._borrowing.end()
        return event

    # What the engine says (see `AgentParty`)

    def connected(self, descriptor: int | None, address: str, error: str) -> None:
        """Take a TCP socket, connected to `HOST:PORT`, as the leg's own; or why there is none."""
        if self.ended:
            if descriptor is not None:
                os.close(descriptor)
            return
        if descriptor is not None:
            self.media = MediaFacts(None, 0, address)
            self._post(self, None)
        self._loop.post(lambda now: self._loop.take_socket(descriptor, error, now))

    def change(self, settings: str, by: str) -> None:
        """Change settings of the session, as JSON."""
        self._loop.talk(lambda conversation, now: conversation.change(settings, by, now))

    def ring_back(self, *, is_on: bool) -> None:
        """Have the caller hear ringing while the agent says nothing, or no more."""
        self._loop.talk(lambda conversation, _now: conversation.speech.ring(is_on=is_on))

    def transfer_failed(self, key: str, code: int, why: str) -> None:
        """Tell the agent that a transfer it asked for has failed."""
        self._loop.talk(lambda conversation, now: conversation.transfer_failed(key, code, why, now))

    def release(self) -> None:
        """End the thread."""
        self._borrowing.end()
        self._loop.stop()

    # What the thread says, on itself

    def _changed(self, conversation: AgentConversation, how: tuple[str, str], now: float) -> None:
        self._telling.tick(now)
        self._facts.changed(conversation, how, now)

    def _told(self, told: Told) -> None:
        match told:
            case AskSocket():
                self._report(ConnectAgent(self.name))
            case AgentReady():
                if not self._agent.answers_at_once:
                    self._report(LegAnswered(self.name))
            case Pressed(digit):
                self._report(DigitReceived(self._talks_to, digit))
            case Faulty(text):
                self._report(LegFailed(self.name, text))
            case Left():
                self._left(told)
            case Line() | Tool() | AgentNote() | TransferTo():
                self._telling.say(told, time.monotonic())

    def _left(self, left: Left) -> None:
        self.ended = True
        self._telling.finish()
        if left.reason is None:
            self._report(LegEnded(self.name, self._code, "", by_peer=False))
        else:
            self._report(agent_ended(self.name, left.reason, self._telling.hidden(left.detail)))

    def _record(self, word: Word) -> None:
        now = time.time()
        match word:
            case TransferTo(target, key):
                self._report(TransferAsked(self.name, key[:200], target[:255]))
            case Line(key, who, text, is_final, is_interrupted):
                line = AgentLine(
                    self.name, key[:200], who, text[:4000], is_final, is_interrupted, now
                )
                self._report(line)
            case Tool(name, outcome):
                self._report(AgentTool(self.name, name[:200], outcome[:1000], now))
            case AgentNote(kind, text):
                self._report(TimelineNote(kind[:40], self.name, text[:4000], now))

    def _report(self, event: Event | ForEngine) -> None:
        self._post(self, event)
        self._wake()
