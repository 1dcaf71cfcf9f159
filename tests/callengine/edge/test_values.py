"""URIs, addresses and lists as phones write them."""

import time

import pytest

from callengine.edge.callers.invites import dialled
from callengine.edge.messages.digest import parse_answer
from callengine.edge.messages.grammar import split_quoted
from callengine.edge.messages.uris import name_addr, parse_uri, sip_uri
from callengine.edge.messages.values import parse_address, tag_of, with_tag


@pytest.mark.parametrize(
    ("text", "user", "host"),
    [
        ("sip:*21#@h", "*21#", "h"),
        ("SIP:a%20b@h:5080", "a b", "h"),
        ("tel:+1-202-555-0100", "+1-202-555-0100", ""),
        ("sip:user:pw@h;transport=tcp", "user", "h"),
        ("sip:a@h;self=1", "a", "h"),
        ("sip:j\u00fcrgen b@h", "j\u00fcrgen b", "h"),
        ("sip:bob@example.com@h", "bob@example.com", "h"),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com"),
        ("sip:a@[2001:db8::1]:5070", "a", "[2001:db8::1]"),
    ],
)
def test_uris_of_real_phones(text: str, user: str, host: str) -> None:
    uri = parse_uri(text)
    assert (uri.user, uri.host) == (user, host)


@pytest.mark.parametrize(
    ("user", "host", "name", "text"),
    [
        ("+1", "192.0.2.1", "", "<sip:+1@192.0.2.1:5060>"),
        ('j"ü b%', "::1", 'A "B" \\', '"A \\"B\\" \\\\" <sip:j%22%C3%BC%20b%25@[::1]:5060>'),
    ],
)
def test_an_address_of_ours_is_read_as_it_was_meant(
    user: str, host: str, name: str, text: str
) -> None:
    written = name_addr(name, sip_uri(user, host, 5060))
    address = parse_address(written)
    assert written == text
    assert (address.name, address.uri.user, address.uri.port) == (name, user, 5060)


@pytest.mark.parametrize("text", ["", "sip:", "sip:a@h:0", "sip:a@h:70000", "sip:a@h;=1", "x"])
def test_what_is_no_uri_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a SIP URI|port out of range"):
        parse_uri(text)


def test_quotes_and_brackets_hide_separators() -> None:
    assert split_quoted('"a,\\",b" <sip:x,y>;p=1, <sip:z>', ",") == [
        '"a,\\",b" <sip:x,y>;p=1',
        "<sip:z>",
    ]
    assert parse_address('"Smith, <A>" <sip:a@h>;tag=1').name == "Smith, <A>"


def test_hostile_headers_are_read_in_linear_time() -> None:
    started = time.thread_time()
    for evil in (
        '"' * 4000,
        "a=" + '"b",' * 900,
        "<" * 4000,
        ";" * 4000,
        "a-" * 2000,
        "%41" * 1300,
    ):
        for reader in (parse_answer, parse_uri, parse_address):
            try:
                reader("Digest " + evil if reader is parse_answer else "sip:" + evil)
            except ValueError:
                continue
    assert time.thread_time() - started < 1.0


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+1-202-555.0100@h", "+12025550100"),
        ("sip:(202)5550100;phone-context=x@h", "2025550100"),
        ("tel:+44.20", "+4420"),
        ("sip:front.desk@h", "front.desk"),
        ("sip:h", ""),
    ],
)
def test_dialled_numbers_lose_their_separators(uri: str, user: str) -> None:
    assert dialled(uri) == user


@pytest.mark.parametrize(
    ("to", "tagged"),
    [
        ("<sip:a@h>;tag=", "<sip:a@h>;tag=x"),
        ('"t;tag=n" <sip:a@h;tag=u>; Tag ;p=1', '"t;tag=n" <sip:a@h;tag=u>;p=1;tag=x'),
        ("<sip:a@h>;tag=b", "<sip:a@h>;tag=b"),
    ],
)
def test_a_tag_that_is_empty_gives_way_to_ours(to: str, tagged: str) -> None:
    """The dialog was known by none: ACK and BYE of the caller led nowhere."""
    assert with_tag(to, "x") == tagged
    assert tag_of(with_tag(to, "x"))
