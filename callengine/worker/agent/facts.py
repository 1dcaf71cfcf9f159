"""What is told of an agent's session, as it goes on."""

from collections.abc import Callable
from typing import cast

from callengine.core.control.agents import AgentFacts, AgentMoment, AgentState
from callengine.core.orders import AgentOrder
from callengine.worker.agent.conversation import AgentConversation
from callengine.worker.agent.effects import Phase

FIGURES_EVERY_S = 1.0
_STATES: dict[Phase, AgentState] = {
    Phase.CONNECTING: "connecting",
    Phase.OPENING: "opening",
    Phase.READY: "ready",
    Phase.WAITING: "reconnecting",
    Phase.ENDING: "ready",
    Phase.ENDED: "ended",
}


class Facts:
    """Tells of one session: at once what changes, of figures no more often than once a second."""

    def __init__(
        self,
        leg: str,
        order: AgentOrder,
        tell: Callable[[AgentFacts], None],
        hidden: Callable[[str], str],
    ) -> None:
        """`hidden` takes the agent's key out of its words."""
        self._leg, self._order, self._tell, self._hidden = leg, order, tell, hidden
        self._sent: AgentFacts | None = None
        self._key: object = None
        self._figures_at = 0.0

    def changed(self, conversation: AgentConversation, how: tuple[str, str], now: float) -> None:
        """Tell what is new; `how` is what is done to the audio in and out."""
        record = conversation.record
        key = conversation.phase, record.session_id, len(record.moments), record.close_code, how
        if key == self._key and now - self._figures_at < FIGURES_EVERY_S:
            return
        self._key, self._figures_at = key, now
        facts = self._facts(conversation, how)
        if facts != self._sent:
            self._sent = facts
            self._tell(facts)

    def _facts(self, conversation: AgentConversation, how: tuple[str, str]) -> AgentFacts:
        state, record = _STATES[conversation.phase], conversation.record
        is_back = conversation.phase in (Phase.CONNECTING, Phase.OPENING) and (
            "ready" in record.moments
        )
        return AgentFacts(
            leg=self._leg,
            dialect=self._order.dialect,
            session_id=self._hidden(record.session_id),
            state="reconnecting" if is_back else state,
            moments={cast("AgentMoment", name): at for name, at in record.moments.items()},
            queue_ms=round(conversation.playout.queued_ms, 1),
            barge_ins=record.barge_ins,
            close_code=record.close_code,
            close_reason=self._hidden(record.close_reason),
            input=self._order.input,
            output=self._order.output,
            how_in=how[0],
            how_out=how[1],
        )
