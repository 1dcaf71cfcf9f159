"""SIP messages: what is parsed and what is rendered are the same message."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.edge.messages.message import MalformedError, Message, parse, render
from tests.callengine.edge.torture import MESSAGES

TOKEN = st.text(string.ascii_letters + string.digits + "-.!%*_+`'~", min_size=1, max_size=20)
NAMES = ("via", "from", "to", "call-id", "cseq", "contact", "www-authenticate", "x-anything")
NAME = st.sampled_from(NAMES) | TOKEN.map(str.lower).filter(
    lambda name: len(name) > 1 and name != "content-length"
)
VALUE = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp", "Zs"), whitelist_characters=" \t"),
    max_size=60,
).map(str.strip)
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=12)
URI = st.text(string.ascii_letters + string.digits + "@:;=.+-?&[]", min_size=1, max_size=40)
PHRASE = st.text(st.characters(whitelist_categories=("L", "N", "P"), whitelist_characters=" "))
MESSAGE = st.builds(
    Message.request, TOKEN.filter(lambda m: m.upper() != "SIP/2.0"), URI, HEADERS, st.binary()
) | st.builds(
    Message.response, st.integers(100, 699), PHRASE.map(lambda p: p[:128]), HEADERS, st.binary()
)

ROUGH = st.lists(
    st.sampled_from(
        [
            "INVITE sip:bob@example.net SIP/2.0",
            "SIP/2.0 486 Busy  Here",
            "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
            "VIA :SIP/2.0/TCP h ,  SIP/2.0/UDP i;branch=z9hG4bK2",
            "f: <sip:alice@example.net>;tag=1",
            'm: "A \\"B\\"" <sip:a@h>, <sip:c@h>;q=0.1',
            "Subject: a",
            "\tlong  one ",
            " ",
            "l: 3",
            "Content-Length: 3",
            "content-LENGTH: x",
            "no name",
            "Odd\x01: x",
            "i:1",
            "CSeq: 1 INVITE",
            "T: \udc80\u00e9 <sip:b@h>",
            "",
            "abcdef",
        ]
    ),
    min_size=1,
    max_size=14,
).map(lambda lines: "\r\n".join(lines).encode("utf-8", "surrogateescape"))


@given(MESSAGE)
def test_what_is_rendered_parses_to_the_same_message(message: Message) -> None:
    assert parse(render(message)) == message


def same_rendered_twice(data: bytes) -> None:
    try:
        message = parse(data)
    except MalformedError:
        return
    if message.problem:
        return
    canonical = render(message)
    assert parse(canonical) == message
    assert render(parse(canonical)) == canonical


@given(ROUGH)
def test_what_is_parsed_renders_to_its_canonical_form(data: bytes) -> None:
    same_rendered_twice(data)


@given(st.binary())
def test_no_bytes_at_all_make_it_fail(data: bytes) -> None:
    same_rendered_twice(b"SIP/2.0 200 OK\r\n" + data)


@given(ROUGH)
def test_a_message_is_read_at_once_as_line_by_line(data: bytes) -> None:
    """Below the limit as a whole no line of it is measured; above it each is."""
    data = b"OPTIONS sip:a@h SIP/2.0\r\nSubject: x\r\n" + data
    head = data.partition(b"\r\n\r\n")[0]
    assert parse(data, max_line_bytes=len(head) - 1) == parse(data, max_line_bytes=len(head))


def test_one_line_with_a_control_character_is_left_out() -> None:
    message = parse(b"OPTIONS sip:a@h SIP/2.0\r\nVia: a\r\nTo: b\x01\r\nFrom: c\r\n\r\n")
    assert message.headers == {"via": ["a"], "from": ["c"]}
    assert message.problem == "a header line holds control characters"


def test_messages_meant_to_torture_keep_their_meaning() -> None:
    broken = {"bigcode"}  # its status code has ten digits
    sound = [parse(data) for name, data in MESSAGES.items() if name not in broken]
    sound = [message for message in sound if not message.problem]
    assert len(sound) == 40
    for message in sound:
        assert parse(render(message)) == message


def test_the_canonical_form_has_full_names_and_one_length() -> None:
    data = b"OPTIONS sip:a@h SIP/2.0\r\nv:x\r\nL :2\r\nsubject: a\r\n b\r\nV: y\r\n\r\nhello"
    assert render(parse(data)) == (
        b"OPTIONS sip:a@h SIP/2.0\r\nVia: x\r\nVia: y\r\nSubject: a b\r\n"
        b"Content-Length: 2\r\n\r\nhe"
    )


@pytest.mark.parametrize(
    ("tail", "body", "problem"),
    [
        (b"l: 4\r\n\r\nbody", b"body", ""),
        (b"l: 2\r\n\r\nbody", b"bo", ""),
        (b"\r\nbody", b"body", ""),
        (b"l: 5\r\n\r\nbody", b"", "the body is shorter than its Content-Length"),
        (b"l: -1\r\n\r\nbody", b"", "the Content-Length is not a number"),
        (b"l: 2\r\nl: 2\r\n\r\nbody", b"bo", "the Content-Length header comes twice"),
    ],
)
def test_a_body_ends_where_its_length_says(tail: bytes, body: bytes, problem: str) -> None:
    message = parse(b"OPTIONS sip:a@h SIP/2.0\r\n" + tail)
    assert (message.body, message.problem) == (body, problem)
