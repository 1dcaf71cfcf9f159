"""Trunks on the wire: credentials toward gateways, failover, routes, and who a carrier is."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.gateway import Gateway
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import G722_FIRST, PASSWORD, configuration, connection

LOGIN = "carrier-user"
SECRET = "s3cret-of-the-trunk"
"Must appear nowhere but on the trunk."
HOST = "127.0.0.21"
GATEWAYS = ("digest", "first", "second", "silent", "one", "two", "off")
PORTS = {name: free_sip_port(HOST) for name in GATEWAYS}
CARRIER = "127.0.0.9"
LISTED_WITH_PASSWORD = "127.0.0.12"
DISABLED = "127.0.0.13"
NOWHERE = "127.0.0.14"


def _gateway(name: str, priority: int = 1) -> dict[str, Any]:
    return {"uri": f"sip:{HOST}:{PORTS[name]};transport=udp", "priority": priority}


def _trunk(
    name: str,
    *gateways: dict[str, Any],
    codecs: Sequence[str] = G722_FIRST,
    out: dict[str, Any] | None = None,
    inward: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "name": name,
        "in": {"codecs": list(codecs), **(inward or {})},
        "out": {"gateways": list(gateways), "codecs": list(codecs), **(out or {})},
        **more,
    }


TRUNKS = [
    _trunk("digest", _gateway("digest"), out={"username": LOGIN, "password": SECRET}),
    _trunk("failover", _gateway("second", 20), _gateway("first", 10)),
    _trunk("patient", _gateway("second", 20), _gateway("silent", 10)),
    _trunk("one", _gateway("one"), codecs=["AMR-WB"]),
    _trunk("two", _gateway("two"), codecs=["PCMA", "PCMU"]),
    _trunk("off", _gateway("off"), inward={"allowed_addresses": [DISABLED]}, enabled=False),
    _trunk("source", inward={"allowed_addresses": [f"{CARRIER}/32"]}),
    _trunk(
        "both",
        inward={
            "allowed_addresses": [f"{LISTED_WITH_PASSWORD}/32"],
            "username": "both-user",
            "password": PASSWORD,
        },
    ),
    _trunk("roaming", inward={"username": "roaming-user", "password": PASSWORD}),
    _trunk("named"),
]


def directory(*, external: bool = True, named: Sequence[str] = ()) -> dict[str, Any]:
    trunks = [
        _trunk("named", inward={"allowed_addresses": list(named)}) if t["name"] == "named" else t
        for t in TRUNKS
    ]
    return configuration(
        connection("carol"),
        connection("bob", inbound=G722_FIRST),
        trunks=trunks,
        numbers={"+12025550100": "connection:bob", "+12025550199": "trunk:two"},
        routes={
            "+44": ["digest"],
            "+34": ["failover"],
            "+351": ["patient"],
            "+49": ["one", "two"],
            "+33": ["off", "two"],
            "+331": ["failover"],
            "+7": ["off"],
        },
        external_sip=external,
    )


CONFIGURATION = directory()


@contextmanager
def silent() -> Iterator[None]:
    """Keep the silent gateway's port, so that ICMP says nothing of it, and say nothing.

    No other test has it: an INVITE that nobody answers is repeated for 32 s, whatever its call
    has come to, and would ring there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, PORTS["silent"]))
        yield


@asynccontextmanager
async def gateway(name: str) -> AsyncIterator[Phone]:
    async with Phone("gateway", host=HOST, port=PORTS[name]) as phone:
        yield phone


async def _completes(engine: Engine, phone: Phone, to: str, at: Phone) -> dict[str, Any]:
    """Call a number, answer at that gateway, hang up; return the record."""
    a = await phone.invite(to, phone.sdp(["PCMU", "PCMA", "G722"]))
    b = await at.wait_call()
    await b.answer_in(descriptions.names(b.offer_sdp)[0])
    await a.answered()
    assert b.invite.uri.user == to
    await a.hang_up()
    await asyncio.wait_for(b.ended.wait(), 15)
    return await engine.record(a.call_id)


# Toward a gateway


@pytest.mark.parametrize(
    ("code", "algorithms", "qop"),
    [
        (407, ("MD5",), "auth"),
        (401, ("MD5",), "auth"),
        (407, ("MD5",), ""),
        (407, ("SHA-256",), "auth"),
        (401, ("SHA-256",), "auth"),
        (401, ("SHA-256", "MD5"), "auth"),
        (407, ("MD5-sess",), "auth"),
        (401, ("SHA-512-256", "SHA-256-sess"), "auth-int"),
    ],
    ids=[
        *("407", "401", "no-qop", "sha256-407", "sha256-401", "both"),
        *("md5-sess", "sha512-256-int"),
    ],
)
async def test_a_gateways_challenge_is_answered(
    engine: Engine, code: int, algorithms: tuple[str, ...], qop: str
) -> None:
    async with (
        Gateway(
            LOGIN,
            SECRET,
            code=code,
            algorithms=algorithms,
            qop=qop,
            host=HOST,
            port=PORTS["digest"],
        ) as at,
        caller(engine, "carol") as phone,
    ):
        call = await converse(engine, phone, at, offer=["PCMU"], to="+442071234567")
        assert at.challenged == 1
        (proved,) = at.proved
        assert proved["uri"] == f"sip:+442071234567@{HOST}:{PORTS['digest']};transport=udp"
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.0)
        record = await call.end()
        assert record["destination"] == "trunk:digest"
        assert record["legs"][1]["codec"] == "G722"


async def test_a_gateway_that_refuses_our_credentials_costs_503(engine: Engine) -> None:
    async with (
        Gateway(LOGIN, "another", host=HOST, port=PORTS["digest"]) as at,
        caller(engine, "carol") as phone,
    ):
        call = await phone.invite("+442071234567", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 503
        record = await engine.record(call.call_id)
        assert record["termination"]["reason"] == "trunk-credentials-refused"
        assert record["termination"]["code"] == 503
        assert 1 <= at.challenged <= 3
        assert at.incoming.empty()
    kept = engine.manage("dumpdata", "callengine") + engine.dump()
    assert "trunk-credentials-refused" in kept
    assert SECRET not in kept
    assert SECRET not in phone.dump() + at.dump()
    assert "WWW-Authenticate" not in "".join(phone.received()[-1:])


def forget_states(engine: Engine) -> None:
    """Have nothing known of any gateway: one that failed is tried last for a while."""
    script = "from trunks.models import GatewayTarget; GatewayTarget.objects.all().delete()"
    engine.shell(script)


async def test_the_second_gateway_is_tried_when_the_first_is_down(engine: Engine) -> None:
    async with (
        gateway("first") as first,
        gateway("second") as second,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("+34911234567", phone.sdp(["PCMA"]))
        refused = await first.wait_call()
        await refused.reject(503)
        b = await second.wait_call()
        await b.answer_in("PCMA")
        await a.answered()
        assert refused.call_id != b.call_id
        await a.hang_up()
        record = await engine.record(a.call_id)
        assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
        assert record["legs"][2]["codec"] == "PCMA"


async def test_a_silent_gateway_is_given_up_after_4_s(engine: Engine) -> None:
    forget_states(engine)
    with silent():
        async with gateway("second") as second, caller(engine, "carol") as phone:
            a = await phone.invite("+351911234567", phone.sdp(["PCMA"]))
            begun = asyncio.get_running_loop().time()
            b = await second.wait_call()
            # Timer B of an INVITE would be 32 s.
            assert 3.5 < asyncio.get_running_loop().time() - begun < 15
            await b.answer_in("PCMA")
            await a.answered()
            await a.hang_up()
            record = await engine.record(a.call_id)
            assert record["termination"]["reason"] == "caller-hung-up"


@pytest.mark.parametrize(
    ("codes", "shown", "reason"),
    [
        ((503, 503), 503, "callee-unreachable"),
        ((503, 486), 486, "callee-busy"),
        ((500, 500), 500, "callee-failed"),
    ],
)
async def test_when_every_gateway_fails_the_best_code_is_the_callers(
    engine: Engine, codes: tuple[int, int], shown: int, reason: str
) -> None:
    forget_states(engine)
    async with (
        gateway("first") as first,
        gateway("second") as second,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("+34911234567", phone.sdp(["PCMA"]))
        for at, code in zip((first, second), codes, strict=True):
            await (await at.wait_call()).reject(code)
        assert (await a.wait_final()).code == shown
        record = await engine.record(a.call_id)
        assert (record["termination"]["reason"], record["termination"]["code"]) == (reason, shown)


async def test_what_is_said_of_the_number_is_not_asked_of_the_next_gateway(engine: Engine) -> None:
    forget_states(engine)
    async with (
        gateway("first") as first,
        gateway("second") as second,
        caller(engine, "carol") as phone,
    ):
        a = await phone.invite("+34911234567", phone.sdp(["PCMA"]))
        await (await first.wait_call()).reject(404)
        assert (await a.wait_final()).code == 404
        assert second.incoming.empty()
        record = await engine.record(a.call_id)
        assert record["termination"]["reason"] == "callee-not-found"


async def test_a_trunk_that_would_change_the_callers_codec_is_not_tried(engine: Engine) -> None:
    """The caller's answer is written once; the second trunk's IN list does not allow its codec."""
    async with gateway("one") as one, gateway("two") as two, caller(engine, "carol") as phone:
        a = await phone.invite("+49301234567", phone.sdp(["PCMU", "AMR-WB"]))
        refused = await one.wait_call()
        assert set(descriptions.names(refused.offer_sdp)) == {"AMR-WB"}
        await refused.reject(503)
        assert (await a.wait_final()).code == 503
        assert two.incoming.empty()
        record = await engine.record(a.call_id)
        notes = [e["text"] for e in engine.events(record["id"]) if e["kind"] == "plan"]
        assert "two" in notes[0]
        assert "another codec" in notes[0]


async def test_a_trunk_without_the_callers_codec_is_left_out(engine: Engine) -> None:
    async with gateway("one") as one, gateway("two") as two, caller(engine, "carol") as phone:
        record = await _completes(engine, phone, "+49301234567", two)
        assert one.incoming.empty()
        assert record["destination"] == "trunk:two"


async def test_the_longest_prefix_wins_and_a_disabled_trunk_is_skipped(engine: Engine) -> None:
    forget_states(engine)
    async with (
        gateway("first") as first,
        gateway("two") as two,
        gateway("off") as off,
        caller(engine, "carol") as phone,
    ):
        assert (await _completes(engine, phone, "+33212345678", two))["destination"] == "trunk:two"
        record = await _completes(engine, phone, "+33112345678", first)
        assert record["destination"] == "trunk:failover"
        assert off.incoming.empty()


async def test_a_route_of_disabled_trunks_is_503(engine: Engine) -> None:
    async with caller(engine, "carol") as phone:
        call = await phone.invite("+74951234567", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 503
        assert (await engine.rejection(code=503, user="carol"))["rule"] == "no-usable-trunk"


async def test_a_number_may_lead_to_a_trunk(engine: Engine) -> None:
    async with gateway("two") as two, caller(engine, "carol") as phone:
        record = await _completes(engine, phone, "+12025550199", two)
        assert record["destination"] == "trunk:two"


# From a carrier


async def test_an_address_on_the_list_is_the_trunk(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host=CARRIER) as carrier:
        offer = carrier.sdp(["PCMA", "PCMU", "G722"])
        call = await converse(engine, carrier, bob, offer=offer, to="+12025550100")
        assert descriptions.names(call.a.answer_sdp) == ["G722"]
        assert (await call.end())["source"] == "trunk:source"


async def test_example_6_from_a_trunk(engine: Engine) -> None:
    """Trunk to trunk: both legs on the lists of the trunk that is called."""
    async with gateway("first") as at, caller(engine, host=CARRIER) as carrier:
        offer = carrier.sdp(["OPUS", "G722", "PCMA"])
        call = await converse(engine, carrier, at, offer=offer, to="+34911234567")
        assert descriptions.names(call.a.answer_sdp) == ["G722"]
        assert descriptions.names(call.b.offer_sdp) == list(G722_FIRST)
        await call.hears_both_ways(codec_a="G722", codec_b="G722", seconds=1.0)
        record = await call.end()
        assert (record["source"], record["destination"]) == ("trunk:source", "trunk:failover")


@pytest.mark.parametrize("password", [PASSWORD, "wrong", ""], ids=["right", "wrong", "none"])
async def test_a_trunk_may_demand_credentials_beside_the_address(
    engine: Engine, password: str
) -> None:
    async with (
        registered(engine, "bob") as bob,
        Phone("both-user", password, server=engine.server, host=LISTED_WITH_PASSWORD) as carrier,
    ):
        if password == PASSWORD:
            talk = await converse(engine, carrier, bob, offer=["PCMA"], to="+12025550100")
            assert (await talk.end())["source"] == "trunk:both"
            return
        call = await carrier.invite("+12025550100", carrier.sdp(["PCMA"]))
        assert (await call.wait_final()).code == 401
        # A challenge left alone becomes one after 5 s.
        stored = await engine.rejection(code=401, source=LISTED_WITH_PASSWORD)
        assert stored["user"] == "both-user"
        assert stored["rule"] == ("wrong-password" if password else "no-credentials")
        assert bob.incoming.empty()


async def test_another_users_password_does_not_open_a_trunk(engine: Engine) -> None:
    async with Phone("carol", PASSWORD, server=engine.server, host=LISTED_WITH_PASSWORD) as phone:
        call = await phone.invite("+12025550100", phone.sdp(["PCMA"]))
        assert (await call.wait_final()).code == 401
        assert (await engine.rejection(code=401, user="carol"))["rule"] == "unknown-user"


@pytest.mark.parametrize("external", [True, False], ids=["external", "closed"])
async def test_a_trunk_of_credentials_alone_may_call_from_anywhere(
    engine: Engine, external: bool
) -> None:
    engine.provision(directory(external=external))
    try:
        async with (
            registered(engine, "bob") as bob,
            Phone("roaming-user", PASSWORD, server=engine.server, host=NOWHERE) as carrier,
        ):
            call = await converse(engine, carrier, bob, offer=["PCMA"], to="+12025550100")
            assert (await call.end())["source"] == "trunk:roaming"
            carrier.password = "wrong"
            refused = await carrier.invite("+12025550100", carrier.sdp(["PCMA"]))
            assert (await refused.wait_final()).code == 401
            stored = await engine.rejection(code=401, user="roaming-user")
            assert stored["rule"] == "wrong-password"
    finally:
        engine.provision(CONFIGURATION)


async def test_a_host_name_may_stand_in_the_access_list(engine: Engine) -> None:
    engine.provision(directory(named=["localhost"]))
    try:
        async with registered(engine, "bob") as bob, caller(engine) as carrier:
            call = await converse(engine, carrier, bob, offer=["PCMA"], to="+12025550100")
            assert (await call.end())["source"] == "trunk:named"
    finally:
        engine.provision(CONFIGURATION)


async def test_a_disabled_trunks_calls_are_refused(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, host=DISABLED) as carrier:
        call = await carrier.invite("+12025550100", carrier.sdp(["PCMA"]))
        assert (await call.wait_final()).code == 403
        stored = await engine.rejection(code=403)
        assert (stored["rule"], stored["source_address"]) == ("trunk-disabled", DISABLED)
        assert bob.incoming.empty()
