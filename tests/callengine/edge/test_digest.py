"""Digest authentication as tables: RFC 7616's own examples, nonces, counts and URIs."""

import re

import pytest

from callengine.edge.messages.digest import (
    Answer,
    Digest,
    Verdict,
    digest_response,
    parse_answer,
    uri_matches,
)
from sip.digest import digest_ha1


def answered(
    digest: Digest, now: float, *, nc: str = "00000001", qop: str = "auth", **more: str
) -> Answer:
    challenge = digest.challenges(now)[0]
    nonce = more.pop("nonce", "") or re.findall(r'nonce="([^"]+)"', challenge)[0]
    text = (
        f'Digest username="al,ice", realm="r", nonce="{nonce}", uri="sip:r", response="x", '
        f"algorithm=MD5" + (f', qop={qop}, nc={nc}, cnonce="c"' if qop else "")
    )
    answer = parse_answer(text)
    assert answer is not None
    response = digest_response(answer, ha1="h", method="REGISTER")
    right = parse_answer(text.replace('response="x"', f'response="{response}"'))
    assert right is not None
    return right


def test_rfc_7616_examples() -> None:
    for algorithm, expected in (
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        answer = parse_answer(
            'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
            f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
            'nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
            'response="0"'
        )
        assert answer is not None
        secret = digest_ha1(
            algorithm, username="Mufasa", realm="http-auth@example.org", password="Circle of Life"
        )
        assert digest_response(answer, ha1=secret, method="GET") == expected


@pytest.mark.parametrize(
    ("algorithms", "md5_only", "asked"),
    [
        (("SHA-256", "MD5"), False, ["SHA-256", "MD5"]),
        (("SHA-256", "MD5"), True, ["MD5"]),
        (("SHA-256",), True, ["SHA-256"]),
    ],
)
def test_a_user_with_an_md5_digest_alone_is_asked_for_that_where_the_settings_have_it(
    algorithms: tuple[str, ...], md5_only: bool, asked: list[str]
) -> None:
    digest = Digest(realm="r", algorithms=algorithms, lifetime_s=300, secret=b"s")
    values = digest.challenges(1000, md5_only=md5_only)
    assert [re.findall(r"algorithm=([^,]+)", value)[0] for value in values] == asked


def test_nonces_expire_are_signed_and_counted() -> None:
    digest = Digest(realm="r", algorithms=("MD5",), lifetime_s=300, secret=b"s")

    def verdict(answer: Answer, now: float, known: str | None = "h") -> Verdict:
        return digest.verify(answer, ha1=known, method="REGISTER", now=now)

    fresh = answered(digest, 1000)
    assert fresh.username == "al,ice"
    assert verdict(fresh, 1010) is Verdict.OK
    assert verdict(fresh, 1010) is Verdict.REPLAYED
    assert verdict(answered(digest, 1000), 1400) is Verdict.STALE
    assert verdict(answered(digest, 1000, nonce="3e8.aa.forged"), 1001) is Verdict.STALE
    assert verdict(answered(digest, 1000), 1001, None) is Verdict.WRONG
    assert verdict(answered(digest, 1000), 1001, "other") is Verdict.WRONG
    assert verdict(answered(digest, 1000, nc="zzzzzzzz"), 1001) is Verdict.REPLAYED
    assert verdict(answered(digest, 1000, qop="auth-int"), 1001) is Verdict.WRONG
    once = answered(digest, 1000, qop="")
    assert [verdict(once, 1001), verdict(once, 1002)] == [Verdict.OK, Verdict.REPLAYED]


@pytest.mark.parametrize(
    ("answer", "request_uri", "fits"),
    [
        ("sip:bob@h", "sip:bob@h", True),
        ("sip:h:5060", "sip:bob@h:5060", True),
        ("sip:bob@ours", "sip:bob@here", True),
        ("sip:eve@h", "sip:bob@h", False),
        ("sip:bob@foreign", "sip:bob@h", False),
        ("nonsense", "sip:bob@h", False),
    ],
)
def test_digest_uri(answer: str, request_uri: str, fits: bool) -> None:
    assert uri_matches(answer, request_uri, lambda host: host in ("ours", "here")) is fits
