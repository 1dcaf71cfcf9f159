"""A phone is reached where it was heard, and no address it names is ever sent to."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import sipmessage

from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import PASSWORD, configuration, connection

THIRD = "127.0.0.77"
"A host that phones name and never speak from."
CONFIGURATION = configuration(connection("alice"), connection("bob", inbound=["PCMU"]))


@asynccontextmanager
async def third_host() -> AsyncIterator[tuple[int, list[str]]]:
    """Listen on a host that only peers name; yields its port and who came, over TCP or UDP."""
    came: list[str] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("tcp")
        writer.close()

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            came.append(data.split(b"\r\n")[0].decode())

    server = await asyncio.start_server(connected, THIRD, 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=(THIRD, port))
    try:
        yield port, came
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


async def register(
    phone: Phone, contact: str, headers: Mapping[str, str] | None = None, *, expires_s: int = 300
) -> sipmessage.Response:
    """Register a Contact as it is written, with more headers."""

    def request() -> sipmessage.Request:
        made = phone._register_request(expires_s, contact)
        for name, value in (headers or {}).items():
            made.headers.set(name, value)
        return made

    response = await phone.send(request())
    again = request()
    proof = phone.authenticated(response, again)
    assert proof is not None, phone.dump()
    again.headers.set(*proof)
    return await phone.send(again)


@asynccontextmanager
async def bob_at(engine: Engine, **options: object) -> AsyncIterator[Phone]:
    """Open bob's phone without registering it; what it registered goes when it leaves."""
    async with Phone("bob", PASSWORD, server=engine.server, **options) as bob:  # type: ignore[arg-type]
        yield bob
        texts = (message.decode() for way, message in bob.transport.log if way == "->")
        sent = (text for text in texts if text.startswith("REGISTER"))
        asked = (re.search(r"^Contact: (.*)\r$", text, re.MULTILINE) for text in sent)
        contacts = {found[1] for found in asked if found}
    for contact in contacts:
        async with Phone("bob", PASSWORD, server=engine.server) as clearing:
            assert (await register(clearing, contact, expires_s=0)).code == 200


async def test_two_contacts_of_one_register_both_ring_where_they_are(engine: Engine) -> None:
    async with bob_at(engine) as first, Phone("bob") as second, caller(engine) as phone:
        response = await register(first, f"<{first.uri}>, <{second.uri}>")
        assert response.code == 200
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        rung = await first.wait_call(), await second.wait_call()
        await rung[1].answer(second.sdp(["PCMU"]))
        await call.answered()
        await asyncio.wait_for(rung[0].ended.wait(), 15)
        assert (await call.hang_up()).code == 200
        await asyncio.wait_for(rung[1].ended.wait(), 15)


INSIDE = {
    "this-server": ("<sip:bob@{server}>", "address of this server"),
    "link-local": ("<sip:bob@169.254.7.7:5060>", "a link-local address"),
    "multicast": ("<sip:bob@224.0.1.75>", "a multicast address"),
    "unspecified": ("<sip:bob@0.0.0.0:5060>", "an unspecified address"),
    "maddr": ("<sip:bob@192.0.2.1;maddr=169.254.7.7>", "a link-local address"),
    "one of two": ("<sip:bob@192.0.2.1>, <sip:bob@224.0.1.75>", "a multicast address"),
}


@pytest.mark.parametrize(("contact", "why"), INSIDE.values(), ids=INSIDE)
async def test_a_contact_that_leads_inside_is_refused(
    engine: Engine, contact: str, why: str
) -> None:
    server = f"{engine.host}:{engine.port}"
    async with bob_at(engine) as bob, caller(engine) as phone:
        assert (await register(bob, contact.format(server=server))).code == 403
        stored = await engine.rejection(code=403, method="REGISTER", user="bob")
        assert stored["rule"] == "contact-not-allowed"
        assert why in stored["advice"]
        call = await phone.invite("bob", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 480, "nothing of it may be kept"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_callee_may_name_another_host_but_is_spoken_to_where_it_answered(
    engine: Engine, transport: str
) -> None:
    async with third_host() as (port, came), registered(engine, "bob") as bob:
        named = f"sip:{THIRD}:{port};transport={transport}"
        async with caller(engine) as phone:
            call = await phone.invite("bob", phone.sdp(["PCMU"]))
            rung = await bob.wait_call()
            headers = {"Contact": f"<{named}>", "Record-Route": f"<{named};lr>"}
            await rung.respond(rung.invite, 200, bob.sdp(["PCMU"]), headers=headers)
            await call.answered()
            await asyncio.wait_for(rung.acknowledged.wait(), 15)
            assert (await call.hang_up()).code == 200
            await asyncio.wait_for(rung.ended.wait(), 15)
        assert came == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_caller_may_name_another_host_but_is_spoken_to_where_it_called_from(
    engine: Engine, transport: str
) -> None:
    async with third_host() as (port, came), registered(engine, "bob") as bob:
        named = f"sip:{THIRD}:{port};transport={transport}"
        async with caller(engine) as phone:
            headers = {"Contact": f"<{named}>"}
            call = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
            rung = await bob.wait_call()
            await rung.answer(bob.sdp(["PCMU"]))
            await call.answered()
            await rung.hang_up()
            await asyncio.wait_for(call.ended.wait(), 15)
        assert came == []


async def test_a_phone_whose_connection_is_gone_is_not_sought_at_the_host_it_names(
    engine: Engine,
) -> None:
    async with third_host() as (port, came), caller(engine) as phone:
        async with bob_at(engine, transport="tcp") as bob:
            contact = f"<sip:bob@{THIRD}:{port};transport=tcp>"
            assert (await register(bob, contact)).code == 200
            await bob.transport.close()
            await asyncio.sleep(0)
            call = await phone.invite("bob", phone.sdp(["PCMU"]))
            assert (await call.wait_final()).code in (480, 503)
            record = await engine.record(call.call_id)
            assert record["termination"]["reason"] == "callee-unreachable"
            texts = " ".join(event["text"] for event in engine.events(record["id"]))
            assert "TCP connection from 127.0.0.1 is gone" in texts
        assert came == []


PATH = "<sip:edge.proxy.example;lr>, <sip:second.proxy.example;lr;ob>"


async def test_a_path_is_kept_told_and_taken_toward_the_phone(engine: Engine) -> None:
    async with bob_at(engine) as bob, caller(engine) as phone:
        headers = {"Path": PATH, "Supported": "path", "Require": "path"}
        response = await register(bob, "<sip:bob@10.9.8.7:5060>", headers)
        assert response.code == 200
        answer = bob.received()[-1]
        told = [line[6:] for line in answer.split("\r\n") if line.lower().startswith("path: ")]
        assert ", ".join(told) == PATH
        call = await converse(engine, phone, bob, offer=["PCMU"])
        invite = next(m for m in bob.received() if m.startswith("INVITE"))
        assert invite.startswith("INVITE sip:bob@10.9.8.7:5060 SIP/2.0")
        routes = [line[7:] for line in invite.split("\r\n") if line.lower().startswith("route: ")]
        assert ", ".join(routes) == PATH
        await call.end()


@pytest.mark.parametrize(
    ("headers", "code", "rule"),
    [
        ({"Path": "<sip:proxy.example;lr>"}, 420, "path-not-supported-by-phone"),
        ({"Path": "<sip:proxy.example>", "Supported": "path"}, 400, "malformed-register"),
        ({"Path": "nonsense", "Supported": "path"}, 400, "malformed-register"),
    ],
)
async def test_a_path_that_cannot_be_taken_is_refused(
    engine: Engine, headers: dict[str, str], code: int, rule: str
) -> None:
    async with bob_at(engine) as bob:
        response = await register(bob, f"<{bob.uri}>", headers)
        assert response.code == code
        if code == 420:
            assert response.headers.get("Unsupported") == "path"
        stored = await engine.rejection(code=code, method="REGISTER", user="bob")
        assert stored["rule"] == rule
