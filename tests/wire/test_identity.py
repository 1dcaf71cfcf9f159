"""What each side sees of the other, and of us: names, headers, addresses, dialled numbers."""

import asyncio
import re
import secrets
from dataclasses import dataclass

import pytest

from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire.conversation import caller, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(
    connection("alice"),
    connection("bob"),
    numbers={"+12025550100": "connection:bob", "100": "connection:bob"},
)
DEFAULTS_OF_PJSIP = ("PJSUA", "pjsip", "SUBSCRIBE", "norefersub")
KNOWN_TO_A_CALLEE = {
    *("via", "from", "to", "call-id", "cseq", "session-expires", "min-se", "supported"),
    *("contact", "allow", "user-agent", "max-forwards", "content-type", "content-length"),
}


@dataclass
class Rung:
    """A call as it arrived at the callee."""

    a: OutgoingCall
    b: IncomingCall
    invite: str

    def header(self, name: str) -> str:
        return header(self.invite, name)


def header(message: str, name: str) -> str:
    """Return the one value of a header, as it was written."""
    found = re.findall(rf"^{name}:[ \t]*(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    assert len(found) == 1, f"{name} stands {len(found)} times in\n{message}"
    return str(found[0])


async def ring(
    phone: Phone, bob: Phone, to: str = "bob", headers: dict[str, str] | None = None
) -> Rung:
    a = await phone.invite(to, phone.sdp(["PCMU"]), headers=headers)
    b = await bob.wait_call()
    await b.ring()
    invite = [m for m in bob.received() if m.startswith("INVITE")][-1]
    return Rung(a, b, invite)


async def end(rung: Rung) -> None:
    await rung.b.reject(486)
    await rung.a.wait_final()


NAMES = {
    "plain": ("Alice", "Alice"),
    "quotes": ('"Al \\"the\\" \\\\ice"', 'Al "the" \\ice'),
    "utf-8": ('"Zoë 日本 🎷"', "Zoë 日本 🎷"),
    "script": ('"<script>alert(1)</script>"', "<script>alert(1)</script>"),
    "comma": ('"Smith, Bob; <sip:x@y>"', "Smith, Bob; <sip:x@y>"),
    "none": ("", ""),
}


def from_header(name: str, user: str = "caller-1") -> dict[str, str]:
    return {"From": f"{name} <sip:{user}@phone.example>;tag=t1".strip()}


@pytest.mark.parametrize(("written", "read"), NAMES.values(), ids=NAMES)
async def test_the_callee_sees_the_callers_name(engine: Engine, written: str, read: str) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring(phone, bob, headers=from_header(written))
        seen = rung.b.invite.from_address
        assert seen.uri.user == "caller-1"
        assert (seen.name or "") == read
        assert "phone.example" not in rung.invite
        await end(rung)
        record = await engine.record(rung.a.call_id)
        assert record["from"] == "caller-1"


async def test_a_name_of_200_characters_does_not_stop_the_call(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring(phone, bob, headers=from_header('"' + "long name " * 20 + '"'))
        assert (rung.b.invite.from_address.name or "").startswith("long name long name")
        await end(rung)


@pytest.mark.parametrize(
    "user", ["%22x%22", "a%3Cb%3E", "x" * 200, "+12025550123", "a%20b"], ids=lambda u: u[:12]
)
async def test_strange_users_in_from_reach_the_callee(engine: Engine, user: str) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring(phone, bob, headers=from_header("", user))
        seen = rung.header("from")
        # Escapes may be written in either case (RFC 3261 section 19.1.4).
        assert seen.lower().startswith("<sip:" + user[:100].lower()), seen
        await end(rung)


async def test_an_anonymous_caller_stays_so(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        headers = {
            "From": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=t2',
            "Privacy": "id",
        }
        rung = await ring(phone, bob, headers=headers)
        assert rung.b.invite.from_address.uri.user == "anonymous"
        assert rung.b.invite.from_address.name == "Anonymous"
        assert phone.user not in rung.invite
        await end(rung)


async def test_the_callee_sees_us_and_nothing_else(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        rung = await ring(phone, bob)
        names = {line.partition(":")[0].lower() for line in _head(rung.invite)[1:]}
        assert names <= KNOWN_TO_A_CALLEE, names - KNOWN_TO_A_CALLEE
        assert rung.header("user-agent").startswith("VoIPNumber/")
        assert int(rung.header("max-forwards")) == 69
        assert rung.b.call_id != rung.a.call_id
        ours = f"{engine.host}:{engine.port}"
        assert rung.header("via").startswith(f"SIP/2.0/UDP {ours};branch=z9hG4bK")
        assert re.fullmatch(rf"<sip:[0-9a-f]+@{re.escape(ours)}>", rung.header("contact"))
        for name in ("from", "to"):
            host = re.search(r"@([^>;]+)", rung.header(name))
            assert host is not None
            assert host[1] in (ours, engine.host), rung.header(name)
        await end(rung)


def _head(message: str) -> list[str]:
    return message.partition("\r\n\r\n")[0].split("\r\n")


async def test_nothing_of_the_library_inside_leaks(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "alice") as phone:
        rung = await ring(phone, bob)
        await rung.b.answer_in("PCMU")
        await rung.a.answered()
        await rung.a.hang_up()
        await asyncio.wait_for(rung.b.ended.wait(), 15)
        for message in (*phone.received(), *bob.received()):
            head = "\r\n".join(_head(message))
            for word in DEFAULTS_OF_PJSIP:
                assert word.lower() not in head.lower(), head


async def test_allow_promises_only_what_is_done(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring(phone, bob)
        await rung.b.answer_in("PCMU")
        final = await rung.a.answered()
        promised = {m.strip() for m in (final.headers.get("Allow") or "").split(",")}
        assert promised == {m.strip() for m in rung.header("allow").split(",")}
        assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK"} <= promised
        # Whoever is sent REFER tells by NOTIFY what comes of it (RFC 3515 section 2.4.4).
        assert {"REFER", "NOTIFY"} <= promised
        assert not {"SUBSCRIBE", "MESSAGE", "PUBLISH"} & promised
        for method in ("INFO", "OPTIONS"):
            answer = await rung.a.send(rung.a.request(method))
            assert answer.code not in (405, 501), method
        await rung.a.hang_up()


async def test_answers_carry_from_and_to_as_the_caller_wrote_them(engine: Engine) -> None:
    """RFC 3261 section 8.2.6.2; strict phones compare the whole value."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        written = '"Al\\"ice  x"   <SIP:Str%61nger@Phone.Example;user=phone>;x=Y ;tag=AbC.1'
        to = f"B  <SIP:bob@{engine.host}:{engine.port}>"
        uri = f"sip:bob@{engine.host}:{engine.port}"
        b = await ring_raw(phone, bob, uri, engine, from_header=written, to_header=to)
        await b.ring()
        await b.reject(486)
        await until(lambda: any(" 486 " in m for m in phone.received()), phone.dump())
        answers = phone.received()
        assert [m.split()[1] for m in answers[:3]] == ["100", "180", "486"]
        tags = [header(m, "to").removeprefix(to) for m in answers]
        assert {header(m, "from") for m in answers} == {written}
        assert tags[0] in ("", tags[1])
        assert tags[1].startswith(";tag=")
        assert set(tags[1:]) == {tags[1]}


DIALLED = [
    "sip:bob@{server};user=phone;x=y",
    "sip:bob;phone-context=example@{server}",
    "sip:+1%20(202)%20555-0100@{server}",
    "sip:%2B1%20%28202%29%20555-0100@{server};user=phone",
    "sip:+1-202-555-0100@{server}",
    "sip:+1.202.555.0100;ext=7@{server}",
    "sip:100@{server}",
    "sip:b%6Fb@{server}",
    "tel:+1-202-555-0100",
]


@pytest.mark.parametrize("uri", DIALLED)
async def test_a_number_is_dialled_in_many_ways(engine: Engine, uri: str) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring_raw(phone, bob, uri.format(server=f"{engine.host}:{engine.port}"), engine)
        await rung.reject(486)


async def ring_raw(
    phone: Phone,
    bob: Phone,
    uri: str,
    engine: Engine,
    *,
    from_header: str = "<sip:raw@phone.example>;tag=1",
    to_header: str = "",
) -> IncomingCall:
    """Call a Request-URI exactly as it is written, which no library would let through."""
    body, name = phone.sdp(["PCMU"]), secrets.token_hex(8)
    text = (
        f"INVITE {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {phone.host}:{phone.port};branch=z9hG4bK{name};rport\r\n"
        f"From: {from_header}\r\nTo: {to_header or f'<{uri}>'}\r\n"
        f"Call-ID: {name}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:raw@{phone.host}:{phone.port}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    phone.transport.send_raw(text.encode(), engine.server)
    return await bob.wait_call()


async def test_users_differ_by_case(engine: Engine) -> None:
    """RFC 3261 section 19.1.4: the user part is compared with its case."""
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await phone.invite("BOB", phone.sdp(["PCMU"]))
        assert (await call.wait_final()).code == 404
        assert (await engine.rejection(code=404))["rule"] == "unknown-number"
        assert bob.incoming.empty()
