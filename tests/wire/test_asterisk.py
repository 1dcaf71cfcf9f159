"""Asterisk itself, by the files of its recipe; where it is installed."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from tests.peers import descriptions
from tests.peers.asterisk import Asterisk
from tests.peers.dialogs import Call
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire import secured
from tests.wire.conversation import Conversation, converse
from tests.wire.directory import Entry
from tests.wire.recipes import FOLDER, Names, at_the_desk, desk_of, together

HOST = "127.0.0.61"
NAMES = Names()
DOMAIN = "pbx.example.com"
PORTS = {transport: NAMES.lead(DOMAIN, HOST, transport) for transport in ("udp", "tls")}
SHOWN = secured.AUTHORITY.issue(DOMAIN, dns=[DOMAIN])
ENVIRONMENT = secured.ENVIRONMENT | NAMES.environment
CONFIGURATION = together("asterisk", home_country="US")
AES_80 = "AES_CM_128_HMAC_SHA1_80"
EXTENSION = """
[1001]
type=endpoint
transport=transport-udp
context=from-phones
disallow=all
allow=ulaw
aors=1001
direct_media=no

[1001]
type=aor
contact=sip:1001@{host}:{port}
"""
pytestmark = pytest.mark.skipif(not Asterisk.is_there(), reason="needs Asterisk")


@pytest.fixture(scope="module", autouse=True)
def names() -> Iterator[None]:
    NAMES.server.start()
    yield
    NAMES.server.stop()


SECURED = """
[transport-tls]
type=transport
protocol=tls
bind={host}:{tls_port}
cert_file={certificate}
priv_key_file={key}
ca_list_file={authority}
verify_server=yes
method=tlsv1_2
"""


def pbx(engine: Engine, phone: Phone, transport: str) -> Asterisk:
    """Return Asterisk by the recipe's own files, with an extension whose phone is scripted.

    Over TLS with the changes that the recipe tells of.
    """
    folder = FOLDER / "asterisk"
    text = (folder / "pjsip.conf").read_text()
    host, port = engine.server_over(transport)
    place = f"{host}:{port}"
    if transport == "tls":
        text = text.replace(
            "transport=transport-udp", "transport=transport-tls\nmedia_encryption=sdes"
        )
        place += "\\;transport=tls"
        text += SECURED.format(
            host=HOST,
            tls_port=PORTS["tls"],
            certificate=SHOWN.certificate,
            key=SHOWN.key,
            authority=secured.AUTHORITY.certificate,
        )
    text = text.replace("sip.example.com:5060", place).replace("sip.example.com", host)
    text = text.replace("0.0.0.0:5060", f"{HOST}:{PORTS['udp']}")
    files = {
        "pjsip.conf": text + EXTENSION.format(host=phone.host, port=phone.port),
        "extensions.conf": (folder / "extensions.conf").read_text(),
    }
    return Asterisk(files, host=HOST, port=PORTS["udp"])


def configured(transport: str) -> Entry:
    """Return the recipe, over TLS with the changes that it tells of."""
    file = together("asterisk", home_country="US")
    if transport == "tls":
        (trunk,) = file["trunks"]
        uri = "sip:pbx.example.com;transport=tls"
        out = trunk["out"] | {"gateways": [{"uri": uri}]}
        file["trunks"] = [trunk | {"out": out, "srtp": "required"}]
    return file


async def pressed(by: Call, other: Call, key: str) -> None:
    """Press a key; it must arrive at the other end, by RFC 4733 all the way."""
    (number,) = descriptions.telephone_events(by.remote_sdp)
    other.phone.rtp.forget()
    await by.phone.rtp.send_digit(by.rtp_target, key, payload_type=number, clock_rate_hz=8000)
    (arriving,) = descriptions.telephone_events(other.local_sdp)
    await until(lambda: other.phone.rtp.digits(arriving) == key, f"{key} was not heard")


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_calls_go_both_ways_and_are_heard(engine: Engine, transport: str) -> None:
    """Digest either way, G722 between the two, keys, hold, audio measured behind both."""
    secure = AES_80 if transport == "tls" else ""
    engine.provision(configured(transport))
    async with (
        Phone("1001", host="127.0.0.62", codecs=("PCMU",)) as extension,
        at_the_desk(engine, *desk_of("asterisk")) as desk,
        pbx(engine, extension, transport),
    ):
        sdp = partial(desk.sdp, ["PCMA"], telephone_event={101: 8000})
        out = await converse(engine, desk, extension, offer=sdp(), to="1001")
        await out.hears_both_ways(codec_a="PCMA", codec_b="PCMU")
        await pressed(out.a, out.b, "7")
        await pressed(out.b, out.a, "8")
        for version, direction in ((2, "sendonly"), (3, "sendrecv")):
            assert (await out.a.reinvite(sdp(version=version, direction=direction))).code == 200
        await out.hears_both_ways(codec_a="PCMA", codec_b="PCMU")
        record = await out.end()
        assert record["source"] == "connection:desk-2001"
        assert record["destination"] == "trunk:asterisk"
        assert [leg["codec"] for leg in record["legs"]] == ["PCMA", "G722"]
        assert [leg["encryption"] for leg in record["legs"]] == ["", secure]
        a = await extension.invite(f"sip:2001@{HOST}:{PORTS['udp']}", extension.sdp(["PCMU"]))
        b = await desk.wait_call()
        await b.ring()
        await b.answer_in("PCMA")
        await a.answered()
        back = Conversation(a, b, engine)
        await back.hears_both_ways(codec_a="PCMU", codec_b="PCMA")
        assert b.invite.from_address.uri.user == "1001"
        await a.hang_up()
        await asyncio.wait_for(b.ended.wait(), 15)
        record = await engine.record(engine.calls()[-1]["legs"][0]["call_id"])
        assert record["source"] == "trunk:asterisk"
        assert record["destination"] == "connection:desk-2001"
        assert [leg["codec"] for leg in record["legs"]] == ["G722", "PCMA"]
        assert [leg["encryption"] for leg in record["legs"]] == [secure, ""]
