"""What a conversation leaves behind: when what came to pass, and what went wrong. Pure."""

from collections.abc import Callable

from agents.dialects.interface import AgentNote, Odd
from callengine.worker.agent.keeping import OddMessages

MAX_SESSION_ID = 200


class SessionRecord:
    """The record of one agent's session; `unix_offset` makes Unix times of monotonic ones."""

    def __init__(self, tell: Callable[[AgentNote], None], unix_offset: float) -> None:
        """`tell` takes what goes on the timeline."""
        self._tell, self._unix = tell, unix_offset
        self.session_id = ""
        self.moments: dict[str, float] = {}
        "What came to pass when (Unix time), the first time."
        self.barge_ins = 0
        self.close_code: int | None = None
        self.close_reason = ""
        self._odd = OddMessages()
        self._is_late_told = False

    def moment(self, name: str, now: float) -> None:
        """Note that something came to pass; the first time counts."""
        self.moments.setdefault(name, now + self._unix)

    def closed(self, code: int, reason: str) -> None:
        """Note how a websocket was closed; the last one counts."""
        self.close_code, self.close_reason = code, reason

    def session(self, session_id: str) -> None:
        """Note what the agent calls the session, if it says so."""
        self.session_id = session_id[:MAX_SESSION_ID] or self.session_id

    def note(self, kind: str, text: str) -> None:
        """Write on the timeline."""
        self._tell(AgentNote(kind, text))

    def odd(self, message: Odd) -> None:
        """Count a message that was ignored; the first of its kind is told."""
        if sentence := self._odd.add(message.what):
            self.note("agent-odd", sentence)

    def late(self, ms: float) -> None:
        """Note, the first time, that the agent is heard later than before it stalled."""
        if not self._is_late_told:
            self._is_late_told = True
            text = (
                f"The agent is heard {ms:.0f} ms later than before a stall, as it sends without a"
                " pause. Silence in what it says is left out until that is made up for."
            )
            self.note("agent-late", text)

    def finish(self, left_out_ms: float) -> None:
        """Tell what was ignored more than once, and how much silence was left out."""
        if summary := self._odd.summary():
            self.note("agent-odd", summary)
        if left_out_ms:
            text = f"After stalls, {left_out_ms:.0f} ms of silence in its audio were left out."
            self.note("agent-late", text)
