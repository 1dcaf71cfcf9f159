"""Bodies that are read, and those that are refused before anybody looks at them."""

from typing import Any

import pytest

from api.rest.bodies import MOST_BYTES, MOST_DEPTH, read
from api.rest.errors import ApiError, Detail


def refusal(body: bytes) -> tuple[int, Detail]:
    with pytest.raises(ApiError) as raised:
        read(body)
    problems = raised.value.details
    assert isinstance(problems, list)
    (problem,) = problems
    return raised.value.status, problem


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (
            b'{"a": [1, 2.5, true, null, "\\u00e9\\ud83d\\ude00"]}',
            {"a": [1, 2.5, True, None, "é😀"]},
        ),
        (b" 7 ", 7),
        (b"[" * MOST_DEPTH + b"]" * MOST_DEPTH, None),
    ],
)
def test_json_is_read(body: bytes, value: Any) -> None:
    assert read(body) == value or value is None


@pytest.mark.parametrize(
    ("body", "kind", "loc", "word"),
    [
        (b"", "json_invalid", "body", "JSON"),
        (b"{", "json_invalid", "body", "JSON"),
        (b"name=support", "json_invalid", "body", "JSON"),
        (b"\xff\xfe", "json_invalid", "body", "UTF-8"),
        (b'"\xed\xa0\x80"', "json_invalid", "body", "UTF-8"),
        (b"\xef\xbb\xbf{}", "json_invalid", "body", "BOM"),
        (b'{"a": 1, "a": 2}', "json_invalid", "body", "twice"),
        (b'{"a": NaN}', "json_invalid", "body", "NaN"),
        (b"[-Infinity]", "json_invalid", "body", "Infinity"),
        (b"[1e999]", "json_invalid", "body", "too large"),
        (b"9" * 5000, "json_invalid", "body", "digits"),
        (b'{"a": {"b": ["\\ud800"]}}', "text", "body.a.b.0", "surrogate"),
        (b'{"a": "x\\u0000"}', "text", "body.a", "U+0000"),
        (b'{"\\u0000": 1}', "text", "body", "U+0000"),
        (b"[" * 33 + b"]" * 33, "too_deep", "body" + ".0" * 31, "within"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep", "body" + ".a" * 31, "within"),
        (b"[" * 200_000, "too_deep", "body", "within"),
    ],
)
def test_what_is_no_json_of_ours_is_refused(body: bytes, kind: str, loc: str, word: str) -> None:
    status, problem = refusal(body)
    assert (status, problem.type, ".".join(map(str, problem.loc))) == (422, kind, loc)
    assert word in problem.msg
    assert problem.allowed


def test_a_long_body_is_not_even_read() -> None:
    status, problem = refusal(b'"' + b"x" * MOST_BYTES)
    assert (status, problem.type, problem.allowed) == (
        413,
        "too_large",
        f"up to {MOST_BYTES} bytes",
    )
