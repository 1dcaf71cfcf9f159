import pytest

from callengine.core.obstacles import Obstacle, declined, lacking, obstacle, sentence
from callengine.core.peersdp import compact
from sip.srtp import Srtp
from tests.callengine.core.test_sdp import HEAD, audio

IPV6_HEAD = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::1")
MULTICAST = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP6 ff15::7")


def line(transport: str, port: int = 4000) -> str:
    return audio("0", line=f"m=audio {port} {transport}")


KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
OFF, ALLOWED, REQUIRED = Srtp
CASES = [
    ("plain", HEAD + line("RTP/AVP"), OFF, None),
    ("feedback", HEAD + line("RTP/AVPF"), OFF, None),
    ("an unknown codec alone", HEAD + audio("4"), OFF, None),
    ("plain beside encrypted", HEAD + line("RTP/SAVP") + line("RTP/AVP"), OFF, None),
    ("SDES", HEAD + line("RTP/SAVP") + KEY, OFF, Obstacle.ENCRYPTED),
    ("SDES with feedback", HEAD + line("RTP/SAVPF") + KEY, OFF, Obstacle.ENCRYPTED),
    ("SDES that is allowed", HEAD + line("RTP/SAVP") + KEY, ALLOWED, None),
    ("SDES that is required", HEAD + line("RTP/SAVPF") + KEY, REQUIRED, None),
    ("SDES without a key", HEAD + line("RTP/SAVP"), ALLOWED, Obstacle.NO_KEY),
    ("SDES with a short key", HEAD + line("RTP/SAVP") + KEY.replace("A" * 40, "A" * 36),
     ALLOWED, Obstacle.NO_KEY),
    ("plain that must be encrypted", HEAD + line("RTP/AVP"), REQUIRED, Obstacle.NOT_ENCRYPTED),
    ("plain with a key, RFC 8643", HEAD + line("RTP/AVP") + KEY, REQUIRED, None),
    ("plain with a key that cannot be used", HEAD + line("RTP/AVP") + KEY.replace("_80", "_99"),
     REQUIRED, Obstacle.NO_KEY),
    ("encrypted beside plain", HEAD + line("RTP/AVP") + line("RTP/SAVP") + KEY, REQUIRED, None),
    ("DTLS", HEAD + line("UDP/TLS/RTP/SAVP"), ALLOWED, Obstacle.DTLS),
    ("DTLS with feedback, as browsers offer", HEAD + line("udp/tls/rtp/savpf", 9), OFF,
     Obstacle.DTLS),
    ("over TCP", HEAD + line("TCP/RTP/AVP"), OFF, Obstacle.TRANSPORT),
    ("IPv6", IPV6_HEAD + line("RTP/AVP"), OFF, None),
    ("IPv6 that is many hosts'", MULTICAST + line("RTP/AVP"), OFF, Obstacle.IPV6),
    ("many hosts of IPv4", HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 224.2.1.1/127")
     + line("RTP/AVP"), OFF, Obstacle.ADDRESS),
    ("a host name", HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 pbx.example") + line("RTP/AVP"),
     OFF, Obstacle.ADDRESS),
    ("a number that is no address", HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP4 192.1")
     + line("RTP/AVP"), OFF, Obstacle.ADDRESS),
    ("IPv6, encrypted too", IPV6_HEAD + line("RTP/SAVP"), OFF, Obstacle.ENCRYPTED),
    ("off", HEAD + line("RTP/AVP", 0), REQUIRED, Obstacle.OFF),
    ("video alone", HEAD + audio("31", line="m=video 5000 RTP/AVP"), OFF, Obstacle.OFF),
    ("encrypted, its plain twin off", HEAD + line("RTP/AVP", 0) + line("RTP/SAVP"), OFF,
     Obstacle.ENCRYPTED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sdp", "srtp", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_what_stands_in_the_way_is_named(sdp: str, srtp: Srtp, found: Obstacle | None) -> None:
    seen = obstacle(sdp, srtp)
    assert (seen and seen[0]) == found
    # A call process, which sees what the edge makes of it, comes to the same words.
    inside = lacking(compact(sdp, is_answer=True, srtp=srtp))
    assert bool(inside) is (found is not None)
    if seen is not None:
        assert inside == sentence(*seen, who="", verb="answered with").strip()


def test_an_answer_may_be_missing_altogether() -> None:
    assert lacking("").startswith("answered with no session description (SDP)")


@pytest.mark.parametrize("found", list(Obstacle))
def test_each_has_words_to_act_on_and_none_blames_a_codec(found: Obstacle) -> None:
    end = declined(found, "RTP/SAVP")
    assert end.code == 488
    assert end.advice.startswith("The caller offered ")
    assert end.advice.endswith(".")
    assert "codec" not in end.advice
    assert "{" not in end.advice
