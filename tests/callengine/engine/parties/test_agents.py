"""Voice agents as the engine serves them: sockets handed over, bounded, and nothing left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from callengine.core.control.agents import (
    AgentLine,
    AgentSocket,
    AgentTool,
    ChangeAgent,
    ConnectAgent,
    TransferAsked,
    TransferRefused,
)
from callengine.core.control.calls import (
    TO_CALL_PROCESS,
    CallEnded,
    FromCallProcess,
    LegFacts,
    StateReached,
    Taken,
    ToCallProcess,
)
from callengine.core.orders import AgentOrder, LegOrder, WaveOrder
from callengine.core.outcomes import Termination
from callengine.core.reasons import Reason
from callengine.core.states import CallState
from callengine.engine.calls import liveagents
from callengine.engine.calls.livecall import LiveCall
from callengine.engine.processes.process import ProcessState
from callengine.notices.commands import ChangeAgentSettings, EndByAgent
from tests.callengine.edge.fakes import UdpPeer
from tests.callengine.engine import boards
from tests.callengine.engine.test_hostile_process import say, taken_over
from tests.callengine.facts import agent_facts
from tests.peers.waiting import until

pytestmark = pytest.mark.processes
FACTS = agent_facts(queue_ms=0.0)


@pytest.fixture
def host() -> Iterator[socket.socket]:
    """Where the agent listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


class Agent:
    """A call to an agent, its board, and the call process that the test speaks for."""

    def __init__(self, board: boards.Board, call: LiveCall, control: socket.socket) -> None:
        self.board, self.call, self._control = board, call, control
        control.setblocking(False)

    def say(self, *messages: FromCallProcess) -> None:
        for message in messages:
            say(self._control, message)

    async def heard(self) -> tuple[ToCallProcess, list[int]]:
        """Return the engine's next message, and the descriptors that came with it."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, 300_000, 4)
            except BlockingIOError:
                await asyncio.sleep(0.01)
                continue
            message = TO_CALL_PROCESS.decode(data)
            if type(message).__name__ != "TakeCall":
                return message, descriptors

    async def is_silent(self, for_s: float) -> bool:
        try:
            await asyncio.wait_for(self.heard(), for_s)
        except TimeoutError:
            return True
        return False

    async def answered(self) -> None:
        """Have the agent answer the call."""
        callee = LegFacts("B", "", "support", (), (), None, None, "", "up")
        self.say(callee, StateReached(CallState.ANSWERED, 2.0), FACTS)
        await until(lambda: bool(self.call.agents.sessions), "the session was not heard of")


@asynccontextmanager
async def talking(
    peer: UdpPeer, callee: UdpPeer, url: str, *, keeps_transcript: bool = True
) -> AsyncIterator[Agent]:
    async with boards.opened(callee) as board, taken_over(board) as (process, control, _):
        boards.call(board, peer)
        await until(lambda: board.given_to() is process, "the call was not handed over")
        (call,) = board.calls.values()
        order = AgentOrder("support", "twilio", url, keeps_transcript=keeps_transcript)
        leg = LegOrder("B", "", label="support", agent=order)
        call.ordered([WaveOrder((leg,), ("PCMU",), ())], call.plan)
        agent = Agent(board, call, control)
        agent.say(Taken())
        await until(lambda: call.taken, "the call was not taken")
        yield agent


def url(host: socket.socket) -> str:
    return f"ws://127.0.0.1:{host.getsockname()[1]}/?key=hush"


async def test_the_socket_that_is_handed_over_is_the_agents(
    peer: UdpPeer, callee: UdpPeer, host: socket.socket
) -> None:
    async with talking(peer, callee, url(host)) as agent:
        agent.say(ConnectAgent("B"))
        message, (descriptor,) = await agent.heard()
        address = f"127.0.0.1:{host.getsockname()[1]}"
        assert message == AgentSocket(agent.call.plan.call, "B", "", address)
        far, _ = host.accept()
        with far, socket.socket(fileno=descriptor) as near:
            near.send(b"hello")
            assert far.recv(10) == b"hello"
            near.close()  # the engine holds no copy: so this is the end
            far.settimeout(20)
            assert await asyncio.to_thread(far.recv, 10) == b""
        assert not agent.call.agents.connecting


async def test_a_host_that_cannot_be_reached_is_told_without_secrets(
    peer: UdpPeer, callee: UdpPeer, host: socket.socket
) -> None:
    host.close()
    async with talking(peer, callee, "ws://127.0.0.1:9/?key=hush") as agent:
        agent.say(ConnectAgent("B"))
        message, descriptors = await agent.heard()
        assert isinstance(message, AgentSocket)
        assert (message.error, message.address) == ("127.0.0.1:9 refused the connection", "")
        assert descriptors == []


async def test_a_process_that_asks_without_end_is_held_back(
    peer: UdpPeer, callee: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveagents, "REFILL_S", 3600.0)
    async with talking(peer, callee, "ws://127.0.0.1:9/") as agent:
        errors = []
        for _ in range(8):
            agent.say(ConnectAgent("B"))
            message, _ = await agent.heard()
            assert isinstance(message, AgentSocket)
            errors.append(message.error)
        assert errors[:6] == ["127.0.0.1:9 refused the connection"] * 6
        assert errors[6:] == ["it was connected too often, too fast"] * 2


async def test_a_call_that_ends_while_its_agent_is_connected_gets_no_socket(
    peer: UdpPeer, callee: UdpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(peer, callee, "ws://agent.example/") as agent:
        waits = asyncio.Event()

        async def never(url: str) -> socket.socket:
            waits.set()
            await asyncio.sleep(60)
            raise AssertionError

        monkeypatch.setattr(agent.board.agents._hosts, "connect", never)
        agent.say(ConnectAgent("B"))
        await waits.wait()
        (task,) = agent.call.agents.connecting.values()
        over = Termination("caller", Reason.CALLER_CANCELLED, 487, "The caller gave up.")
        agent.say(CallEnded(over, 3.0))
        await until(task.cancelled, "the connection goes on")
        assert await agent.is_silent(0.1)


@pytest.mark.parametrize(
    "message",
    [ConnectAgent("A"), TransferAsked("B7", "1", "bob")],
)
async def test_a_leg_that_is_no_agent_speaks_for_none(
    message: FromCallProcess, peer: UdpPeer, callee: UdpPeer
) -> None:
    async with talking(peer, callee, "ws://127.0.0.1:9/") as agent:
        process = agent.call.process
        agent.say(message)
        await until(lambda: bool(agent.board.written.endings), "the call goes on")
        assert process is not None
        assert process.state is ProcessState.DEAD
        assert agent.board.written.endings[0]["reason"] == "call-process-died"


# While it talks


async def test_a_transfer_that_rings_nobody_is_told_to_the_agent_with_its_code(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with talking(peer, callee, "ws://127.0.0.1:9/") as agent:
        refusals = []
        for number in range(21):
            agent.say(TransferAsked("B", f"call_{number}", "1001"))
            message, _ = await agent.heard()
            assert isinstance(message, TransferRefused)
            refusals.append(message)
        first, last = refusals[0], refusals[-1]
        assert (first.leg, first.key, first.code) == ("B", "call_0", 491)
        assert "Nobody has answered the call yet" in first.why
        assert any("support transfers the call to 1001" in t for _, t in agent.board.written.lines)
        assert (last.key, last.code) == ("call_20", 403)
        assert "too many transfers" in last.why


async def test_what_pages_and_the_agents_own_server_ask_for_reaches_the_call_process(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with talking(peer, callee, "ws://127.0.0.1:9/") as agent:
        await agent.answered()
        change = ChangeAgentSettings(agent.call.id, "B", '{"volume": 40}', "olga")
        agent.board._commands._do(change)
        message, _ = await agent.heard()
        assert message == ChangeAgent(agent.call.plan.call, "B", '{"volume": 40}', "olga")
        agent.board._commands._do(ChangeAgentSettings(agent.call.id, "A", "{}", "olga"))
        agent.board._commands._do(EndByAgent(agent.call.id, "another"))
        assert await agent.is_silent(0.1)
        agent.board._commands._do(EndByAgent(agent.call.id, "support"))
        message, _ = await agent.heard()
        assert isinstance(getattr(message, "termination", None), Termination)
        assert message.termination.reason is Reason.AGENT_ENDED  # type: ignore[union-attr]


async def test_of_a_session_without_transcript_nothing_said_is_kept(
    peer: UdpPeer, callee: UdpPeer
) -> None:
    async with talking(peer, callee, "ws://127.0.0.1:9/", keeps_transcript=False) as agent:
        line = AgentLine("B", "1", "agent", "psst", is_final=True, is_interrupted=False, at=1.0)
        agent.say(line, AgentTool("B", "look_up", "psst", 1.0), FACTS)
        await until(lambda: bool(agent.call.agents.sessions), "the session was not heard of")
        lines = agent.call.agents.take_fresh_lines()
        assert [(told["who"], told["text"]) for told in lines] == [("tool", "look_up")]
