"""Voice agents as the engine serves their legs: connections handed over, transfers asked for.

A call process may open no connection: it asks, the engine connects, and the descriptor goes over
the control socket. What a call process may ask for is bounded, as strangers may speak through it.
"""

import logging
import time

from callengine.core.agentends import agent_termination
from callengine.core.control.agents import (
    MAX_SETTINGS,
    AgentFacts,
    AgentLine,
    AgentSocket,
    AgentTool,
    ChangeAgent,
    ConnectAgent,
    TransferAsked,
    TransferRefused,
)
from callengine.core.events import AgentEnd
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Termination
from callengine.core.parties import parties
from callengine.core.reasons import Reason
from callengine.engine.calls.book import CallBook
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.moves.transfers import Transfers
from callengine.engine.parties.agenthosts import AgentHosts, AgentUnreachableError, peer_of
from callengine.engine.processes.pool import Pool
from callengine.engine.processes.process import CallProcess
from callengine.loop.tasks import BackgroundTasks

logger = logging.getLogger(__name__)

MAX_TRANSFERS_ASKED = 20
"Of one call, by its agents: what is refused is noted on the timeline."


class Agents:
    """Serves the agents' legs of one engine's calls."""

    def __init__(self, *, book: CallBook, pool: Pool, transfers: Transfers) -> None:
        self._book = book
        self._pool = pool
        self._transfers = transfers
        self._hosts = AgentHosts()
        self._tasks = BackgroundTasks("voice agents")

    async def stop(self) -> None:
        """Open no connection any more."""
        await self._tasks.stop()
        self._hosts.close()

    def hear(
        self,
        call: LiveCall,
        message: ConnectAgent | AgentFacts | AgentLine | AgentTool | TransferAsked,
    ) -> None:
        """Take what a call process says of an agent of its call."""
        match message:
            case ConnectAgent():
                self.connect(call, message)
            case AgentFacts():
                self._book.agent_session(call, message)
            case AgentLine() | AgentTool():
                self._book.agent_said(call, message)
            case TransferAsked():
                self.transfer(call, message)

    def connect(self, call: LiveCall, asked: ConnectAgent) -> None:
        """Connect to an agent's host and hand the socket over; the call's end calls it off."""
        process = call.process
        if process is None or not call.agents.may_connect(asked.leg, time.monotonic()):
            self._answer(call, process, asked.leg, error="it was connected too often, too fast")
            return
        task = self._tasks.start(self._connect(call, process, asked.leg))
        call.agents.connecting[asked.leg] = task

    async def _connect(self, call: LiveCall, process: CallProcess, leg: str) -> None:
        try:
            sock = await self._hosts.connect(call.agents.orders[leg].url)
        except AgentUnreachableError as error:
            self._answer(call, process, leg, error=str(error))
        except Exception:
            logger.exception("an agent could not be connected")
            self._answer(call, process, leg, error="the engine failed; its log says why")
        else:
            with sock:  # ours; the process has its own
                self._answer(call, process, leg, address=peer_of(sock), fd=sock.fileno())
        finally:
            call.agents.connecting.pop(leg, None)

    def _answer(
        self,
        call: LiveCall,
        process: CallProcess | None,
        leg: str,
        *,
        error: str = "",
        address: str = "",
        fd: int | None = None,
    ) -> None:
        if process is None or not _has(process, call):
            return
        message = AgentSocket(call.plan.call, leg, error[:500], address)
        self._pool.send(process, message, descriptors=() if fd is None else (fd,))

    # While it talks

    def transfer(self, call: LiveCall, asked: TransferAsked) -> None:
        """Connect the caller with whom its agent names, by the caller's own rights."""
        call.agents.transfers_asked += 1
        if call.agents.transfers_asked > MAX_TRANSFERS_ASKED:
            why = "The agent has asked for too many transfers of this call."
            refusal = TransferRefused(call.plan.call, asked.leg, asked.key, 403, why)
            if call.process is not None and _has(call.process, call):
                self._pool.send(call.process, refusal)
            return
        by = call.agents.orders[asked.leg].name
        self._transfers.begin(call, to=asked.target, by=by, asked=asked)

    def change(self, call: LiveCall, *, leg: str, settings: str, by: str) -> None:
        """Have settings of an agent's session changed while it lasts; their text is JSON."""
        if leg in call.agents.orders and call.process is not None and _has(call.process, call):
            message = ChangeAgent(call.plan.call, leg, settings[:MAX_SETTINGS], by[:150])
            self._pool.send(call.process, message)

    def hung_up(self, call: LiveCall, name: str) -> Termination | None:
        """Return the end of a call whose callee, the agent of this name, hangs it up elsewhere."""
        callee = parties(call.snapshot["legs"], call.near).callee
        order = call.agents.orders.get(callee["name"]) if callee else None
        if callee is None or order is None or order.name != name:
            return None
        leg = LegOrder(callee["name"], "", label=name, agent=order)
        return agent_termination(leg, AgentEnd(Reason.AGENT_ENDED), was_talking=True)


def _has(process: CallProcess, call: LiveCall) -> bool:
    """Tell whether a process still carries a call."""
    return not call.ended and process.has(call.plan.call)
