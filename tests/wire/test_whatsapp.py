"""WhatsApp Business Calling by its recipe, played from its documentation: TLS, SDES, OPUS."""

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest
import sipmessage

from tests.peers import descriptions, srtp
from tests.peers.engine import Engine
from tests.peers.gateway import Gateway
from tests.peers.phone import Phone
from tests.peers.waiting import until
from tests.wire import secured
from tests.wire.conversation import Conversation
from tests.wire.recipes import NAMED, Names, at_the_desk, desk_of, together, trunk_of

HOST, DOMAIN = "127.0.0.63", "wa.meta.vc"
NAMES = Names()
PORT = NAMES.lead(DOMAIN, HOST, "tls")
SHOWN = secured.AUTHORITY.issue(DOMAIN, dns=[DOMAIN])
ENVIRONMENT = NAMED | NAMES.environment
CONFIGURATION = together("whatsapp", home_country="US")
TRUNK = trunk_of("whatsapp")
BUSINESS, USER = "+12025550140", "+5511999990000"
SCOPED = "US.13491208655302741918"
"What WhatsApp writes for a user whose number it does not tell."
CALL_ID = "outgoing:wacid.HBgLMTIxOTU1NTA3MTQVAgASGA=="
AES_80 = "AES_CM_128_HMAC_SHA1_80"
ATTRIBUTES = """\
a=rtcp:9 IN IP4 0.0.0.0
a=mid:audio
a=sendrecv
a=msid:4b1c WhatsAppTrack1
a=rtcp-mux
a=crypto:{tag} {suite} inline:{key}
a=rtpmap:{opus} opus/48000/2
a=fmtp:{opus} maxaveragebitrate=20000;maxplaybackrate=16000;minptime=20;useinbandfec=1
a=rtpmap:126 telephone-event/8000
a=maxptime:20
a=ptime:20
a=ssrc:849255537 cname:WhatsAppAudioStream1
"""


@pytest.fixture(scope="module", autouse=True)
def names() -> Iterator[None]:
    NAMES.server.start()
    yield
    NAMES.server.stop()


class Meta(Gateway):
    """Signs in for a URI without the parameters of the Request-URI."""

    def authenticated(
        self, response: sipmessage.Response, request: sipmessage.Request | None
    ) -> tuple[str, str] | None:
        assert request is not None
        plain = dataclasses.replace(request.uri, parameters=sipmessage.Parameters())
        return super().authenticated(response, sipmessage.Request(request.method, plain))


def meta() -> Meta:
    """Return Meta's side: it answers at its name, and challenges as it does."""
    return Meta(
        TRUNK["out"]["username"],
        TRUNK["out"]["password"],
        transport="tls",
        host=HOST,
        port=PORT,
        tls=secured.AUTHORITY.client(),
        tls_server=SHOWN.server(),
    )


def described(phone: Phone, key: str, *, tag: int = 1, opus: int = 111) -> str:
    """Return a description as WhatsApp writes it."""
    lines = [
        "v=0",
        "o=- 1746659966980 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE audio",
        f"m=audio {phone.rtp.port} RTP/SAVP {opus} 126",
        f"c=IN IP4 {phone.host}",
        *ATTRIBUTES.format(suite=AES_80, key=key, tag=tag, opus=opus).splitlines(),
    ]
    return "".join(f"{line}\r\n" for line in lines)


async def test_a_call_of_a_whatsapp_user(engine: Engine) -> None:
    """Digest for a URI without parameters, ids in place of a number, odd Call-ID, a key pressed."""
    async with at_the_desk(engine, *desk_of("whatsapp")) as phone, meta() as carrier:
        ours = srtp.new_key()
        host, port = engine.server_over("tls")
        headers = {
            "Contact": f"<sip:{USER}@{DOMAIN};transport=tls;ob>;isfocus",
            "X-FB-External-Domain": DOMAIN,
            "x-wa-meta-wacid": "wacid.HBgLMTIx==",
            "x-wa-meta-user-id": SCOPED,
            "User-Agent": "Facebook SipGateway",
        }
        a = await carrier.invite(
            f"sip:{BUSINESS}@{host}:{port};transport=tls",
            described(carrier, ours),
            from_user=SCOPED,
            headers=headers,
        )
        del carrier.calls[a.call_id]
        a.call_id = CALL_ID
        carrier.calls[CALL_ID] = a
        b = await phone.wait_call()
        await b.ring()
        await b.answer_in("PCMA")
        await a.answered()
        assert descriptions.formats(a.answer_sdp)[1] == (126, "telephone-event/8000")
        ((_, _, theirs),) = srtp.keys_in(a.answer_sdp)
        carrier.rtp.cipher = srtp.Cipher(ours, theirs)
        await b.audio(send_hz=950, codec="PCMA", seconds=0.2)
        await carrier.rtp.first_packet(), "Meta waits for the first packet of the business"
        await Conversation(a, b, engine).hears_both_ways(codec_a="OPUS", codec_b="PCMA", seconds=1)
        assert b.invite.from_address.uri.user == SCOPED
        (event,) = (n for n, hz in descriptions.telephone_events(b.offer_sdp).items() if hz == 8000)
        phone.rtp.forget()
        await carrier.rtp.send_digit(a.rtp_target, "5", payload_type=126, clock_rate_hz=8000)
        await until(lambda: phone.rtp.digits(event) == "5", "no digit arrives")
        await b.hang_up()
        await asyncio.wait_for(a.ended.wait(), 15)
        record = await engine.record(a.call_id)
        said = [event["text"] for event in engine.events(record["id"])]
        assert (record["source"], record["from"]) == ("trunk:whatsapp", SCOPED)
        assert [leg["codec"] for leg in record["legs"]] == ["OPUS", "PCMA"]
        assert [leg["encryption"] for leg in record["legs"]] == [AES_80, ""]
        assert "x-wa-meta-wacid: wacid.HBgLMTIx==" in said
        assert f"x-wa-meta-user-id: {SCOPED}" in said
        assert not [text for text in said if "key travelled" in text]


async def test_a_call_to_a_whatsapp_user(engine: Engine) -> None:
    """From is the business number at our name; the digest is its own, without plus."""
    async with at_the_desk(engine, *desk_of("whatsapp")) as phone, meta() as carrier:
        a = await phone.invite("885511999990000", phone.sdp(["PCMA"]))
        b = await carrier.wait_call()
        assert str(b.invite.uri) == f"sip:{USER}@{DOMAIN};transport=tls"
        assert (b.remote.uri.user, b.remote.uri.host) == (BUSINESS, "localhost")
        assert carrier.proved[0]["username"] == BUSINESS.removeprefix("+")
        assert " RTP/SAVP " in b.offer_sdp
        assert descriptions.names(b.offer_sdp) == ["OPUS"]
        tag, suite, theirs = srtp.keys_in(b.offer_sdp)[0]
        ours = srtp.new_key()
        number = descriptions.payload_type(b.offer_sdp, "OPUS")
        await b.answer(described(carrier, ours, tag=tag, opus=number))
        await a.answered()
        carrier.rtp.cipher = srtp.Cipher(ours, theirs, suite)
        await Conversation(a, b, engine).hears_both_ways(codec_a="PCMA", codec_b="OPUS", seconds=1)
        await b.hang_up()
        await asyncio.wait_for(a.ended.wait(), 15)
        record = await engine.record(a.call_id)
        assert record["destination"] == "trunk:whatsapp"
        assert [leg["encryption"] for leg in record["legs"]] == ["", AES_80]


async def test_whoever_does_not_prove_to_be_meta_is_refused(engine: Engine) -> None:
    """The number with its plus, or the business's name, is no user name here: 401."""
    options = {"transport": "tls", "tls": secured.AUTHORITY.client()}
    for name in (BUSINESS, "Bakery"):
        async with Phone(
            name, TRUNK["in"]["password"], server=engine.server_over("tls"), **options
        ) as other:
            call = await other.invite(BUSINESS, described(other, srtp.new_key()))
            assert (await call.wait_final()).code == 401
            refused = await engine.refusal(call.call_id, code=401, user=name)
            assert refused["rule"] == "unknown-user"
            assert "is not the display name" in refused["advice"]
