"""Phones and carriers over TLS, baresip's own stack among them, and what is on record of it."""

import asyncio
import shutil
import signal
import ssl
from datetime import timedelta

import pytest

from tests.peers.baresip import Baresip
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire import secured
from tests.wire.conversation import caller, converse, nobody_was_rung, registered
from tests.wire.directory import PASSWORD, configuration, connection, trunk

PORTS = {name: free_sip_port() for name in ("good", "other", "expired", "stranger", "mutual")}
NUMBERS = {name: f"+4930{100 + index}" for index, name in enumerate(PORTS)}
CONFIGURATION = configuration(
    connection("alice", outbound=["PCMU"]),
    connection("bob", inbound=["PCMU", "PCMA"]),
    trunks=[
        *(
            trunk(name, gateway=f"sip:127.0.0.1:{port};transport=tls", codecs=["PCMU"])
            for name, port in PORTS.items()
        ),
        trunk("certified", allowed=["carrier.example"], codecs=["PCMU"]),
    ],
    routes={NUMBERS[name]: [name] for name in PORTS},
)
ENVIRONMENT = {
    **secured.ENVIRONMENT,
    "VOIPNUMBER_SIP_TLS_CLIENTS": "optional",
}


@pytest.mark.skipif(shutil.which("baresip") is None, reason="needs baresip")
async def test_baresip_registers_calls_and_is_called_over_tls(engine: Engine) -> None:
    server = engine.server_over("tls")
    authority = secured.AUTHORITY.certificate
    async with (
        Baresip(
            *("alice", PASSWORD),
            server=server,
            transport="tls",
            codecs=("PCMU",),
            hz=620,
            authority=authority,
        ) as alice,
        Baresip(
            *("bob", PASSWORD),
            server=server,
            transport="tls",
            hz=950,
            auto_answer=True,
            authority=authority,
        ) as bob,
    ):
        await alice.registered()
        await bob.registered()
        await alice.dial("bob")
        await alice.wait_for("CALL_ESTABLISHED")
        await bob.wait_for("CALL_ESTABLISHED")
        assert (await alice.heard_for(1.0)).near(950)
        assert (await bob.heard_for(1.0)).near(620)
        await alice.hold()
        await alice.resume()
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")


@pytest.mark.parametrize(("a", "b"), [("tls", "udp"), ("udp", "tls")])
async def test_a_call_between_tls_and_udp_shows_each_peer_its_own(
    engine: Engine, a: str, b: str
) -> None:
    async with (
        registered(engine, "bob", **secured.phone(b)) as bob,
        caller(engine, "alice", **secured.phone(a)) as alice,
    ):
        call = await converse(engine, alice, bob, offer=["PCMU"])
        for phone, transport in ((alice, a), (bob, b)):
            text = "\n".join(phone.received())
            port = engine.server_over(transport)[1]
            ending = ";transport=tls>" if transport == "tls" else ">"
            assert f"@127.0.0.1:{port}{ending}" in text
        assert f"Via: SIP/2.0/{b.upper()} 127.0.0.1:" in "\n".join(bob.received())
        await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.8)
        record = await call.end()
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_a_sips_call_stays_one(engine: Engine) -> None:
    async with (
        registered(engine, "bob", **secured.phone()) as bob,
        caller(engine, "alice", **secured.phone()) as alice,
    ):
        host, port = engine.server_over("tls")
        a = await alice.invite(f"sips:bob@{host}:{port}", alice.sdp(["PCMU"]))
        b = await bob.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        contacts = [
            line for m in alice.received() for line in m.split("\r\n") if "Contact:" in line
        ]
        assert contacts
        assert all(line.startswith("Contact: <sips:") for line in contacts), contacts
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)


async def test_a_sips_call_to_who_is_not_reached_over_tls_is_refused(engine: Engine) -> None:
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice", **secured.phone()) as alice,
    ):
        host, port = engine.server_over("tls")
        call = await alice.invite(f"sips:bob@{host}:{port}", alice.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 480
        await nobody_was_rung(bob)
        refusal = await engine.refusal(call.call_id, code=480)
    assert refusal["rule"] == "sips-without-tls"
    assert "Bob is not reached over TLS" in refusal["advice"]


GATEWAYS = {
    "other": (
        secured.AUTHORITY.issue("other", dns=["other.example"]),
        "the certificate of 127.0.0.1 is for other.example",
    ),
    "expired": (
        secured.AUTHORITY.issue(
            "expired", addresses=["127.0.0.1"], ends_in=timedelta(days=-3, minutes=-1)
        ),
        "the certificate of 127.0.0.1 expired 3 days ago",
    ),
    "stranger": (
        secured.STRANGERS.issue("stranger", addresses=["127.0.0.1"]),
        "is issued by CN=Strangers, which is not trusted here",
    ),
}


@pytest.mark.parametrize("name", GATEWAYS)
async def test_a_carrier_that_is_not_believed_is_not_called_and_the_record_says_why(
    engine: Engine, name: str
) -> None:
    issued, words = GATEWAYS[name]
    options = {**secured.phone(), "tls_server": issued.server()}
    async with (
        caller(engine, "alice", **secured.phone()) as alice,
        Phone("gateway", port=PORTS[name], **options) as gateway,
    ):
        call = await alice.invite(NUMBERS[name], alice.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 503
        assert not gateway.received()
        record = await engine.record(call.call_id)
    assert record["termination"]["reason"] == "callee-unreachable"
    assert words in record["termination"]["advice"]


async def test_a_carrier_that_asks_for_our_certificate_is_shown_it(engine: Engine) -> None:
    context = secured.GATEWAY.server()
    context.load_verify_locations(secured.AUTHORITY.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    options = {**secured.phone(), "tls_server": context}
    async with (
        caller(engine, "alice", **secured.phone()) as alice,
        Phone("gateway", port=PORTS["mutual"], **options) as gateway,
    ):
        call = await converse(engine, alice, gateway, offer=["PCMU"], to=NUMBERS["mutual"])
        record = await call.end()
    assert record["termination"]["reason"] == "caller-hung-up"


@pytest.mark.parametrize(
    ("name", "source"),
    [("carrier.example", "trunk:certified"), ("stranger.example", "external:127.0.0.1")],
)
async def test_a_trunk_is_known_by_the_certificate_of_its_host_name(
    engine: Engine, name: str, source: str
) -> None:
    shown = secured.AUTHORITY.issue(name, dns=[name])
    options = {**secured.phone(), "tls": secured.AUTHORITY.client(shown)}
    async with (
        registered(engine, "bob") as bob,
        caller(engine, **options) as carrier,
    ):
        call = await converse(engine, carrier, bob, offer=["PCMU"])
        record = await call.end()
    assert record["source"] == source


async def test_half_open_handshakes_without_number_leave_a_good_call_alone(engine: Engine) -> None:
    host, port = engine.server_over("tls")
    async with (
        registered(engine, "bob", **secured.phone()) as bob,
        caller(engine, "alice", **secured.phone()) as alice,
    ):
        held = await asyncio.gather(
            *(
                asyncio.open_connection(host, port, local_addr=(f"127.0.3.{n % 4 + 1}", 0))
                for n in range(120)
            )
        )
        try:
            call = await converse(engine, alice, bob, offer=["PCMU"])
            await call.hears_both_ways(codec_a="PCMU", codec_b="PCMU", seconds=0.8)
            record = await call.end()
        finally:
            for _, writer in held:
                writer.close()
    assert record["termination"]["reason"] == "caller-hung-up"


async def test_plain_text_on_the_tls_port_is_on_record(engine: Engine) -> None:
    reader, writer = await asyncio.open_connection(*engine.server_over("tls"))
    writer.write(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 15) == b""
    writer.close()
    line = await engine.rejection(code=0, method=None)
    assert (line["rule"], line["source_address"]) == ("not-tls", "127.0.0.1")


async def test_sighup_has_the_certificate_read_anew_and_connections_go_on(engine: Engine) -> None:
    host, port = engine.server_over("tls")
    async with registered(engine, "bob", **secured.phone()) as bob:
        files = ("sip.example", ["sip.example", "renewed.example"])
        secured.AUTHORITY.issue(files[0], dns=files[1], addresses=["127.0.0.1"])
        for process in engine.processes.values():
            process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(4.5):  # before the files are looked at by themselves
            while True:
                try:
                    _, writer = await asyncio.open_connection(
                        *(host, port),
                        ssl=secured.AUTHORITY.client(),
                        server_hostname="renewed.example",
                    )
                    break
                except ssl.SSLCertVerificationError:
                    await asyncio.sleep(0.05)
        writer.close()
        assert (await bob.options("bob")).code == 200
        channels = {c for c in bob.transport._channels if c.uri_transport == "tls"}
        assert len(channels) == 1, "bob's connection was another after that"
