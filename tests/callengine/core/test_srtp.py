"""Which keys of a description can be used, and what becomes of them on their way inward."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.core.description import read
from callengine.core.obstacles import Obstacle, obstacle
from callengine.core.peersdp import compact
from callengine.core.srtp import SUITES, CryptoLine, Profile, read_crypto, usable_crypto
from sip.srtp import Srtp
from tests.callengine.core.test_sdp import HEAD, audio

KEY_30 = base64.b64encode(bytes(range(30))).decode()
KEY_46 = base64.b64encode(bytes(range(46))).decode()
AES_80, AES_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"


@pytest.mark.parametrize(
    ("text", "suite"),
    [
        (f"crypto:1 {AES_80} inline:{KEY_30}", AES_80),
        (f"crypto:2 aes_cm_128_hmac_sha1_32 inline:{KEY_30}|2^31", "AES_CM_128_HMAC_SHA1_32"),
        (f"crypto:9 AES_256_CM_HMAC_SHA1_80 inline:{KEY_46}|1048576", "AES_256_CM_HMAC_SHA1_80"),
        (f"crypto:1 {AES_80}  inline:{KEY_30} WSH=64", AES_80),
    ],
)
def test_a_key_is_read(text: str, suite: str) -> None:
    line = read_crypto(text)
    assert isinstance(line, CryptoLine)
    assert line.suite == suite
    # Lifetime and window are left out: pjmedia reads neither.
    assert line.attribute.endswith(f"{suite} inline:{line.key}")
    assert "|" not in line.attribute


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY_30}", "F8_128_HMAC_SHA1_80 is not one of"),
        (f"crypto:1 {AES_80} inline:{KEY_46}", "not 30 bytes in base64"),
        (f"crypto:1 {AES_80} inline:{KEY_30[:-2]}==", "not 30 bytes"),
        (f"crypto:1 {AES_80} inline:{KEY_30}|2^20|1:4", "master key identifier"),
        (f"crypto:1 {AES_80} inline:{KEY_30};inline:{KEY_30}", "master key identifier"),
        (f"crypto:1 {AES_80} inline:{KEY_30} UNENCRYPTED_SRTP", "asks for UNENCRYPTED_SRTP"),
        (f"crypto:1 {AES_80} inline:{KEY_30} KDR=1", "asks for KDR"),
        (f"crypto:1 {AES_80} inline:{KEY_30} FEC_KEY=inline:{KEY_30}", "asks for FEC_KEY,"),
        (f"crypto:1 {AES_80} inline:{KEY_30} inline:{KEY_30}", "asks for a session parameter,"),
        (f"crypto:1 {AES_80} inline:{KEY_30} {KEY_30}", "asks for a session parameter,"),
        (f"crypto:1 {KEY_30} inline:{KEY_30}", "its suite is not one of AES_CM_128"),
        (f"crypto:1234567890 {AES_80} inline:{KEY_30}", "not of the form"),
        (f"crypto:1 {AES_80} inline:{KEY_30}|1:4", "master key identifier"),
        (f"crypto:1 {AES_80} uri:https://keys.example", "not of the form"),
        (f"crypto:x {AES_80} inline:{KEY_30}", "not of the form"),
        ("crypto:", "not of the form"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_in_words_without_it(text: str, why: str) -> None:
    said = read_crypto(text)
    assert isinstance(said, str)
    assert why in said
    assert KEY_30[:12].upper() not in said.upper()


@given(st.text(max_size=200), st.sampled_from(list(SUITES)))
def test_any_line_is_read_or_refused(text: str, suite: str) -> None:
    for line in (
        text,
        f"crypto:1 {suite} inline:{text}",
        f"crypto:1 {suite} inline:{KEY_30}{text}",
    ):
        found = read_crypto(line)
        if isinstance(found, CryptoLine):
            assert len(base64.b64decode(found.key)) == SUITES[found.suite]


def test_lines_are_bounded_and_a_tag_counts_once() -> None:
    one = f"crypto:1 {AES_80} inline:{KEY_30}"
    usable, refused = usable_crypto([one] * 100 + ["crypto:2 x"])
    assert len(usable) == 1
    assert refused == ()


def test_a_key_shows_in_no_repr() -> None:
    sdp = HEAD + audio("0", f"crypto:1 {AES_80} inline:{KEY_30}", line="m=audio 4000 RTP/SAVP")
    assert KEY_30 not in repr(read(sdp).media[0].crypto)


@pytest.mark.parametrize(
    ("profile", "srtp", "inward"),
    [
        ("RTP/AVP", Srtp.OFF, "RTP/AVP"),
        ("RTP/AVPF", Srtp.OFF, "RTP/AVP"),
        ("RTP/AVP", Srtp.ALLOWED, "RTP/SAVP"),
        ("RTP/SAVP", Srtp.ALLOWED, "RTP/SAVP"),
        ("RTP/SAVPF", Srtp.REQUIRED, "RTP/SAVP"),
    ],
)
def test_a_call_process_reads_one_of_two_profiles(profile: str, srtp: Srtp, inward: str) -> None:
    key = f"crypto:1 {AES_80} inline:{KEY_30}|2^20"
    offer = HEAD + audio("0", key, "rtcp-fb:* nack", line=f"m=audio 4000 {profile}")
    text = compact(offer, srtp=srtp)
    assert f"m=audio 4000 {inward} 0\r\n" in text
    assert (f"a=crypto:1 {AES_80} inline:{KEY_30}\r\n" in text) is (inward == "RTP/SAVP")
    assert "rtcp-fb" not in text


@pytest.mark.parametrize(
    ("srtp", "used"), [(Srtp.OFF, [0, 4002]), (Srtp.ALLOWED, [4000, 0]), (Srtp.REQUIRED, [4000, 0])]
)
def test_of_two_lines_the_one_that_is_wanted_is_used(srtp: Srtp, used: list[int]) -> None:
    key = f"crypto:1 {AES_80} inline:{KEY_30}"
    offer = HEAD + audio("0", key, line="m=audio 4000 RTP/SAVP")
    offer += audio("0", line="m=audio 4002 RTP/AVP")
    ports = [media.port for media in read(compact(offer, srtp=srtp)).media]
    assert ports == used


@pytest.mark.parametrize(
    ("profile", "lines", "used"),
    [
        ("RTP/SAVP", [f"2 {AES_80} inline:{KEY_30}"], 2),
        ("RTP/AVP", [f"1 {AES_80} inline:{KEY_30}", f"2 {AES_80} inline:{KEY_30}"], 1),
        ("RTP/SAVP", [f"7 {AES_80} inline:{KEY_30}", f"2 {AES_80} inline:{KEY_30}"], 2),
        ("RTP/SAVP", [f"7 {AES_80} inline:{KEY_30}"], f"its tag 7 was not offered with {AES_80}"),
        ("RTP/AVP", [f"1 {AES_32} inline:{KEY_30}"], f"its tag 1 was not offered with {AES_32}"),
        ("RTP/AVP", [f"1 {AES_80} inline:{KEY_30}|1:4"], "it names a master key identifier"),
        ("RTP/AVP", [], None),
    ],
)
def test_an_answer_has_one_key_of_those_offered(
    profile: str, lines: list[str], used: int | str | None
) -> None:
    """RFC 4568 section 5.1.2; whoever answers with another key will not send plain RTP."""
    keys = [f"crypto:{line}" for line in lines]
    answer = HEAD + audio("0", *keys, line=f"m=audio 4000 {profile}")
    offered = frozenset({(1, AES_80), (2, AES_80)})
    text = compact(answer, is_answer=True, srtp=Srtp.ALLOWED, profile=Profile.AVP, keys=offered)
    written = [line for line in text.splitlines() if line.startswith("a=crypto:")]
    if isinstance(used, str):
        assert "m=audio 0 " in text
        assert f"a=x-obstacle:NO_KEY {used}" in text
        assert not written
    else:
        assert "m=audio 4000 RTP/AVP 0" in text
        assert written == ([] if used is None else [f"a=crypto:{used} {AES_80} inline:{KEY_30}"])


def test_keys_that_answer_a_plain_offer_are_passed_over() -> None:
    answer = HEAD + audio("0", f"crypto:1 {AES_80} inline:{KEY_30}", line="m=audio 4000 RTP/AVP")
    for srtp in (Srtp.OFF, Srtp.ALLOWED):
        text = compact(answer, is_answer=True, srtp=srtp, profile=Profile.AVP, keys=frozenset())
        assert "m=audio 4000 RTP/AVP 0" in text
        assert "crypto" not in text


def test_a_key_at_session_level_is_none_and_is_said_to_be_there() -> None:
    """RFC 4568 section 4: it is of a media line."""
    offer = f"{HEAD}a=crypto:1 {AES_80} inline:{KEY_30}\r\n{audio('0', line='m=audio 4 RTP/SAVP')}"
    found = obstacle(offer, Srtp.ALLOWED)
    assert found == (Obstacle.NO_KEY, "it stands before the audio line, not below it")
