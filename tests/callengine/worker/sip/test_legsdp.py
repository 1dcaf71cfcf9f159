"""What our offers and answers say of codecs whose formats have parameters."""

import pytest

from callengine.core import sdp
from callengine.worker.sip import legsdp

PLACE = legsdp.Place(8000, "192.0.2.9")
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
OURS = HEAD + (
    "m=audio 4000 RTP/AVP 104 18 99 100 0\r\n"
    "a=rtpmap:104 iLBC/8000\r\na=fmtp:104 mode=30\r\n"
    "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n"
    "a=rtpmap:99 AMR/8000\r\na=fmtp:99 octet-align=0;mode-change-capability=2\r\n"
    "a=rtpmap:100 AMR/8000\r\na=fmtp:100 octet-align=1;mode-change-capability=2\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)
"What pjmedia writes."


def answered(name: str, *offered: tuple[int, str]) -> str:
    """Return our answer to an offer of these formats of one codec."""
    numbers = " ".join(str(number) for number, _ in offered)
    lines = [f"m=audio 5000 RTP/AVP {numbers}"]
    for number, fmtp in offered:
        lines.append(f"a=rtpmap:{number} {name}/8000")
        lines += [f"a=fmtp:{number} {fmtp}"] if fmtp else []
    remote = sdp.read_audio(HEAD + "".join(f"{line}\r\n" for line in lines))
    assert remote is not None
    answer = legsdp.answer(OURS, remote, tuple(remote.codecs), PLACE)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("fmtp", "written", "ptime"),
    [("mode=20", "mode=20", 20), ("mode=30", "mode=30", 30), ("", "mode=30", 30)],
)
def test_ilbc_is_answered_in_the_frames_it_was_offered_in(
    fmtp: str, written: str, ptime: int
) -> None:
    """RFC 3952 section 5: where both do not name 20 ms, it is 30."""
    answer = answered("iLBC", (97, fmtp))
    assert f"a=fmtp:104 {written}\r\n" in answer
    assert f"a=ptime:{ptime}\r\n" in answer


def test_ilbc_is_offered_in_its_shorter_frames() -> None:
    offer = legsdp.offer(OURS, ("ILBC", "PCMU"), PLACE)
    assert "a=fmtp:104 mode=20\r\n" in offer
    assert "a=ptime:20\r\n" in offer


@pytest.mark.parametrize("annexb", ["", "annexb=yes", "annexb=no"])
def test_g729_asks_for_no_silence_descriptions(annexb: str) -> None:
    """RFC 4856 section 2.1.9: absent means yes."""
    assert "a=fmtp:18 annexb=no\r\n" in answered("G729", (18, annexb))
    assert "a=fmtp:18 annexb=no\r\n" in legsdp.offer(OURS, ("G729",), PLACE)


def test_the_mode_set_of_an_amr_offer_is_named_in_the_answer() -> None:
    """RFC 4867 section 8.3.1: one set of modes for both ways."""
    offered = ((97, "octet-align=1;mode-set=0,2"), (98, "mode-set=7"))
    answer = answered("AMR", *offered)
    assert "a=fmtp:99 octet-align=0;mode-change-capability=2;mode-set=7\r\n" in answer
    assert "a=fmtp:100 octet-align=1;mode-change-capability=2;mode-set=0,2\r\n" in answer
    assert "mode-set" not in answered("AMR", (97, "octet-align=1"))
