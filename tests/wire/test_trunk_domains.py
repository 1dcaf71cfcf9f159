"""Carriers known by the domain they dial, and by all that is set at once."""

import sipmessage

from tests.peers.dialogs import OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, registered
from tests.wire.directory import PASSWORD, configuration, connection

PLATFORM, ELSEWHERE = "127.0.0.41", "127.0.0.42"
NOWHERE = "127.0.0.14"
"An address that is on no list."
REAL = "+12025550100"


def _trunk(name: str, **inward: object) -> dict[str, object]:
    gateways = [{"uri": f"sip:127.0.0.43:{free_sip_port('127.0.0.43')}", "priority": 1}]
    return {"name": name, "in": inward, "out": {"gateways": gateways}}


CONFIGURATION = configuration(
    connection("bob", inbound=["PCMU"]),
    trunks=[
        _trunk("north", allowed_addresses=[PLATFORM], domain="north.example"),
        _trunk("south", allowed_addresses=[PLATFORM], domain="south.example"),
        _trunk("open", domain="open.example"),
        _trunk("roaming", username="roaming-user", password=PASSWORD),
        _trunk("listed", allowed_addresses=["127.0.0.44"], username="listed", password=PASSWORD),
    ],
    numbers={REAL: "connection:bob"},
    routes={"+44": ["open"]},
    external_sip=False,
)


async def _dial(engine: Engine, carrier: Phone, to: str) -> OutgoingCall:
    """Call a URI by way of the engine, whatever domain it names."""
    call = await carrier.invite(to, carrier.sdp(["PCMU"]))
    if to.startswith("sip:"):
        here = sipmessage.URI.parse(f"sip:{engine.host}:{engine.port};lr")
        call.route = [sipmessage.Address(uri=here)]
    return call


async def _source(engine: Engine, carrier: Phone, bob: Phone, to: str) -> str:
    call = await _dial(engine, carrier, to)
    await (await bob.wait_call()).reject(486)
    assert (await call.wait_final()).code == 486
    return str((await engine.record(call.call_id))["source"])


async def _refused(engine: Engine, carrier: Phone, to: str) -> tuple[str, str]:
    call = await _dial(engine, carrier, to)
    assert (await call.wait_final()).code == 403
    stored = await engine.refusal(call.call_id, code=403)
    return stored["rule"], stored["advice"]


async def test_two_trunks_of_one_address_are_told_apart_by_domain(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host=PLATFORM) as carrier:
        for name in ("north", "south"):
            assert await _source(engine, carrier, bob, f"sip:{REAL}@{name}.example") == (
                f"trunk:{name}"
            )


async def test_all_that_is_set_must_hold(engine: Engine) -> None:
    async with (
        caller(engine, host=PLATFORM) as carrier,
        Phone("listed", PASSWORD, server=engine.server, host=ELSEWHERE) as roaming,
    ):
        rule, advice = await _refused(engine, carrier, f"sip:{REAL}@west.example")
        assert rule == "trunk-condition-unmet"
        assert "its calls are addressed to north.example, and this one to west.example" in advice
        rule, advice = await _refused(engine, roaming, REAL)
        assert rule == "trunk-condition-unmet"
        assert f"from addresses on its list, and this one from {ELSEWHERE}" in advice


async def test_a_domain_alone_lets_anybody_call_in_and_nobody_out(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host=ELSEWHERE) as carrier:
        assert await _source(engine, carrier, bob, f"sip:{REAL}@open.example") == "trunk:open"
        rule, advice = await _refused(engine, carrier, "sip:+442079460018@open.example")
        assert rule == "external-caller-to-trunk"
        assert "The trunk open is known by its domain alone" in advice


async def test_a_trunk_of_credentials_alone_may_show_its_own_domain(engine: Engine) -> None:
    """Carriers write the calling number and their own domain into From."""
    async with (
        registered(engine, "bob") as bob,
        Phone("roaming-user", PASSWORD, server=engine.server, host=NOWHERE) as carrier,
    ):
        a = await carrier.invite(
            REAL,
            carrier.sdp(["PCMU"]),
            headers={"From": "<sip:+33123456789@carrier.example>;tag=abc"},
        )
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        assert b.remote.uri.user == "+33123456789"
        await b.hang_up()
        assert (await engine.record(a.call_id))["source"] == "trunk:roaming"
