import pytest

from callengine.core.obstacles import Obstacle, declined, lacking, obstacle
from tests.callengine.core.test_sdp import HEAD, audio

IPV6_HEAD = HEAD.replace("c=IN IP4 192.0.2.1", "c=IN IP6 2001:db8::1")


def line(transport: str, port: int = 4000) -> str:
    return audio("0", line=f"m=audio {port} {transport}")


CASES = [
    ("plain", HEAD + line("RTP/AVP"), None),
    ("an unknown codec alone", HEAD + audio("4"), None),
    ("plain beside encrypted", HEAD + line("RTP/SAVP") + line("RTP/AVP"), None),
    ("SDES", HEAD + line("RTP/SAVP"), Obstacle.ENCRYPTED),
    ("SDES with feedback", HEAD + line("RTP/SAVPF"), Obstacle.ENCRYPTED),
    ("DTLS", HEAD + line("UDP/TLS/RTP/SAVP"), Obstacle.ENCRYPTED),
    ("DTLS with feedback, as browsers offer", HEAD + line("udp/tls/rtp/savpf", 9),
     Obstacle.ENCRYPTED),
    ("feedback", HEAD + line("RTP/AVPF"), Obstacle.FEEDBACK),
    ("over TCP", HEAD + line("TCP/RTP/AVP"), Obstacle.TRANSPORT),
    ("IPv6", IPV6_HEAD + line("RTP/AVP"), Obstacle.IPV6),
    ("IPv6, encrypted too", IPV6_HEAD + line("RTP/SAVP"), Obstacle.ENCRYPTED),
    ("off", HEAD + line("RTP/AVP", 0), Obstacle.OFF),
    ("video alone", HEAD + audio("31", line="m=video 5000 RTP/AVP"), Obstacle.OFF),
    ("encrypted, its plain twin off", HEAD + line("RTP/AVP", 0) + line("RTP/SAVP"),
     Obstacle.ENCRYPTED),
]  # fmt: skip


@pytest.mark.parametrize(("sdp", "found"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_stands_in_the_way_is_named(sdp: str, found: Obstacle | None) -> None:
    seen = obstacle(sdp)
    assert (seen and seen[0]) == found
    assert bool(lacking(sdp)) is (found is not None)


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
