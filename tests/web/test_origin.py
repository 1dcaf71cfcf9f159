"""A websocket is for pages of the very same scheme, host and port."""

import pytest

from web import origin

HTTPS = (b"x-forwarded-proto", b"https")
CASES = [
    ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
    ("http://127.0.0.1:8001", "127.0.0.1:8000", False),
    ("http://127.0.0.1", "127.0.0.1:8000", False),
    ("http://127.0.0.1:8000", "127.0.0.1", False),
    ("http://localhost", "localhost", True),
    ("http://localhost:80", "localhost", True),
    ("HTTP://LocalHost:8000", "localhost:8000", True),
    ("https://localhost", "localhost", False),
    ("http://localhost:8000", "127.0.0.1:8000", False),
    ("http://[::1]:8000", "[::1]:8000", True),
    ("http://[::1]:8001", "[::1]:8000", False),
    ("http://evil.example", "evil.example", False),
    ("http://localhost:8000@evil.example", "localhost:8000", False),
    ("http://localhost.evil.example:8000", "localhost:8000", False),
    ("http://localhost:8000/", "localhost:8000", False),
    ("http://localhost:port", "localhost:8000", False),
    ("http://localhost:99999", "localhost:99999", False),
    ("null", "localhost:8000", False),
    ("", "localhost:8000", False),
    ("http://localhost:8000", "", False),
    ("http://[", "localhost", False),
    ("ftp://localhost:80", "localhost", False),
]


def same(*headers: tuple[bytes, bytes], behind_proxy: bool = False) -> bool:
    return origin.of(headers, behind_proxy=behind_proxy).is_same


@pytest.mark.parametrize(("page", "host", "let_in"), CASES)
def test_scheme_host_and_port_count(page: str, host: str, let_in: bool) -> None:
    assert same((b"origin", page.encode()), (b"host", host.encode())) is let_in


def test_without_an_origin_nobody_is_let_in() -> None:
    assert not same((b"host", b"localhost"))


@pytest.mark.parametrize("name", [b"origin", b"host"])
def test_two_of_either_let_nobody_in(name: bytes) -> None:
    ours = ((b"origin", b"http://localhost"), (b"host", b"localhost"))
    assert same(*ours)
    assert not same(*ours, (name, dict(ours)[name]))


@pytest.mark.parametrize(
    ("page", "host", "let_in"),
    [
        ("https://localhost", "localhost", True),
        ("https://localhost:443", "localhost", True),
        ("https://localhost:8443", "localhost:8443", True),
        ("https://localhost:9443", "localhost:8443", False),
        ("http://localhost", "localhost", False),
    ],
)
def test_behind_a_proxy_it_is_what_the_browser_saw(page: str, host: str, let_in: bool) -> None:
    headers = ((b"origin", page.encode()), (b"host", host.encode()), HTTPS)
    assert same(*headers, behind_proxy=True) is let_in


def test_without_a_proxy_of_ours_nobody_tells_us_the_scheme() -> None:
    ours = ((b"origin", b"https://localhost"), (b"host", b"localhost"))
    assert not same(*ours, HTTPS)
