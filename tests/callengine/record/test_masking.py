"""No secret of a SIP message is stored or shown, and what people need of it is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callengine.record.masking import MASK, MAX_BYTES, masked, without_passwords
from tests.spent import cpu_s

SECRET = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=12, max_size=40).map("Zq9".__add__)
HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1",
    'From: "Bob" <sip:bob@127.0.0.1>;tag=1',
    "To: <sip:alice@127.0.0.1>",
    "Call-ID: 1@127.0.0.1",
)
SDP = (
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    "m=audio 4000 RTP/AVP 9 0",
    "a=rtpmap:9 G722/8000",
)


def message(*headers: str, method: str = "INVITE", body: str = "", kind: str = "") -> bytes:
    lines = [f"{method} sip:alice@127.0.0.1 SIP/2.0", *HEAD, f"CSeq: 7 {method}", *headers]
    if kind:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def described(*lines: str) -> bytes:
    body = "".join(f"{line}\r\n" for line in (*SDP, *lines))
    return message(kind="application/sdp", body=body)


CARRIERS = [
    'Authorization: Digest username="bob", realm="here", nonce="{}", uri="sip:a@b", response="x"',
    'Authorization: Digest username="bob", response={}, nonce="n"',
    'Authorization: Digest username="bob",\r\n\tresponse="{}"',
    'authorization:Digest username="bob",cnonce="{}"',
    'Authorization : Digest opaque = "{}" , qop=auth',
    'Proxy-Authorization: Digest username="bob", response="{}", algorithm=SHA-256',
    'WWW-Authenticate: Digest realm="here", nonce="{}", qop="auth"',
    'Proxy-Authenticate: Digest realm="here", opaque="{}"',
    'WWW-Authenticate: Digest realm="a\\"b", nonce="{}"',
    'Authorization: Digest username="unclosed, response="{}"',
    'Authorization: Digest username="bob, response={}", realm="x"',
    "Authorization: Basic {}",
    "Authorization: {}",
    "Authorization: Bearer {}",
    'Authorization: Digest realm="a", Digest nonce="{}"',
    'Authentication-Info: nextnonce="{}"',
    'Proxy-Authentication-Info: rspauth="{}"',
    "X-Api-Key: {}",
    "X-Access-Token: {}",
    "Cookie: session={}",
    "P-Password: {}",
    "Contact: <sip:bob:{}@127.0.0.1>",
    'Contact: "Bob" <sips:bob:{}@127.0.0.1;transport=tls>;q=1',
    "Contact: <sip:bob:{}@with@127.0.0.1>",
    "Route: <SIP:bob:{}@127.0.0.1;lr>, <sip:eve:{}@127.0.0.2>",
    "Call-Info: <https://bob:{}@127.0.0.1/picture>;purpose=icon",
    "Refer-To: <sip:carol@127.0.0.1?Authorization={}&Subject=x>",
    "Refer-To: <sip:carol@127.0.0.1?x=1&X-Auth-Token={}>",
    "Alert-Info: <http://127.0.0.1/ring?token={}>",
]


@pytest.mark.parametrize("carrier", CARRIERS)
@settings(max_examples=25)
@given(secret=SECRET)
def test_no_secret_in_a_header_survives(carrier: str, secret: str) -> None:
    seen = masked(message(carrier.replace("{}", secret)))
    assert secret not in seen.text
    assert secret not in seen.summary
    assert secret not in "".join(seen.identity)
    assert MASK in seen.text
    assert seen.summary == "INVITE sip:alice@127.0.0.1"


@pytest.mark.parametrize(
    "line",
    [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}|2^20|1:4",
        "a=crypto:{}",
        "a=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}",
        "a=key-mgmt:mikey {}",
        "a=ice-pwd:{}",
        "k=base64:{}",
        "k=clear:{}",
        "u=http://bob:{}@127.0.0.1/",
    ],
)
@settings(max_examples=25)
@given(secret=SECRET)
def test_no_key_in_a_description_survives(line: str, secret: str) -> None:
    seen = masked(described(line.replace("{}", secret), "a=sendrecv"))
    assert secret not in seen.text
    assert seen.codecs == ("G722", "PCMU")
    assert seen.text.endswith("a=sendrecv")


@given(secret=SECRET)
def test_a_line_that_is_not_sdp_is_cut(secret: str) -> None:
    assert secret not in masked(described(secret, "a=sendrecv")).text


@pytest.mark.parametrize("kind", ["application/dtmf-relay", "application/dtmf", "text/plain", ""])
@given(secret=SECRET)
def test_bodies_that_are_not_sdp_are_cut(kind: str, secret: str) -> None:
    seen = masked(message(method="INFO", kind=kind, body=f"Signal={secret}\r\n"))
    assert secret not in seen.text
    assert "not kept" in seen.text


@given(digits=SECRET)
def test_pressed_keys_are_cut_even_where_they_claim_to_be_sdp(digits: str) -> None:
    body = f"v=0\r\ns={digits}\r\n"
    assert digits not in masked(message(method="INFO", kind="application/sdp", body=body)).text


@given(secret=SECRET)
def test_the_request_line_holds_no_password(secret: str) -> None:
    data = message().replace(b"INVITE sip:alice@", f"INVITE sip:alice:{secret}@".encode())
    seen = masked(data)
    assert secret not in seen.text + seen.summary + "".join(seen.identity)
    assert seen.summary == f"INVITE sip:alice:{MASK}@127.0.0.1"


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r"])
@given(secret=SECRET)
def test_other_line_breaks_hide_nothing(breaks: str, secret: str) -> None:
    text = described(f"a=ice-pwd:{secret}").decode().replace(
        "CSeq", f'Authorization: Digest nonce="{secret}"\r\nCSeq'
    )  # fmt: skip
    assert secret not in masked(text.replace("\r\n", breaks).encode()).text


@given(data=st.binary(max_size=400), cut=st.integers(0, 500))
def test_nothing_that_arrives_raises(data: bytes, cut: int) -> None:
    whole = described("a=sendrecv")
    for text in (data, whole[:cut] + data, whole[:cut] + data + whole[cut:]):
        seen = masked(text)
        assert len(seen.text) <= 3 * MAX_BYTES
        assert isinstance(seen.codecs, tuple)


@given(secret=SECRET, cut=st.integers(40, 600))
def test_a_message_cut_anywhere_still_hides_its_secret(secret: str, cut: int) -> None:
    carrier = f'Authorization: Digest username="bob", nonce="{secret}", response="{secret}"'
    data = message(carrier)
    text = masked(data[:cut]).text
    # Every prefix of it that could be cut off.
    assert secret[:6] not in text


def test_what_a_person_needs_stays() -> None:
    carrier = (
        'Authorization: Digest username="bob", realm="here", nonce="n", algorithm=MD5, qop=auth'
    )
    seen = masked(message(carrier, "User-Agent: Phone 1"))
    assert 'Digest username="bob", realm="here", nonce=***, algorithm=MD5, qop=auth' in seen.text
    assert "User-Agent: Phone 1" in seen.text
    assert 'From: "Bob" <sip:bob@127.0.0.1>;tag=1' in seen.text
    assert seen.cseq == "7 INVITE"
    key = masked(described("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc")).text
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 ***" in key


@pytest.mark.parametrize("word", ["passw", "PaSsW", "pa\u017f\u017fw", "Key", "\u212aey"])
def test_a_secret_of_a_description_may_be_written_in_any_letters(word: str) -> None:
    """The long s and the sign of Kelvin are small letters to whoever compares without case."""
    assert "hunter2" not in masked(described(f"a={word}:hunter2")).text


def test_a_long_message_is_cut_and_says_so() -> None:
    seen = masked(message(*(f"X-Filler: {'x' * 1000}" for _ in range(40))))
    assert len(seen.text) < MAX_BYTES + 200
    assert "not kept" in seen.text


def test_a_retransmission_has_the_same_identity_and_the_next_request_another() -> None:
    once = masked(message())
    assert once.identity == masked(message("Date: later")).identity
    challenged = message().replace(b"z9hG4bK1", b"z9hG4bK2")
    assert once.identity != masked(challenged).identity
    assert once.identity != masked(described()).identity


def test_a_response_is_named_by_code_and_phrase() -> None:
    data = message().replace(b"INVITE sip:alice@127.0.0.1 SIP/2.0", b"SIP/2.0 180 Ringing")
    assert masked(data).summary == "180 Ringing"


@pytest.mark.parametrize(
    "value",
    [
        "@" + "sip:" * 2000,
        "a://@ " + "a." * 4000,
        "a://@ " + "a://" * 2000,
        "?" + "auth" * 2000,
        "&a?b" * 2000,
        "sip:a?" + "token" * 1600 + "?x",
    ],
)
def test_what_a_peer_writes_cannot_make_masking_slow(value: str) -> None:
    # While a pattern is matched no other thread runs, the one with all calls included.
    assert cpu_s(lambda: masked(message(f"Subject: {value}"))) < 0.04


def test_a_credential_cannot_make_masking_slow() -> None:
    written = message(f'Authorization: Digest username="{"passw" * 1500}"')
    assert cpu_s(lambda: masked(written)) < 0.04


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("sip:a:b@c", "sip:a:***@c"),
        ("<sips:a:b@c@d> sip:e:f@g", "<sips:a:***@d> sip:e:***@g"),
        ("xsip:a:b@c", "xsip:a:b@c"),
        ("sip:a@b:5060", "sip:a@b:5060"),
        ('"sip:sip:x@y"', '"sip:sip:***@y"'),
        ("http://a:b@c/d@e", "http://***@c/d@e"),
        ("ws://a@b@c ftp://d", "ws://***@c ftp://d"),
        ("sip:a@b?x=1&Auth-Token=2;3&y=4", "sip:a@b?x=1&Auth-Token=***&y=4"),
        ("a?x=b?token=c?d", "a?x=b?token=***"),
        ("a?token b=c", "a?token b=c"),
        # Who calls this Contact of ours is taken for the carrier, with no other proof.
        (f"INVITE sip:trunk-{'0af1' * 6}@us SIP/2.0", "INVITE sip:trunk-***@us SIP/2.0"),
        ("sip:trunk-north@us", "sip:trunk-north@us"),
    ],
)
def test_passwords_are_masked_wherever_a_uri_holds_them(text: str, seen: str) -> None:
    assert without_passwords(text) == seen


KEY_AND_SALT = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CB"


@pytest.mark.parametrize(
    "line",
    [
        "a=cr ypto:1 AES_CM_128_HMAC_SHA1_80 inl ine:{}",
        "a=x-unknown:{}|2^20|1:4",
        "m=audio 4000 RTP/SAV:{}",
    ],
)
def test_a_key_whose_attribute_is_damaged_is_not_kept(line: str) -> None:
    text = masked(described(line.format(KEY_AND_SALT))).text
    assert KEY_AND_SALT not in text
    assert "a=rtpmap:9 G722/8000" in text


@pytest.mark.parametrize(
    "line",
    [
        "_SHA1_80 inline:{}",
        "to:1 AES_CM_128_HMAC_SHA1_80 inline:{}",
        "ine:{}",
        "X-Odd: crypto {}",
        "{}",
    ],
)
def test_a_key_that_has_got_among_the_headers_is_not_kept(line: str) -> None:
    text = masked(message(line.format(KEY_AND_SALT))).text
    assert KEY_AND_SALT not in text
    assert all(header in text for header in HEAD)


def test_what_says_which_call_it_is_stays_however_long() -> None:
    tag = "t" * 64
    text = masked(message(f"Contact: <sip:{tag}@127.0.0.1>", f"Replaces: {tag};to-tag={tag}")).text
    assert text.count(tag) == 3
