"""Voice agents of one call in progress: their orders, sessions and what is said, as last heard."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from callengine.core.control.agents import AgentFacts, AgentLine, AgentTool
from callengine.core.orders import AgentOrder, WaveOrder
from callengine.core.snapshot import AgentSnapshot, SpokenSnapshot, iso
from callengine.core.transcript import TOOL, Transcript

BURST = 6
REFILL_S = 2.0
"How many connections a call may have opened in a row, and how long one more takes to come."
_FIGURES = ("queue_ms", "barge_ins")
"What changes all the time and is neither written nor shown on lists for it."


@dataclass(slots=True)
class LiveAgents:
    """The agents that a call was given, by the name of their leg."""

    orders: dict[str, AgentOrder] = field(default_factory=dict, repr=False)
    sessions: dict[str, AgentSnapshot] = field(default_factory=dict)
    transcript: Transcript = field(default_factory=Transcript)
    fresh_lines: dict[int, SpokenSnapshot] = field(default_factory=dict)
    "Lines that are to be shown, by their number."
    lines_wait: bool = False
    "Whether they are about to be."
    connecting: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    "Connections that are being opened."
    transfers_asked: int = 0
    _connections: float = BURST
    "How many more may be opened now."
    _counted_at: float = 0.0

    def ordered(self, waves: Sequence[WaveOrder]) -> None:
        """Take over which legs of an order are agents."""
        legs = (leg for wave in waves for leg in wave.legs)
        self.orders |= {leg.name: leg.agent for leg in legs if leg.agent is not None}

    def may_connect(self, leg: str, now: float) -> bool:
        """Tell whether a connection may be opened now, and count it; `now` in seconds."""
        refill = (now - self._counted_at) / REFILL_S
        self._connections, self._counted_at = min(BURST, self._connections + refill), now
        if leg in self.connecting or self._connections < 1:
            return False
        self._connections -= 1
        return True

    def set_session(self, facts: AgentFacts) -> bool:
        """Take over what is known of a session; return whether more than figures have changed."""
        order, before = self.orders[facts.leg], self.sessions.get(facts.leg)
        session: AgentSnapshot = {
            "leg": facts.leg,
            "name": order.name,
            "dialect": facts.dialect,
            "session_id": facts.session_id,
            "state": facts.state,
            "moments": {name: iso(at) for name, at in facts.moments.items()},
            "queue_ms": facts.queue_ms,
            "barge_ins": facts.barge_ins,
            "close_code": facts.close_code,
            "close_reason": facts.close_reason,
            "input": facts.input,
            "output": facts.output,
            "how_in": facts.how_in,
            "how_out": facts.how_out,
            "keeps_transcript": order.keeps_transcript,
        }
        self.sessions[facts.leg] = session
        if before is None:
            return True
        return any(before[name] != session[name] for name in session if name not in _FIGURES)  # type: ignore[literal-required]

    def take(self, said: AgentLine | AgentTool) -> bool:
        """Take over what was said or which tool was called; return whether any of it is kept.

        What came of a tool is part of what was said.
        """
        keeps_transcript = self.orders[said.leg].keeps_transcript
        if isinstance(said, AgentTool):
            outcome = f": {said.outcome}" if said.outcome and keeps_transcript else ""
            line, key = _spoken(said.leg, TOOL, f"{said.name}{outcome}", at=said.at), ""
        elif keeps_transcript:
            line, key = _spoken(said.leg, said.who, said.text, at=said.at), said.key
            line["is_final"], line["is_interrupted"] = said.is_final, said.is_interrupted
        else:
            return False
        taken = self.transcript.take(line, key=key)
        self.fresh_lines[taken["number"]] = taken
        return True

    def take_fresh_lines(self, *, is_over: bool = False) -> list[SpokenSnapshot]:
        """Return the lines that are new or have changed, once; the last ones if it `is_over`."""
        if is_over:
            self.fresh_lines |= {line["number"]: line for line in self.transcript.unfinished()}
        lines = [self.fresh_lines[number] for number in sorted(self.fresh_lines)]
        self.fresh_lines.clear()
        return lines

    def close(self) -> None:
        """Open no connection any more: the call is over."""
        for task in self.connecting.values():
            task.cancel()
        for session in self.sessions.values():
            session["state"] = "ended"


def _spoken(leg: str, who: str, text: str, *, at: float) -> SpokenSnapshot:
    return {
        "number": 0,
        "at": iso(at),
        "leg": leg,
        "who": who,
        "text": text,
        "is_final": True,
        "is_interrupted": False,
    }
