"""One trunk's registration at its carrier, for as long as it is wanted."""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from callengine.core.naming import NextHop
from callengine.core.registering import (
    ELSEWHERE,
    FIRST_RETRY_S,
    RegistrarAnswer,
    RegistrationOutcome,
    after_answer,
    asks_longer,
    contact_user,
)
from callengine.directory.carriers import RegistrationCare, StoredRegistration
from callengine.edge.flow import Flow
from callengine.edge.names.locator import flow_of
from callengine.edge.outside import OutwardBinding

logger = logging.getLogger(__name__)

UNREGISTER_S = 2.0
"How long an end waits for the registrar's answer."
ANSWER_S = 10.0
"How long one address of a registrar may take to answer."

Keep = Callable[[str, dict[str, Any]], None]


class RegistrarEdge(Protocol):
    """What is asked of the edge."""

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        """Return where a SIP URI leads; raises OSError saying why not."""

    async def register(
        self, binding: OutwardBinding, flow: Flow, *, expires_s: int
    ) -> RegistrarAnswer:
        """Register, or with 0 s unregister."""


@dataclass(slots=True)
class _Attempt:
    answer: RegistrarAnswer
    flow: Flow | None


class CarrierRegistration:
    """Keeps one binding alive; `keep(trunk, values)` has each step stored and shown."""

    def __init__(
        self,
        edge: RegistrarEdge,
        trunk: str,
        care: RegistrationCare,
        *,
        stored: StoredRegistration | None,
        node: str,
        keep: Keep,
    ) -> None:
        self._edge = edge
        self._trunk = trunk
        self._care = care
        self._node = node
        self._keep = keep
        self._flow: Flow | None = None
        self._asked: Flow | None = None
        "Where a REGISTER is under way that may be accepted though nobody waits for it any more."
        self._state = ""
        self._since = time.time()
        self._failures = stored.failures if stored else 0
        self._binding = OutwardBinding(
            registrar=f"sip:{care.domain}",
            aor=f"sip:{care.user}@{care.domain}",
            contact_user=stored.contact_user if stored else contact_user(secrets.token_hex(12)),
            call_id=stored.call_id if stored else secrets.token_hex(16),
            # By the clock, so that it rises whatever was not stored (RFC 3261 section 8.1.1.5).
            cseq=max(stored.cseq if stored else 0, int(time.time())),
            username=care.username,
            password=care.password,
        )

    async def run(self) -> None:
        """Register, and again in time, until cancelled."""
        asks_s = self._care.expires_s
        self._tell("trying", "")
        while True:
            try:
                standing, flow = await self._once(asks_s)
            except Exception:
                logger.exception("trunk %s could not be registered", self._trunk)
                standing, flow = self._failed_here(asks_s), None
            self._flow = flow if standing.state == "registered" else None
            self._failures = standing.failures
            self._tell(standing.state, standing.said, standing=standing, flow=flow)
            asks_s = standing.asks_s
            await asyncio.sleep(standing.next_in_s)

    async def unregister(self, why: str) -> None:
        """Take the binding back, if there is one, and say why; nothing: another one follows."""
        flow, self._flow, self._asked = self._flow or self._asked, None, None
        if flow is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(UNREGISTER_S):
                    await self._edge.register(self._binding, flow, expires_s=0)
        if why:
            self._tell("gone", why)

    async def _once(self, asks_s: int) -> tuple[RegistrationOutcome, Flow | None]:
        attempt = await self._ask(asks_s)
        if (longer_s := asks_longer(attempt.answer, asks_s)) is not None:
            asks_s = longer_s
            attempt = await self._ask(asks_s)
        standing = after_answer(
            attempt.answer, asked_s=asks_s, failures=self._failures, chance=random.random
        )
        return standing, attempt.flow

    def _failed_here(self, asks_s: int) -> RegistrationOutcome:
        """Return how it stands after a fault of ours: no carrier may end this for good."""
        return RegistrationOutcome(
            state="failed",
            said="The engine failed to register it; its log says why. It is tried again.",
            next_in_s=FIRST_RETRY_S,
            asks_s=asks_s,
            failures=self._failures + 1,
        )

    async def _ask(self, asks_s: int) -> _Attempt:
        """Register at the first address of the registrar that answers."""
        try:
            targets = await self._edge.locate(self._care.registrar)
        except (OSError, ValueError) as error:
            return _Attempt(RegistrarAnswer(503, str(error)), None)
        attempt = _Attempt(RegistrarAnswer(503, "no address"), None)
        for target in targets:
            flow = self._asked = flow_of(target)
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await self._edge.register(self._binding, flow, expires_s=asks_s)
            except TimeoutError:
                answer = RegistrarAnswer(408, f"no answer from {flow}")
            self._asked = None
            attempt = _Attempt(answer, flow)
            if answer.code not in ELSEWHERE and answer.code < 500:
                break
        return attempt

    def _tell(
        self,
        state: str,
        said: str,
        *,
        standing: RegistrationOutcome | None = None,
        flow: Flow | None = None,
    ) -> None:
        now = time.time()
        if state != self._state:
            self._state, self._since = state, now
            logger.info("trunk %s is %s at its registrar. %s", self._trunk, state, said)
        expires_in_s = standing.expires_in_s if standing else None
        values = {
            "state": state,
            "since": _moment(self._since),
            "said": said[:300],
            "target": str(flow or "")[:400],
            "contact_user": self._binding.contact_user,
            "call_id": self._binding.call_id,
            "cseq": self._binding.cseq,
            "expires_at": _moment(now + expires_in_s) if expires_in_s else None,
            "next_at": _moment(now + standing.next_in_s) if standing else None,
            "failures": self._failures,
            "node": self._node,
        }
        self._keep(self._trunk, values)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
