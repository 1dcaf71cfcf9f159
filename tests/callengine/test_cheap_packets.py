"""One datagram from anybody may not keep the engine busy: CPU time of reading hostile text."""

import pytest

from callengine.core import peersdp, sdp
from callengine.edge.messages.received import receive
from tests.spent import cpu_s

ENOUGH_S = 0.06
"Ten times what the slowest of these takes; what grows with the square takes much longer."


def test_an_audio_line_with_thousands_of_formats_is_read_in_no_time() -> None:
    text = (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP" + " 0" * 12000 + "\r\n" + "a=rtpmap:0 PCMU/8000\r\n" * 245
    )
    assert cpu_s(lambda: peersdp.compact(text)) < ENOUGH_S
    assert sdp.offered_codecs(text) == ("PCMU",)


@pytest.mark.parametrize("value", ["a" * 4000, "a." * 2000, "<" + "a" * 4000, "a " * 2000])
def test_a_from_without_a_uri_is_refused_in_no_time(value: str) -> None:
    assert cpu_s(lambda: _parsed(value)) < 0.005
    assert _parsed(value) == "the From header cannot be read"


@pytest.mark.parametrize(
    "value", ["urn:service:sos", "<urn:uuid:1>;tag=1", '"A B" <urn:uuid:1>;tag=1', "A <x-y.z:1>"]
)
def test_another_scheme_is_no_fault_of_from(value: str) -> None:
    assert "cannot be read" not in _parsed(value)


@pytest.mark.parametrize("value", ["<sip:>", "A <sips:a@[>", "<1x:y>", "< urn:x>", "urn:"])
def test_nonsense_in_from_is(value: str) -> None:
    assert _parsed(value) == "the From header cannot be read"


def _parsed(value: str) -> str:
    text = (
        "OPTIONS sip:192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        f"From: {value}\r\nTo: <sip:192.0.2.9>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    return receive(text.encode()).problem
