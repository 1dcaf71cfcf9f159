"""Linphone itself, its console client, by its recipe."""

import pytest

from tests.peers.engine import Engine
from tests.peers.linphone import Linphone
from tests.wire import secured
from tests.wire.conversation import registered
from tests.wire.directory import connection
from tests.wire.recipes import NAMED, together

CONFIGURATION = together("linphone", home_country="US")
ANNA = CONFIGURATION["connections"][0]
CONFIGURATION["connections"].append(connection("bob", inbound=["PCMU"], outbound=["PCMU"]))
ENVIRONMENT = NAMED
AES_80 = "AES_CM_128_HMAC_SHA1_80"
pytestmark = pytest.mark.skipif(not Linphone.is_there(), reason="needs linphone-cli")


def anna(engine: Engine, transport: str, codecs: tuple[str, ...], *, srtp: bool) -> Linphone:
    return Linphone(
        ANNA["sip_user"],
        ANNA["password"],
        display="Anna Example",
        server=("localhost", engine.server_over(transport)[1]),
        transport=transport,
        codecs=codecs,
        hz=950,
        srtp=srtp,
        authority=secured.AUTHORITY.certificate,
    )


async def test_linphone_calls_over_tls_with_srtp(engine: Engine) -> None:
    async with (
        registered(engine, "bob", codecs=("PCMU",)) as bob,
        anna(engine, "tls", ("OPUS", "PCMU"), srtp=True) as phone,
    ):
        await phone.registered()
        phone.dial("bob")
        b = await bob.wait_call()
        await b.ring()
        await b.answer_in("PCMU")
        heard = await b.audio(send_hz=620, codec="PCMU", seconds=2)
        assert heard.near(950), heard
        await b.hang_up()
        assert (await phone.heard(1.0)).near(620)
        (leg, _) = engine.calls()[-1]["legs"]
        record = await engine.record(leg["call_id"])
    assert record["source"] == "connection:anna"
    assert [leg["codec"] for leg in record["legs"]] == ["OPUS", "PCMU"]
    assert [leg["encryption"] for leg in record["legs"]] == [AES_80, ""]


async def test_linphone_is_called_over_tls_with_srtp(engine: Engine) -> None:
    (number,) = (entry["number"] for entry in CONFIGURATION["numbers"])
    async with (
        registered(engine, "bob", codecs=("PCMU",)) as bob,
        anna(engine, "tls", ("OPUS", "PCMU"), srtp=True) as phone,
    ):
        await phone.registered()
        a = await bob.invite(number, bob.sdp(["PCMU"]))
        await a.answered()
        heard = await a.audio(send_hz=620, codec="PCMU", seconds=2)
        assert heard.near(950), heard
        await a.hang_up()
        assert (await phone.heard(1.0)).near(620)
        record = await engine.record(a.call_id)
    assert [leg["codec"] for leg in record["legs"]] == ["PCMU", "OPUS"]
    assert [leg["encryption"] for leg in record["legs"]] == ["", AES_80]


async def test_a_display_name_is_no_user_name(engine: Engine) -> None:
    """What people type into the wrong field: 401, and the record says so."""
    async with Linphone("Anna", ANNA["password"], server=engine.server) as phone:
        await phone.logs("to [LinphoneRegistrationFailed]")
        refused = await engine.rejection(code=401, user="Anna", method="REGISTER")
    assert refused["rule"] == "unknown-user"
    assert "is not the display name" in refused["advice"]
