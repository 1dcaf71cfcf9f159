"""Who is let in: the first message of a websocket, the sessions that can be resumed. Pure."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from agents.builtin import script, settings
from agents.builtin.conversation import Out, ServedConversation, Shut, refused
from agents.builtin.script import Misdeed
from agents.builtin.settings import SessionRefusal

RESUME_WITHIN_S = 30.0
KEPT = 20
"Sessions that wait to be resumed, and prompts whose refusals are counted; the oldest goes first."
BUSY = 2
FATAL = 1008
REFUSALS = {
    Misdeed.REFUSE: ("agent_init_failed", "The agent could not be started, as told."),
    Misdeed.UNAUTHORIZED: ("unauthorized", "The key is not valid, as told."),
}


class Lobby:
    """What all websockets of one server share."""

    def __init__(self, speech: str) -> None:
        self.speech = speech
        self._left: OrderedDict[str, tuple[ServedConversation, float]] = OrderedDict()
        self._busy: OrderedDict[bytes, int] = OrderedDict()

    def first(
        self, message: Mapping[str, Any], now: float, unix_now: float
    ) -> tuple[ServedConversation | None, list[Out]]:
        """Take a websocket's first message; no conversation and nothing to say: never ready."""
        try:
            if message.get("type") == "session.resume":
                conversation = self._resumed(message, now)
                return conversation, conversation.resume(unix_now)
            if message.get("type") != "session.update":
                raise SessionRefusal("invalid_value", "session.update must come first.", "type")
            return self._new(message, now, unix_now)
        except SessionRefusal as refusal:
            return None, [refused(refusal), Shut(FATAL, refusal.code)]

    def left(self, conversation: ServedConversation, now: float) -> None:
        """Keep a conversation whose websocket is gone, if it can be resumed."""
        if not conversation.is_over:
            self._left[conversation.session_id] = (conversation, now + RESUME_WITHIN_S)
            while len(self._left) > KEPT:
                self._left.popitem(last=False)

    def _resumed(self, message: Mapping[str, Any], now: float) -> ServedConversation:
        conversation, until = self._left.pop(str(message.get("session_id")), (None, 0.0))
        if conversation is None or now > until:
            text = "No such session, or it was left too long ago."
            raise SessionRefusal("session_not_found", text, "session_id")
        return conversation

    def _new(
        self, message: Mapping[str, Any], now: float, unix_now: float
    ) -> tuple[ServedConversation | None, list[Out]]:
        told = settings.first(message.get("session"))
        try:
            orders = script.read(told.system_prompt)
        except script.ScriptError as error:
            raise SessionRefusal("invalid_value", str(error), "session.system_prompt") from None
        for misdeed, refusal in REFUSALS.items():
            if misdeed in orders.misdeeds:
                raise SessionRefusal(*refusal)
        if Misdeed.BUSY_TWICE in orders.misdeeds and self._is_busy(told.system_prompt):
            raise SessionRefusal("at_capacity", "All lines are busy, as told.")
        if Misdeed.NEVER_READY in orders.misdeeds:
            return None, []
        session_id = f"sess_{secrets.token_hex(8)}"
        conversation = ServedConversation(session_id, told, orders, speech=self.speech)
        return conversation, conversation.begin(now, unix_now)

    def _is_busy(self, prompt: str) -> bool:
        """Whether this prompt is to be refused once more; after that it begins anew."""
        key = hashlib.sha256(prompt.encode()).digest()
        times = self._busy.pop(key, 0)
        if times >= BUSY:
            return False
        self._busy[key] = times + 1
        while len(self._busy) > KEPT:
            self._busy.popitem(last=False)
        return True
