"""Call forwarding on a phone: a 3xx is followed by the callee's own rights, or told truthfully."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.peers.engine import Engine, Record
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, nobody_was_rung, registered
from tests.wire.directory import configuration, connection, trunk

GATEWAY = ("127.0.0.21", free_sip_port("127.0.0.21"))
CONFIGURATION = configuration(
    connection("bob"),
    connection("carol", inbound=["G722"], force=True),
    connection("dora", inbound=["PCMU"]),
    connection("gone"),
    trunks=[
        trunk("carrier", gateway=f"sip:{GATEWAY[0]}:{GATEWAY[1]}", codecs=["PCMU", "PCMA"]),
    ],
    numbers={"+12025550100": "connection:dora"},
    routes={"+44": ["carrier"]},
)


async def told(engine: Engine, record: Record) -> str:
    return "\n".join(event["text"] for event in engine.events(str(record["id"])))


def to(engine: Engine, user: str) -> dict[str, str]:
    return {"Contact": f"<sip:{user}@{engine.host}:{engine.port}>"}


async def test_a_phone_forwards_to_another_user_by_the_lists_of_the_new_one(
    engine: Engine,
) -> None:
    """The new callee forces her codecs on the caller, which the first one did not."""
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(registered(engine, "bob"))
        carol = await stack.enter_async_context(registered(engine, "carol"))
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["OPUS", "G722", "PCMA"]))
        await (await bob.wait_call()).reject(302, headers=to(engine, "carol"))
        b = await carol.wait_call()
        await b.ring()
        await b.answer_in("G722")
        await a.answered()
        # The answer was made for Bob when the INVITE came; Carol's list takes another offer.
        await asyncio.wait_for(a.reoffers.get(), 15)
        await until(lambda: phone.received()[-1].startswith("ACK"), "no ACK to the re-INVITE")
        call = Conversation(a, b, engine)
        await call.hears_both_ways(codec_a="G722", codec_b="G722")
        record = await call.end()
        assert record["termination"]["reason"] == "caller-hung-up"
        assert record["destination"] == "connection:carol"
        text = await told(engine, record)
        assert f"Bob answered 302 and named sip:carol@{engine.host}:{engine.port}." in text
        assert "Bob forwards the call to carol (302): Carol is rung instead." in text


async def test_a_phone_that_rang_forwards_later_to_a_number(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(registered(engine, "bob"))
        dora = await stack.enter_async_context(registered(engine, "dora"))
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        rung = await bob.wait_call()
        await rung.ring()
        await a.wait_provisional(180)
        await rung.reject(302, headers={"Contact": "<tel:+1-202-555-0100>"})
        b = await dora.wait_call()
        await b.answer_in("PCMU")
        await a.answered()
        await Conversation(a, b, engine).end()


async def test_forwarding_has_the_callees_rights_not_the_callers(engine: Engine) -> None:
    """A stranger may not dial out; a phone of ours that forwards him may."""
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(registered(engine, "bob"))
        gateway = await stack.enter_async_context(
            Phone("gateway", host=GATEWAY[0], port=GATEWAY[1])
        )
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        await (await bob.wait_call()).reject(302, headers=to(engine, "+442071234567"))
        b = await gateway.wait_call()
        assert b.invite.from_address.uri.user == "stranger"
        diversion = f"<sip:bob@{engine.host}:{engine.port}>;reason=unknown"
        assert b.invite.headers.get("Diversion") == diversion
        await b.answer_in("PCMU")
        await a.answered()
        record = await Conversation(a, b, engine).end()
        assert record["destination"] == "trunk:carrier"


REFUSED = {
    "another server": (302, "<sip:carol@192.0.2.66>", "only users and numbers of this server"),
    "a proxy": (305, "<sip:carol@{server}>", "a 305 does not name another callee"),
    "nobody": (302, "", "it names nobody"),
    "unknown": (302, "<sip:nobody@{server}>", "Rule: unknown-number"),
    "over TLS alone": (302, "<sips:carol@{server}>", "Rule: sips-without-tls"),
    "not registered": (302, "<sip:gone@{server}>", "Rule: not-registered"),
    "itself": (302, "<sip:bob@{server}>", "the call was sent there before"),
}


@pytest.mark.parametrize(("code", "contact", "why"), REFUSED.values(), ids=REFUSED)
async def test_what_is_not_followed_is_480_and_says_so(
    engine: Engine, code: int, contact: str, why: str
) -> None:
    async with (
        registered(engine, "bob") as bob,
        registered(engine, "carol") as carol,
        caller(engine) as phone,
    ):
        a = await phone.invite("bob", phone.sdp(["PCMU", "G722"]))
        contact = contact.format(server=f"{engine.host}:{engine.port}")
        headers = {"Contact": contact} if contact else {}
        await (await bob.wait_call()).reject(code, headers=headers)
        assert (await a.wait_final()).code == 480
        end = (await engine.record(a.call_id))["termination"]
        assert (end["by"], end["reason"], end["code"]) == ("callee", "callee-redirected", 480)
        named = contact.strip("<>") or "nobody"
        assert f"Bob answered {code} and named {named}; that was not followed: " in end["advice"]
        assert why in end["advice"]
        await nobody_was_rung(carol)


async def test_two_phones_that_forward_to_each_other_end_the_call(engine: Engine) -> None:
    async with AsyncExitStack() as stack:
        bob = await stack.enter_async_context(registered(engine, "bob"))
        dora = await stack.enter_async_context(registered(engine, "dora"))
        phone = await stack.enter_async_context(caller(engine))
        a = await phone.invite("bob", phone.sdp(["PCMU"]))
        await (await bob.wait_call()).reject(302, headers=to(engine, "dora"))
        await (await dora.wait_call()).reject(302, headers=to(engine, "bob"))
        assert (await a.wait_final()).code == 480
        end = (await engine.record(a.call_id))["termination"]
        assert "Dora answered 302" in end["advice"]
        assert "the call was sent there before" in end["advice"]
        assert bob.incoming.empty()
