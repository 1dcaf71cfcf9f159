"""JSON as people type it: what is wrong, and on which line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.agents import jsontext

TOOLS = """[
  {"type": "function",
   "name": "end_call"},
  {
    "name": "look_up", "parameters": {
      "type": "object", "items": [1, [],
      {"a\\"b": null}]
    }
  }
]"""


def test_each_value_has_its_line() -> None:
    assert jsontext.lines(TOOLS) == {
        "": 1,
        "[0]": 2,
        "[0].type": 2,
        "[0].name": 3,
        "[1]": 4,
        "[1].name": 5,
        "[1].parameters": 5,
        "[1].parameters.type": 6,
        "[1].parameters.items": 6,
        "[1].parameters.items[0]": 6,
        "[1].parameters.items[1]": 6,
        "[1].parameters.items[2]": 7,
        '[1].parameters.items[2].a"b': 7,
    }


VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES, some.sampled_from([None, 0, 2]))
def test_any_json_is_walked_through_whole(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    numbers = jsontext.lines(text).values()
    assert set(numbers) <= set(range(1, text.count("\n") + 2))
    assert jsontext.read(text) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1,\n 2\n 3]", "Line 3, column 2: expecting ',' delimiter."),
        ('{"a": tru}', "Line 1, column 7: expecting value."),
        ("[" * 100_000, "It is nested too deeply."),
        ("1" * 5000, "It holds a number that is too long."),
    ],
)
def test_what_is_no_json_is_said_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(jsontext.JsonTextError) as caught:
        jsontext.read(text)
    assert str(caught.value) == sentence
