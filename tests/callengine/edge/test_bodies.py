"""The one way a session description is found in a body: a table of wrappings, and hostile ones."""

import time
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callengine.edge.messages.bodies import MAX_DEPTH, MAX_PARTS, find_sdp

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4 RTP/AVP 0\r\n"
)
OTHER = SDP.replace(b"audio 4 ", b"audio 6 ")
ISUP = b"\x01\x00\x49\x00\x00\x03\x02"


def part(content: bytes, *headers: str) -> bytes:
    return "".join(f"{h}\r\n" for h in headers).encode() + b"\r\n" + content


def multi(*parts: bytes, boundary: str = "b1") -> bytes:
    lines = b"".join(f"--{boundary}\r\n".encode() + content + b"\r\n" for content in parts)
    return lines + f"--{boundary}--\r\n".encode()


SDP_PART = part(SDP, "Content-Type: application/sdp")
TYPE = "multipart/mixed;boundary=b1"

WRAPPINGS = [
    ("plain", "application/sdp", "", SDP),
    ("plain, in other letters", "Application/SDP ; charset=UTF-8", "", SDP),
    ("spaces around the slash", "application / sdp", "Session;handling=Required", SDP),
    ("no type at all", "", "", SDP),
    ("mixed", TYPE, "", multi(SDP_PART)),
    (
        "mixed in other letters, quoted boundary",
        'Multipart/MIXED; Boundary="b1"',
        "",
        multi(SDP_PART),
    ),
    (
        "a boundary with a semicolon",
        'multipart/mixed;boundary="b;1"',
        "",
        multi(SDP_PART, boundary="b;1"),
    ),
    ("a preamble and an epilogue", TYPE, "", b"hello --b1\r\n" + multi(SDP_PART) + b"--b1\r\nbye"),
    ("no last boundary", TYPE, "", multi(SDP_PART).removesuffix(b"\r\n--b1--\r\n")),
    ("line feeds alone", TYPE, "", multi(SDP_PART).replace(b"\r\n", b"\n")),
    ("padding after the boundary", TYPE, "", multi(SDP_PART).replace(b"--b1\r\n", b"--b1 \t\r\n")),
    (
        "its own length",
        TYPE,
        "",
        multi(part(SDP, "content-LENGTH: 9", "CONTENT-type:application/sdp")),
    ),
    ("a folded field", TYPE, "", multi(part(SDP, "Content-Type:", " application/sdp"))),
    (
        "a boundary that begins another",
        TYPE,
        "",
        multi(part(SDP + b"--b12\r\n", "Content-Type: application/sdp")),
    ),
    (
        "ISUP that may be ignored",
        TYPE,
        "",
        multi(
            part(
                ISUP,
                "Content-Type: application/ISUP;version=itu",
                "Content-Disposition: signal;handling=optional",
            ),
            SDP_PART,
        ),
    ),
    (
        "ISUP that says nothing",
        TYPE,
        "",
        multi(part(ISUP, "Content-Type: application/ISUP"), SDP_PART),
    ),
    ("text without a type", TYPE, "", multi(part(b"hello"), SDP_PART)),
    ("a subtype nobody knows", "multipart/x-new;boundary=b1", "", multi(SDP_PART)),
    (
        "alternative, richer one not understood",
        "multipart/alternative;boundary=b1",
        "",
        multi(
            SDP_PART,
            part(
                b"x",
                "Content-Type: application/new",
                "Content-Disposition: session;handling=required",
            ),
        ),
    ),
    (
        "related, by its start",
        'multipart/related;boundary=b1;start="<2>"',
        "",
        multi(
            part(b"x", "Content-Type: image/png"),
            part(SDP, "Content-ID: <2>", "Content-Type: application/sdp"),
        ),
    ),
    (
        "related, root first",
        "multipart/related;boundary=b1",
        "",
        multi(SDP_PART, part(OTHER, "Content-Type: application/sdp")),
    ),
    (
        "base64",
        TYPE,
        "",
        multi(
            part(
                encodebytes(SDP),
                "Content-Type: application/sdp",
                "Content-Transfer-Encoding: BASE64",
            )
        ),
    ),
    (
        "nested",
        TYPE,
        "",
        multi(
            part(multi(SDP_PART, boundary="b2"), "Content-Type: multipart/alternative; boundary=b2")
        ),
    ),
    (
        "nested, inner one without an end",
        TYPE,
        "",
        multi(
            part(
                multi(SDP_PART, boundary="b12").removesuffix(b"\r\n--b12--\r\n"),
                "Content-Type: multipart/mixed; boundary=b12",
            )
        ),
    ),
    (
        "early media's own description beside it",
        TYPE,
        "",
        multi(
            part(
                OTHER,
                "Content-Type: application/sdp",
                "Content-Disposition: early-session;handling=optional",
            ),
            SDP_PART,
        ),
    ),
]


@pytest.mark.parametrize(
    ("content_type", "disposition", "body"),
    [w[1:] for w in WRAPPINGS],
    ids=[w[0] for w in WRAPPINGS],
)
def test_the_description_is_found(content_type: str, disposition: str, body: bytes) -> None:
    found = find_sdp(content_type, disposition, body)
    assert (found.code, found.reason, found.must_refuse) == (0, "", False)
    assert found.sdp is not None
    wanted = SDP.replace(b"\r\n", b"\n").rstrip(b"\n")
    assert found.sdp.replace(b"\r\n", b"\n").startswith(wanted)


IGNORED = [
    ("nothing", "application/sdp", "", b""),
    ("empty lines", "application/sdp", "", b"\r\n\r\n"),
    ("a body that may be ignored", "application/x-private", "render;handling=optional", b"x"),
    ("handling in other letters and quotes", "text/plain", 'x; Handling = "OPTIONAL"', b"x"),
    (
        "a whole multipart that may be ignored",
        TYPE,
        "render;handling=optional",
        multi(part(b"x", "Content-Type: a/b")),
    ),
    (
        "parts that may all be ignored",
        TYPE,
        "",
        multi(part(b"x", "Content-Type: a/b", "Content-Disposition: render;handling=optional")),
    ),
]


@pytest.mark.parametrize(
    ("content_type", "disposition", "body"), [w[1:] for w in IGNORED], ids=[w[0] for w in IGNORED]
)
def test_what_may_be_ignored_is(content_type: str, disposition: str, body: bytes) -> None:
    assert find_sdp(content_type, disposition, body) == find_sdp("", "", b"")


REFUSED = [
    ("another kind", 415, "text/plain", "", b"hello"),
    ("another kind, required", 415, "text/plain", "render;handling=required", b"hello"),
    ("no type and no description", 415, "", "", b"hello"),
    ("a description of something else", 415, "application/sdp", "early-session", SDP),
    ("parts of other kinds", 415, TYPE, "", multi(part(b"x", "Content-Type: a/b"))),
    (
        "a required part beside",
        415,
        TYPE,
        "",
        multi(
            SDP_PART,
            part(b"x", "Content-Type: a/b", "Content-Disposition: render;handling=required"),
        ),
    ),
    (
        "a required part nested beside",
        415,
        TYPE,
        "",
        multi(
            SDP_PART,
            part(
                multi(part(b"x", "Content-Type: a/b"), boundary="b2"),
                "Content-Type: multipart/mixed;boundary=b2",
                "Content-Disposition: x;handling=required",
            ),
        ),
    ),
    (
        "compressed",
        415,
        TYPE,
        "",
        multi(part(SDP, "Content-Type: application/sdp", "Content-Encoding: gzip")),
    ),
    ("no boundary", 400, "multipart/mixed", "", multi(SDP_PART)),
    ("an endless boundary", 400, "multipart/mixed;boundary=" + "b" * 71, "", multi(SDP_PART)),
    ("another boundary", 400, "multipart/mixed;boundary=b2", "", multi(SDP_PART)),
    (
        "bad base64",
        400,
        TYPE,
        "",
        multi(part(b"a", "Content-Type: application/sdp", "Content-Transfer-Encoding: base64")),
    ),
    ("too many parts", 413, TYPE, "", multi(*[SDP_PART] * (MAX_PARTS + 1))),
    (
        "a part's endless header",
        413,
        TYPE,
        "",
        multi(part(SDP, "Content-Type: application/sdp", "X: " + "x" * 5000)),
    ),
    ("too long", 413, "application/sdp", "", SDP + b"a=x\r\n" * 20_000),
]


@pytest.mark.parametrize(
    ("code", "content_type", "disposition", "body"),
    [r[1:] for r in REFUSED],
    ids=[r[0] for r in REFUSED],
)
def test_what_cannot_be_done_without_is_refused_with_a_sentence(
    code: int, content_type: str, disposition: str, body: bytes
) -> None:
    found = find_sdp(content_type, disposition, body)
    assert (found.code, found.sdp, found.must_refuse) == (code, None, True)
    assert found.reason[0].isupper()
    assert found.reason.endswith(".")


def test_nesting_is_bounded() -> None:
    body, kind = SDP, "application/sdp"
    for level in range(MAX_DEPTH + 1):
        body = multi(part(body, f"Content-Type: {kind}"), boundary=f"l{level}")
        kind = f"multipart/mixed;boundary=l{level}"
    assert find_sdp(kind, "", body).code == 413


SIZE = 60_000


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (TYPE, b"--b1" * (SIZE // 4)),
        (TYPE, b"\n--b1 x" * (SIZE // 7)),
        (TYPE, b"--b1\r\n" * (SIZE // 6)),
        ("multipart/mixed;boundary=" + "-" * 70, b"-" * SIZE),
        (TYPE, b"--b1\r\n" + b"a:\r\n" * (SIZE // 4)),
        ("multipart/mixed;" + ";" * SIZE, multi(SDP_PART)),
        ("multipart/mixed;boundary=" + '"\\' * SIZE, multi(SDP_PART)),
    ],
)
def test_hostile_bodies_cost_little(content_type: str, body: bytes) -> None:
    spent = min(_spent_s(content_type, body) for _ in range(3))
    assert spent < 0.02


def _spent_s(content_type: str, body: bytes) -> float:
    started = time.process_time()
    find_sdp(content_type, "", body)
    return time.process_time() - started


PIECES = st.sampled_from(
    [SDP, b"--b1", b"--", b"\r\n", b"\n", b" ", b"Content-Type: ", b"b1", TYPE.encode(), b"x"]
)


@given(st.lists(PIECES | st.binary(max_size=20), max_size=40), st.text(max_size=40))
def test_no_body_breaks_the_search(pieces: list[bytes], disposition: str) -> None:
    found = find_sdp(TYPE, disposition, b"".join(pieces))
    assert found.sdp is None or not found.must_refuse


def test_a_description_for_another_purpose_is_named_so() -> None:
    found = find_sdp("application/sdp", "early-session;handling=required", SDP)
    assert "application/sdp as early-session" in found.reason
