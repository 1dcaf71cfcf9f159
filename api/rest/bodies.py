"""JSON of bounded size and depth, each key once, nothing that a database cannot hold."""

import json
import math
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from api.rest.errors import ApiError, Loc, refusal

MOST_BYTES = 512 * 1024
MOST_DEPTH = 32
"Objects and lists within each other."


class BoundedParser(Parser):
    """ninja's way to have bodies read."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's value. Raises ApiError."""
        return read(request.body)


def read(body: bytes) -> Any:
    """Return the value that a body holds. Raises ApiError."""
    if len(body) > MOST_BYTES:
        raise too_large()
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_constant=_no_number,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise _not_json("The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep(("body",)) from None
    except ValueError as error:
        raise _not_json(f"The body is not JSON: {error}.") from None
    _check(value)
    return value


def too_large() -> ApiError:
    """Return the refusal of a body that is too long."""
    return refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ("body",),
        "The body is too long.",
        kind="too_large",
        allowed=f"up to {MOST_BYTES} bytes",
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:100]!r} stands twice in one object")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:100]} is too large")
    return value


def _check(value: Any) -> None:
    """Raise ApiError if something is nested too deep or is text that cannot be stored."""
    left: list[tuple[Loc, Any]] = [(("body",), value)]
    while left:
        loc, value = left.pop()
        if isinstance(value, str):
            _check_text(loc, value)
        elif len(loc) > MOST_DEPTH and isinstance(value, dict | list):
            raise _too_deep(loc[:MOST_DEPTH])
        elif isinstance(value, dict):
            for name, item in value.items():
                _check_text(loc, name)
                left.append(((*loc, name), item))
        elif isinstance(value, list):
            left += [((*loc, place), item) for place, item in enumerate(value)]


def _check_text(loc: Loc, text: str) -> None:
    # Neither PostgreSQL nor UTF-8 knows them: half a character, and the end of a C string.
    if "\0" in text or (not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            loc,
            "The text holds U+0000 or half of a surrogate pair.",
            kind="text",
            allowed="Unicode text without U+0000",
        )


def _not_json(msg: str) -> ApiError:
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY, ("body",), msg, kind="json_invalid", allowed="JSON"
    )


def _too_deep(loc: Loc) -> ApiError:
    return refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        loc,
        "Too many objects and lists within each other.",
        kind="too_deep",
        allowed=f"up to {MOST_DEPTH} of them",
    )
