"""Typed values become plain data and back, and what has another shape is refused by its field."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

import pytest

from callengine.core.shapes import MAX_TEXT, Most, ShapeError, plain, read


class Tone(Enum):
    HIGH = "high"
    LOW = "low"


class Row(TypedDict):
    name: str
    score: float | None
    note: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Inner:
    host: str
    port: int = 5060


@dataclass(frozen=True, slots=True)
class Outer:
    kind: Literal["one", "two"]
    inner: Inner
    many: tuple[Inner, ...]
    rows: list[Row]
    by_name: dict[str, Row]
    codecs: tuple[str, ...] | None = None
    is_on: bool = True
    more: dict[str, Any] | None = None


VALUE = Outer(
    kind="one",
    inner=Inner("a", 1),
    many=(Inner("b"), Inner("c", 3)),
    rows=[{"name": "x", "score": 1.5}],
    by_name={"y": {"name": "y", "score": None, "note": "n"}},
    codecs=("PCMU", "G722"),
)


def test_a_value_comes_back_as_it_was() -> None:
    assert read(Outer, plain(VALUE)) == VALUE


def test_plain_rows_are_handed_on_uncopied() -> None:
    assert plain(VALUE)["rows"] is VALUE.rows


def test_what_is_missing_takes_its_default_and_what_is_unknown_is_passed_over() -> None:
    assert read(Inner, {"host": "a", "new": 1}) == Inner("a", 5060)


def test_a_texts_own_bound_may_be_above_the_one_of_all_others() -> None:
    long = "x" * (MAX_TEXT + 1)
    assert read(cast("type[str]", Annotated[str, Most(MAX_TEXT + 1)]), long, exact=True) == long
    with pytest.raises(ShapeError, match=f"more than {MAX_TEXT} characters"):
        read(str, long, exact=True)


def test_an_enum_comes_back_by_its_value() -> None:
    assert read(Tone, "low") is Tone.LOW


def without(name: str) -> dict[str, Any]:
    data = plain(VALUE)
    del data[name]
    return data  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], ""),
        (without("kind"), "kind"),
        (without("inner"), "inner"),
        ({**plain(VALUE), "kind": "three"}, "kind"),
        ({**plain(VALUE), "inner": {"port": 1}}, "inner.host"),
        ({**plain(VALUE), "inner": {"host": "a", "port": True}}, "inner.port"),
        ({**plain(VALUE), "many": [{"host": "a"}, {"host": None}]}, "many[1].host"),
        ({**plain(VALUE), "many": {"host": "a"}}, "many"),
        ({**plain(VALUE), "rows": [{"name": "x", "score": "1"}]}, "rows[0].score"),
        ({**plain(VALUE), "rows": [{"name": "x"}]}, "rows[0].score"),
        ({**plain(VALUE), "by_name": {"z": {"name": 1, "score": 1}}}, "by_name.z.name"),
        ({**plain(VALUE), "by_name": {1: {"name": "1", "score": 1}}}, "by_name"),
        ({**plain(VALUE), "codecs": "PCMU"}, "codecs"),
        ({**plain(VALUE), "codecs": [None]}, "codecs[0]"),
        ({**plain(VALUE), "is_on": 1}, "is_on"),
        ({**plain(VALUE), "more": []}, "more"),
    ],
)
def test_another_shape_is_refused_by_its_field(data: Any, field: str) -> None:
    with pytest.raises(ShapeError) as refused:
        read(Outer, data)
    assert refused.value.field == field
    assert str(refused.value).startswith(field or "it")


def test_a_shape_nobody_can_check_is_our_own_mistake() -> None:
    with pytest.raises(TypeError):
        read(set, set())
