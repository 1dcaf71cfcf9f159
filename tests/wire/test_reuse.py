"""One call process, call after call: what pjmedia holds for a call must come back."""

from tests.peers.engine import Engine
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["G722"]))
ENVIRONMENT = {"VOIPNUMBER_MAX_CALLS": "1"}


async def test_sockets_of_refused_calls_are_given_back(engine: Engine) -> None:
    """pjmedia has room for 64 sockets and keeps a closed one for half a second."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        for _ in range(40):
            call = await phone.invite("bob", phone.sdp(["PCMU"]))
            await (await bob.wait_call()).reject(486)
            assert (await call.wait_final()).code == 486


async def test_bridge_ports_of_answered_calls_are_given_back(engine: Engine) -> None:
    """The bridge has 16 ports and gives one back when its clock ticks."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        for _ in range(24):
            call = await converse(engine, phone, bob, offer=["PCMU"])
            assert (await call.a.hang_up()).code == 200
