"""What a call process is told of an agent: its settings as they are now, and what is mapped in."""

import asyncio
import dataclasses
from typing import Any, cast

import pytest

from agents.dialects.interface import Session
from agents.formats import Encoding
from agents.limits import MAX_PARAMETERS
from agents.models import VoiceAgent
from agents.sessions import session_of as tried
from callengine.core.directory import AgentEntry
from callengine.core.orders import AgentOrder
from callengine.core.plan import CallPlan, PlannedTarget, Wave
from callengine.directory.rows import whole_agent
from callengine.engine.plans.agentorders import agent_order, parameters
from callengine.engine.plans.order import NoTargetError, make_waves
from callengine.worker.agent.session import session_of as called

ENTRY = AgentEntry(
    name="support",
    dialect="assemblyai",
    url="wss://agents.example/v1/ws",
    secret="hush",
    system_prompt="Be kind.",
    transcription_model="whisper-1",
    tools='[{"name": "end_call"}]',
    keyterms=("VoIP",),
    input=Encoding.PCMU,
    volume=80,
    headers={"X-Customer": "customer_id"},
    max_duration_s=None,
    silence_timeout_s=60,
    ready_timeout_s=7,
    keeps_transcript=False,
)
AGENT = PlannedTarget("", "", label="support", agent="support")
BOB = PlannedTarget("sip:bob@10.0.0.1", "sip:bob@here", flow="udp:10.0.0.1:5060", label="Bob")
PLAN = CallPlan(
    call="1" * 32,
    source="trunk:carrier",
    destination="agent:support",
    from_user="+12025550100",
    from_name="",
    to_user="+12025550177",
    offered=("PCMU",),
    vn_a=("PCMU",),
    vn_b=(),
    vn_a_source="agent:support",
    vn_b_source="",
    waves=(Wave((AGENT,), ("PCMU",), (), "support"), Wave((BOB,), ("G722",), ("PCMA",), "Bob")),
    bridge_rate_hz=8000,
)


class Edge:
    """Where peers are reached, which is not asked of it for agents."""

    def public_address_for(self, flow: str) -> tuple[str, int]:
        assert flow == BOB.flow
        return "192.0.2.1", 5060

    def offers_ipv6(self, flow: str) -> bool:
        return False

    def media_address_for(self, flow: str) -> str:
        return "192.0.2.1"


class Process:
    """A call process at an address."""

    sip_address = ("127.0.0.1", 5999)


async def known(name: str) -> AgentOrder:
    assert name == "support"
    return agent_order(ENTRY, PLAN, headers={"x-customer": "42"}, sip_call_id="abc@phone")


async def deleted(name: str) -> AgentOrder:
    raise NoTargetError(f"The agent {name} was left out: it has just been deleted or disabled.")


async def waves(agent_order_of: Any) -> Any:
    edge, process = cast("Any", Edge()), cast("Any", Process())
    return await make_waves(
        edge,
        PLAN,
        process,
        passwords={},
        agent_order=agent_order_of,
        failover_timeout_s=4.0,
    )


async def test_an_agent_is_a_leg_without_an_anchor_and_its_fallback_one_with() -> None:
    made = await waves(known)
    (agent,), (bob,) = (wave.legs for wave in made.orders)
    assert (agent.name, agent.token, agent.label) == ("B", "", "support")
    assert agent.agent is not None
    assert (bob.name, bob.agent) == ("B2", None)
    assert [anchor.name for anchor in made.anchors] == ["B2"]


async def test_one_target_to_ask_for_takes_no_turn_of_the_event_loop() -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "another's")
    made = await waves(known)
    assert not turns
    assert [leg.name for wave in made.orders for leg in wave.legs] == ["B", "B2"]


async def test_an_agents_order_holds_its_settings_and_the_caller() -> None:
    order = await known("support")
    same = [f.name for f in dataclasses.fields(ENTRY) if hasattr(order, f.name)]
    different = {"max_duration_s", "silence_timeout_s", "ready_timeout_s"}
    for name in set(same) - different:
        assert getattr(order, name) == getattr(ENTRY, name), name
    limits = (order.max_duration_s, order.silence_timeout_s, order.ready_timeout_s)
    assert limits == (0.0, 60.0, 7.0)
    assert (order.from_user, order.to_user) == ("+12025550100", "+12025550177")
    assert (order.sip_call_id, order.parameters) == ("abc@phone", {"customer_id": "42"})
    assert "hush" not in repr(order)


async def test_an_agent_that_is_gone_leaves_the_rest_of_the_plan() -> None:
    made = await waves(deleted)
    assert [leg.name for wave in made.orders for leg in wave.legs] == ["B"]
    assert made.notes == ("The agent support was left out: it has just been deleted or disabled.",)


@pytest.mark.parametrize(
    ("wanted", "headers", "told"),
    [
        ({"X-Customer": "id"}, {"x-customer": "42"}, {"id": "42"}),
        ({"x-CUSTOMER": "id"}, {"x-customer": "42"}, {"id": "42"}),
        ({"X-Customer": "id"}, {}, {}),
        ({}, {"x-customer": "42"}, {}),
        ({"X-Customer": "id"}, {"x-customer": "4" * 1000}, {"id": "4" * 256}),
        (
            {"X-Customer": "id", "User-Agent": "phone"},
            {"user-agent": "Yealink"},
            {"phone": "Yealink"},
        ),
    ],
)
def test_headers_become_parameters_by_the_agents_map(
    wanted: dict[str, str], headers: dict[str, str], told: dict[str, str]
) -> None:
    assert parameters(wanted, headers) == told


def test_only_so_many_parameters_are_told() -> None:
    names = {f"X-{number}": f"p{number}" for number in range(2 * MAX_PARAMETERS)}
    headers = {name.lower(): "v" for name in names}
    assert len(parameters(names, headers)) == MAX_PARAMETERS


def test_a_test_of_an_agent_asks_for_the_session_that_a_call_asks_for() -> None:
    """Of what is written down, and by which model, it said nothing: calls alone were refused."""
    row = VoiceAgent(
        name="support",
        dialect="openai",
        url="wss://a.example/v1",
        secret="hush",
        agent_id="stored",
        system_prompt="Be kind.",
        greeting="Hello.",
        voice="ash",
        transcription_model="whisper-1",
        tools=[{"name": "end_call"}],
        keyterms=["VoIP"],
        turn_detection={"type": "vad"},
        input_encoding=Encoding.PCMU,
        output_encoding=Encoding.PCMA,
        volume=80,
    )
    order = agent_order(whole_agent(row).entry, PLAN, headers={}, sip_call_id="")
    asked = dataclasses.replace(called(order, ""), from_user="", to_user="")
    assert tried(row) == asked
    default = Session(url="")
    of_calls = {"parameters", "call_uuid", "sip_call_id", "from_user", "to_user"}
    resumed = {"resume", "transfers"}
    same = {
        f.name
        for f in dataclasses.fields(Session)
        if getattr(asked, f.name) == getattr(default, f.name)
    }
    assert same == of_calls | resumed, "tell the row above of a new setting"
