"""OPTIONS to every address of a trunk's gateways, now and then."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Protocol

from callengine.core.naming import NextHop
from callengine.core.reachability import HOLDS_S, GatewayAddress, Sounding
from callengine.edge.flow import Flow
from callengine.edge.names.locator import flow_of

logger = logging.getLogger(__name__)

ANSWER_S = 5.0
"How long an address may take to answer."
KEPT_FOR = 2.5
"Intervals for which an answer is believed: one that is lost changes nothing yet."


class ProbeEdge(Protocol):
    """What is asked of the edge."""

    async def locate(self, uri: str) -> tuple[NextHop, ...]:
        """Return where a SIP URI leads; raises OSError saying why not."""

    async def probe(self, uri: str, flow: Flow) -> Sounding:
        """Ask an address whether it is there."""


class ProbeAudience(Protocol):
    """Whoever is told what probes find."""

    def heard(
        self, address: GatewayAddress, sounding: Sounding, *, holds_s: float = HOLDS_S
    ) -> None:
        """Take what an address said."""

    def leads_to(self, trunk: str, gateway: str, targets: tuple[str, ...]) -> None:
        """Take where a gateway's name leads now; other addresses are no longer its."""


class Probing:
    """Probes one gateway until cancelled."""

    def __init__(
        self,
        edge: ProbeEdge,
        trunk: str,
        gateway: str,
        *,
        interval_s: float,
        audience: ProbeAudience,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._edge = edge
        self._trunk = trunk
        self._gateway = gateway
        self._interval_s = interval_s
        self._audience = audience
        self._chance = chance
        self._known: tuple[str, ...] | None = None

    async def run(self) -> None:
        """Probe at every interval, the first time within one: not all trunks at once."""
        await asyncio.sleep(self._interval_s * (0.5 + 0.5 * self._chance()))
        while True:
            try:
                await self._once()
            except Exception:
                logger.exception("a gateway could not be probed")
            await asyncio.sleep(self._interval_s)

    async def _once(self) -> None:
        try:
            targets = await self._edge.locate(self._gateway)
        except (OSError, ValueError) as error:
            logger.info("gateway %s of trunk %s: %s", self._gateway, self._trunk, error)
            return
        flows = tuple(str(flow_of(target)) for target in targets)
        if flows != self._known:
            self._known = flows
            self._audience.leads_to(self._trunk, self._gateway, flows)
        await asyncio.gather(*(self._probe(target) for target in targets))

    async def _probe(self, target: NextHop) -> None:
        flow = flow_of(target)
        try:
            async with asyncio.timeout(ANSWER_S):
                sounding = await self._edge.probe(self._gateway, flow)
        except TimeoutError:
            sounding = Sounding(408, f"no answer to OPTIONS within {ANSWER_S:g} s")
        holds_s = max(self._interval_s * KEPT_FOR, HOLDS_S)
        address = GatewayAddress(self._trunk, self._gateway, str(flow), target.via)
        self._audience.heard(address, sounding, holds_s=holds_s)
