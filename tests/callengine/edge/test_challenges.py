"""Challenges of carriers: which are answered, what pjsip is shown in their place, and the response.

The examples of -sess and auth-int are those of draft-smith-sipping-auth-examples-01, sections 3.1
to 3.6: RFC 2617 and RFC 7616 have none.
"""

import pytest

from callengine.edge.messages.challenges import Challenge, asked_for, best, read_challenge
from callengine.edge.messages.digest import parse_answer, readdress

BODY = (
    b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\n"
    b"c=IN IP4 media.biloxi.com\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    b"m=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\nm=video 53000 RTP/AVP 32\r\n"
    b"a=rtpmap:32 MPV/90000\r\n"
)
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


@pytest.mark.parametrize(
    ("asked", "told", "response"),
    [
        ("", "", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        (', qop="auth,auth-int"', ', qop="auth"', "89eb0059246c02b2f6ee02c7961d5ea3"),
        (', algorithm=MD5, qop="auth"', ', algorithm=MD5, qop="auth"',
         "89eb0059246c02b2f6ee02c7961d5ea3"),
        (', algorithm=MD5-sess, qop="auth"', ', algorithm=MD5, qop="auth"',
         "e4e4ea61d186d07a92c9e1f6919902e9"),
        (', algorithm=MD5, qop="auth-int"', ', algorithm=MD5, qop="auth"',
         "bdbeebb2da6adb6bca02599c2239e192"),
        (', algorithm=md5-SESS, qop="auth-int"', ', algorithm=MD5, qop="auth"',
         "91984da2d8663716e91554859c22ca70"),
    ],
)  # fmt: skip
def test_published_examples_are_answered_through_what_pjsip_is_shown(
    asked: str, told: str, response: str
) -> None:
    for opaque in ("", ', opaque="5ccc 0 9"', ', opaque="asked-for MD5-SESS auth"', ', opaque=""'):
        challenge = read_challenge(f'Digest realm="biloxi.com", nonce="{NONCE}"{opaque}{asked}')
        assert challenge is not None
        shown = read_challenge(challenge.told)
        assert shown is not None
        plain = challenge.is_plain
        assert told in challenge.told or not plain
        assert "auth-int" not in challenge.told.split("opaque", maxsplit=1)[0]
        counted = f', qop={shown.qop}, nc=00000001, cnonce="0a4f113b"' if shown.qop else ""
        back = "" if shown.opaque is None else f', opaque="{shown.opaque}"'
        header = (
            f'Digest username="leg", realm="biloxi.com", nonce="{NONCE}", uri="sip:T@127.0.0.1", '
            f'response="0", algorithm={shown.algorithm or "MD5"}{counted}{back}'
        )
        moved = readdress(
            header,
            username="bob",
            password="zanzibar",
            method="INVITE",
            uri="sip:bob@biloxi.com",
            body=BODY,
        )
        assert moved is not None
        answer = parse_answer(moved)
        assert answer is not None
        assert answer.response == response
        assert (answer.qop, answer.cnonce) == (challenge.qop, "0a4f113b" if challenge.qop else "")
        assert opaque == (', opaque="' + moved.split('opaque="')[1].split('"')[0] + '"'
                          if "opaque" in moved else "")  # fmt: skip


@pytest.mark.parametrize("algorithm", ["SHA-256-sess", "SHA-512-256", "sha-512-256-SESS"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_what_pjsip_does_not_know_comes_back_as_it_was_asked_for(algorithm: str, qop: str) -> None:
    challenge = read_challenge(f'Digest realm="r", nonce="n", algorithm={algorithm}, qop="{qop}"')
    assert challenge is not None
    shown = read_challenge(challenge.told)
    assert shown is not None
    assert (shown.algorithm, shown.qop) == ("MD5", "auth")
    assert asked_for(shown.opaque) == (algorithm.upper(), qop, None)


def test_what_stands_in_opaque_that_is_not_ours_is_left_alone() -> None:
    for opaque in (None, "", "asked-for", "asked-for X auth", "x asked-for MD5 auth"):
        assert asked_for(opaque) is None


def test_of_one_realm_what_pjsip_can_answer_itself_comes_first() -> None:
    plain, other = Challenge("a", "1", algorithm="MD5"), Challenge("b", "1", qop="auth-int")
    odd, again = Challenge("a", "1", algorithm="MD5-SESS"), Challenge("b", "2", qop="auth-int")
    assert best([odd, plain, other, again]) == [plain, other]
