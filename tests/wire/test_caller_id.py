"""Who a caller may be: what the callee is shown, and what the record keeps of the claim."""

from dataclasses import dataclass

import pytest

from tests.peers.dialogs import IncomingCall, OutgoingCall
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.ports import free_sip_port
from tests.wire.conversation import caller, registered
from tests.wire.directory import PASSWORD, configuration, connection, trunk

NUMBER = "+12025550100"
GATEWAY = ("127.0.0.21", free_sip_port("127.0.0.21"))
CONFIGURATION = configuration(
    connection("alice"),
    connection("bob"),
    connection("strict", caller_id="refuse"),
    connection("pbx", caller_id="any"),
    trunks=[trunk("carrier", gateway=f"sip:{GATEWAY[0]}:{GATEWAY[1]}")],
    numbers={NUMBER: "connection:alice", "200": "connection:strict"},
    routes={"+44": ["carrier"]},
)


@dataclass
class Rung:
    a: OutgoingCall
    b: IncomingCall
    engine: Engine

    @property
    def shown(self) -> tuple[str, str]:
        address = self.b.invite.from_address
        return address.name or "", address.uri.user or ""

    async def end(self) -> dict[str, object]:
        await self.b.reject(486)
        await self.a.wait_final()
        return await self.engine.record(self.a.call_id)


def claims(text: str) -> dict[str, str]:
    return {"From": f"{text};tag=claimed"}


async def ring(engine: Engine, phone: Phone, bob: Phone, headers: dict[str, str]) -> Rung:
    a = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
    return Rung(a, await bob.wait_call(), engine)


CLAIMS = [
    ('"CEO" <sip:alice@{server}>', ("Alice", "alice"), "CEO (alice)"),
    ('"CEO" <sip:ceo@{server}>', ("Alice", "alice"), "CEO (ceo)"),
    ("<sip:bob@{server}>", ("Alice", "alice"), "bob"),
    ("<sip:%61lice@{server}>", ("Alice", "alice"), ""),
    (f"<sip:{NUMBER}@{{server}}>", ("Alice", NUMBER), ""),
    ("<sip:1-202-555-0100@{server}>", ("Alice", NUMBER), "1-202-555-0100"),
    (f'"CEO" <sip:{NUMBER}@elsewhere.example>', ("Alice", NUMBER), f"CEO ({NUMBER})"),
    ('"Boss" <sip:+15005550000@{server}>', ("Alice", "alice"), "Boss (+15005550000)"),
    ('"Anonymous" <sip:anonymous@anonymous.invalid>', ("Anonymous", "anonymous"), ""),
]


@pytest.mark.parametrize(("written", "shown", "claimed"), CLAIMS)
async def test_a_phone_is_shown_as_itself_and_the_record_keeps_its_claim(
    engine: Engine, written: str, shown: tuple[str, str], claimed: str
) -> None:
    server = f"{engine.host}:{engine.port}"
    async with registered(engine, "bob") as bob, registered(engine, "alice") as phone:
        headers = claims(written.format(server=server))
        headers["P-Asserted-Identity"] = '"CEO" <sip:ceo@elsewhere.example>'
        headers["Remote-Party-ID"] = '"CEO" <sip:ceo@elsewhere.example>;party=calling'
        rung = await ring(engine, phone, bob, headers)
        assert rung.shown == shown
        invite = [m for m in bob.received() if m.startswith("INVITE")][-1]
        assert "elsewhere" not in invite
        assert "P-Asserted" not in invite
        record = await rung.end()
        assert record["from"] == shown[1]
        assert record["source"] == "connection:alice"
        texts = [event["text"] for event in engine.events(str(record["id"]))]
        told = f"The phone called itself {claimed}; the callee was shown {shown[0]} ({shown[1]})."
        assert (told in texts) if claimed else not any("called itself" in text for text in texts)


async def test_a_connection_may_be_told_to_refuse_what_is_not_its_own(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "strict") as phone:
        call = await phone.invite("bob", phone.sdp(["PCMU"]), from_user="alice")
        assert (await call.wait_final()).code == 403
        stored = await engine.rejection(code=403)
        assert stored["rule"] == "caller-id-not-its-own"
        assert "Strict called as alice" in stored["advice"]
        assert bob.incoming.empty()
        rung = await ring(engine, phone, bob, claims(f"<sip:200@{engine.host}:{engine.port}>"))
        assert rung.shown == ("Strict", "200")
        await rung.end()


async def test_a_pbx_may_show_its_extensions_if_it_is_told_so(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine, "pbx") as phone:
        written = f'"Reception" <sip:201@{engine.host}:{engine.port}>'
        rung = await ring(engine, phone, bob, claims(written))
        assert rung.shown == ("Reception", "201")
        await rung.end()


async def test_an_unknown_caller_cannot_pass_for_one_of_ours(engine: Engine) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        rung = await ring(engine, phone, bob, claims('"Alice" <sip:alice@elsewhere.example>'))
        assert rung.shown == ("Anonymous", "anonymous")
        record = await rung.end()
        assert str(record["source"]).startswith("external:")
        texts = [event["text"] for event in engine.events(str(record["id"]))]
        assert any("did not authenticate, called itself Alice (alice)" in text for text in texts)


@pytest.mark.parametrize("user", ["alice", "nobody-here", NUMBER])
async def test_whoever_claims_our_domain_is_challenged_known_or_not(
    engine: Engine, user: str
) -> None:
    async with Phone("x", "", server=engine.server) as phone:
        headers = claims(f"<sip:{user}@{engine.host}:{engine.port}>")
        call = await phone.invite("bob", phone.sdp(["PCMU"]), headers=headers)
        assert (await call.wait_final()).code == 401


async def test_a_registered_phone_is_asked_who_it_is_whatever_its_from(engine: Engine) -> None:
    """Its own domain or number in From does not make it a stranger who may not dial out."""
    async with registered(engine, "bob") as bob, registered(engine, "alice") as phone:
        rung = await ring(engine, phone, bob, claims("<sip:+12025550100@carrier.example>"))
        record = await rung.end()
        assert record["source"] == "connection:alice"


async def test_a_caller_id_number_dials_out_where_unknown_callers_are_let_in(
    engine: Engine,
) -> None:
    async with (
        Phone("gateway", host=GATEWAY[0], port=GATEWAY[1]) as gateway,
        Phone("alice", PASSWORD, server=engine.server) as phone,
    ):
        call = await phone.invite("+442071234567", phone.sdp(["PCMU"]), from_user=NUMBER)
        rung = Rung(call, await gateway.wait_call(), engine)
        assert rung.shown == ("Alice", NUMBER)
        record = await rung.end()
        assert (record["from"], record["destination"]) == (NUMBER, "trunk:carrier")
