"""Tools that agents call: the two that act on the call, and the answers they are owed."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agents.dialects.interface import Effect, HangUp, KeepCall, Odd, Tool, TransferTo

END_CALL = "end_call"
TRANSFER_CALL = "transfer_call"
END_GRACE_S = 1.0
"How long a goodbye may keep us waiting, after the tool was called or after its last audio."
_MAX_CALLS = 64
"Whose answers are owed at a time."
_MAX_TARGET = 128
MAX_TRANSFERS = 20
"Of one websocket's conversation: each rings somebody."


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool is answered."""

    call_id: str
    value: Mapping[str, Any]
    is_error: bool = False
    is_last: bool = False
    "Nothing is to be said about it: the call ends."

    @property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(self.value)


class ToolDesk:
    """The tools of one conversation. Answers wait here until the dialect may give them."""

    def __init__(self, transfers: Iterable[str] = ()) -> None:
        """`transfers` are calls of an earlier websocket that have no answer yet."""
        self.elsewhere: frozenset[str] = frozenset()
        "Names of tools that the agent's server runs by itself."
        self._results: dict[str, Result] = {}
        self._transfers = set(transfers)
        self._transfers_asked = 0
        self._new: set[str] = set()
        "Called since the last reply was over."
        self._ends_at: float | None = None
        self._is_ending = False

    def called(self, call_id: str, name: str, arguments: object, now: float) -> Iterator[Effect]:
        """Take a call of a tool; `arguments` are an object, or one written as JSON."""
        if name in self.elsewhere:
            yield Tool(name, "run by the agent's server")
            return
        if not call_id or not name:
            yield Odd("tool call without an id or a name")
            return
        owed = self._results.keys() | self._transfers
        if call_id in owed or len(owed) >= _MAX_CALLS:
            yield Odd("tool call of an id that is taken, or one too many")
            return
        self._new.add(call_id)
        if name == END_CALL:
            yield from self._end_call(call_id, now)
        elif name == TRANSFER_CALL:
            yield from self._transfer_call(call_id, arguments)
        else:
            value = {"error": f"{name} is not known here; known: {END_CALL}, {TRANSFER_CALL}"}
            self._results[call_id] = Result(call_id, value, is_error=True)
            yield Tool(name, "not known here")

    def _end_call(self, call_id: str, now: float) -> Iterator[Effect]:
        self._results[call_id] = Result(call_id, {"status": "the call ends"}, is_last=True)
        if not self._is_ending and self._ends_at is None:
            self._ends_at = now + END_GRACE_S
            yield Tool(END_CALL, "the call ends after the goodbye")

    def _transfer_call(self, call_id: str, arguments: object) -> Iterator[Effect]:
        target = _target(arguments)
        refusal = "" if target else "target is missing; allowed: a number, or a user of this server"
        if self._transfers_asked >= MAX_TRANSFERS:
            refusal = f"too many transfers; allowed: {MAX_TRANSFERS} in a session"
        if refusal:
            self._results[call_id] = Result(call_id, {"error": refusal}, is_error=True)
            yield Tool(TRANSFER_CALL, f"refused: {refusal}")
            return
        self._transfers_asked += 1
        self._transfers.add(call_id)
        yield Tool(TRANSFER_CALL, f"to {target}")
        yield TransferTo(target, call_id)

    def transfer_over(self, call_id: str, code: int, why: str) -> None:
        """Take that a transfer has failed."""
        if call_id in self._transfers:
            self._transfers.discard(call_id)
            value = {"error": f"the transfer failed: {why}", "sip_code": code}
            self._results[call_id] = Result(call_id, value, is_error=True)

    def heard(self, now: float) -> None:
        """Take that audio of a reply came: it may be the goodbye."""
        if self._ends_at is not None:
            self._ends_at = now + END_GRACE_S

    def reply_done(self) -> Iterator[Effect]:
        """Take that a reply was sent whole: an end that waited for its goodbye is due."""
        self._new.clear()
        yield from self._hang_up()

    def interrupted(self) -> Iterator[Effect]:
        """Take that the caller has interrupted a reply: what it called is dropped."""
        for call_id in self._new:
            self._transfers.discard(call_id)
        self._new.clear()
        self._results.clear()
        yield from self.keep_call()

    def keep_call(self) -> Iterator[Effect]:
        """Take that the caller goes on talking: no end of the call holds."""
        if self._is_ending:
            yield KeepCall()
        self._ends_at, self._is_ending = None, False

    def results(self) -> list[Result]:
        """Hand out the answers that are ready."""
        ready = list(self._results.values())
        self._results.clear()
        return ready

    @property
    def has_results(self) -> bool:
        return bool(self._results)

    @property
    def ends_at(self) -> float | None:
        """When `tick` is due, should no goodbye be over before."""
        return self._ends_at

    def tick(self, now: float) -> Iterator[Effect]:
        """Take that time has passed."""
        if self._ends_at is not None and now >= self._ends_at:
            yield from self._hang_up()

    def _hang_up(self) -> Iterator[Effect]:
        if self._ends_at is not None:
            self._ends_at, self._is_ending = None, True
            yield HangUp(f"The agent called {END_CALL}")


def _target(arguments: object) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return ""
    target = arguments.get("target") if isinstance(arguments, Mapping) else None
    if not isinstance(target, str) or len(target) > _MAX_TARGET or not target.isprintable():
        return ""
    return target.strip()
