"""JSON as a person types it, and on which line each part of it stands. Pure."""

import json
from bisect import bisect_right
from typing import Any


class JsonTextError(ValueError):
    """A text that is not JSON; the message names line and column."""


def read(text: str) -> Any:
    """Return what a JSON text holds. Raises JsonTextError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"Line {error.lineno}, column {error.colno}"
        raise JsonTextError(f"{where}: {error.msg[0].lower()}{error.msg[1:]}.") from error
    except RecursionError as error:
        raise JsonTextError("It is nested too deeply.") from error
    except ValueError as error:  # a number of thousands of digits
        raise JsonTextError("It holds a number that is too long.") from error


def lines(text: str) -> dict[str, int]:
    """Return the line of each value of a JSON text that `read` takes, from 1.

    The keys are ways to the values: `[1].parameters.type`; the whole is the empty one.
    """
    walk = _Walk(text)
    walk.value(0, "")
    return walk.lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[str, int] = {}
        self._starts = [at + 1 for at, sign in enumerate(text) if sign == "\n"]
        self._decoder = json.JSONDecoder()

    def value(self, at: int, way: str) -> int:
        """Note where the value at `at` and those in it stand; return where it ends."""
        at = self._next(at)
        self.lines[way] = bisect_right(self._starts, at) + 1
        if self.text[at] in "[{" and self.text[after := self._next(at + 1)] in "]}":
            return after + 1
        if self.text[at] == "{":
            return self._object(at, way)
        if self.text[at] == "[":
            return self._array(at, way)
        end: int = self._decoder.raw_decode(self.text, at)[1]
        return end

    def _object(self, at: int, way: str) -> int:
        while self.text[at] != "}":
            key, at = self._decoder.raw_decode(self.text, self._next(at + 1))
            colon = self._next(at)
            at = self._next(self.value(colon + 1, f"{way}.{key}"))
        return at + 1

    def _array(self, at: int, way: str) -> int:
        index = 0
        while self.text[at] != "]":
            at = self._next(self.value(at + 1, f"{way}[{index}]"))
            index += 1
        return at + 1

    def _next(self, at: int) -> int:
        while self.text[at] in " \t\r\n":
            at += 1
        return at
