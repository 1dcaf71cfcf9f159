"""Typed values as plain data and back: what travels between processes, each part of it checked.

Known shapes: dataclasses (sequences in them are tuples), TypedDicts, texts, numbers, booleans,
None, literals, enums of texts, unions, lists, tuples of one kind, dicts with texts for keys. Bounds
stand in annotations: `Annotated[str, Most(20)]`, `Annotated[int, Within(0, 699)]`.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast

T = TypeVar("T")
_Check = Callable[[Any], Any]

MAX_TEXT = 16_384
"Characters of an exact text that has no bound of its own."
MAX_NUMBER = 2**53
"Of exact numbers: beyond it readers of JSON differ, and databases refuse."


@dataclass(frozen=True, slots=True)
class Most:
    """How many characters a text may have."""

    length: int


@dataclass(frozen=True, slots=True)
class Within:
    """Between which numbers one must lie; both are allowed."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A text that is a time in ISO 8601."""


IsoTime = Annotated[str, Moment()]
UnixTime = Annotated[float, Within(0, 253402300799)]
"Seconds, up to the last one of the year 9999."


class ShapeError(ValueError):
    """Data has another shape than it should; `field` says where: `call.legs[1].codec`."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field or 'it'} {what}")
        self.field = field
        self.what = what

    def inside(self, outer: str) -> "ShapeError":
        """Return the same fault, seen from the value that holds the field."""
        dot = "." if self.field and not self.field.startswith("[") else ""
        return ShapeError(f"{outer}{dot}{self.field}", self.what)


def plain(value: Any) -> Any:
    """Return a value as plain data; what is plain already is handed on, not copied."""
    kind: Any = type(value)
    if kind in _ALREADY_PLAIN:
        return value
    if (names := _names(kind)) is not None:
        fields: dict[str, Any] = {}
        for name in names:
            one = getattr(value, name)
            fields[name] = one if type(one) in _ALREADY_PLAIN else plain(one)
        return fields
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def read(shape: type[T], data: object, *, exact: bool = False) -> T:
    """Return the value that plain data stands for. Fields not known here are passed over.

    So an older process understands a newer one. A field that is missing takes its default. `exact`
    is for ends of one release, the other of which is not trusted: every field must be there and no
    other, texts and numbers are bounded and fit to be stored.

    Raises ShapeError naming the first field that is missing or of another kind.
    """
    value: T = _check(cast("Any", shape), exact)(data)
    return value


def prepare(shape: Any, *, exact: bool = False) -> None:
    """Do now, once, what the first `read` of a shape would do: a process forked later need not."""
    _check(shape, exact)


_ALREADY_PLAIN = frozenset((str, int, float, bool, type(None), list, dict))


@cache
def _names(shape: Any) -> tuple[str, ...] | None:
    """Return the fields of a dataclass; None for what is none."""
    if not dataclasses.is_dataclass(shape):
        return None
    return tuple(field.name for field in dataclasses.fields(shape))


@cache
def _check(shape: Any, exact: bool) -> _Check:
    """Return what checks, and converts, data of a shape."""
    if shape is Any or shape is object:
        return lambda data: data
    if shape in _SCALARS:
        return _exact_scalar(shape) if exact else _scalar(*_SCALARS[shape])
    if typing.is_typeddict(shape):
        return _keys(shape, exact)
    if dataclasses.is_dataclass(shape):
        return _fields(shape, exact)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return _enum(shape)
    return _check_composed(shape, exact)


def _check_composed(shape: Any, exact: bool) -> _Check:
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin in (Union, types.UnionType):
        return _union(arguments, exact)
    if origin is Literal:
        return _choice(arguments)
    if origin in (list, tuple):
        return _items(_check(arguments[0], exact), origin)
    if origin is dict:
        return _values(_check(arguments[0], exact), _check(arguments[1], exact))
    if origin is Annotated:
        inner, bound = arguments
        if inner is str and isinstance(bound, Most):
            return _text(bound, exact)
        return _bounded(_check(inner, exact), bound)
    if origin in (typing.Required, typing.NotRequired):
        return _check(arguments[0], exact)
    raise TypeError(f"data of the shape {shape} cannot be checked")


_SCALARS: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "is not a text"),
    bool: ((bool,), "is neither true nor false"),
    int: ((int,), "is not a whole number"),
    float: ((float, int), "is not a number"),
    None: ((type(None),), "is not empty"),
    type(None): ((type(None),), "is not empty"),
}


def _scalar(kinds: tuple[type, ...], complaint: str) -> _Check:
    def check(data: Any) -> Any:
        # A bool is no number here; a member of an enum of texts is a text.
        if type(data) not in kinds and not (kinds == (str,) and isinstance(data, str)):
            raise ShapeError("", complaint)
        return data

    return check


def _text(most: Most, exact: bool) -> _Check:
    """Return what checks a text with a bound of its own, which may be above MAX_TEXT."""
    return _exact_text(most.length) if exact else _bounded(_scalar(*_SCALARS[str]), most)


def _exact_scalar(shape: Any) -> _Check:
    """Return what checks a scalar that is stored: no call of another function for each."""
    if shape is str:
        return _exact_text(MAX_TEXT)
    return _exact_number(*_SCALARS[shape]) if shape in (int, float) else _scalar(*_SCALARS[shape])


def _exact_text(longest: int) -> _Check:
    def check(data: Any) -> Any:
        if not isinstance(data, str):
            raise ShapeError("", _SCALARS[str][1])
        if len(data) > longest:
            raise ShapeError("", f"has more than {longest} characters")
        if "\0" in data or (not data.isascii() and any("\ud800" <= c <= "\udfff" for c in data)):
            raise ShapeError("", "holds characters that no database stores")
        return data

    return check


def _exact_number(kinds: tuple[type, ...], complaint: str) -> _Check:
    def check(data: Any) -> Any:
        if type(data) not in kinds:  # a bool is no number here
            raise ShapeError("", complaint)
        if not -MAX_NUMBER <= data <= MAX_NUMBER:  # nor infinity, nor what is not a number
            raise ShapeError("", "is too large a number")
        return data

    return check


def _bounded(check_inner: _Check, bound: Any) -> _Check:
    def check(data: Any) -> Any:
        value = check_inner(data)
        match bound:
            case Most(length) if len(value) > length:
                raise ShapeError("", f"has more than {length} characters")
            case Within(low, high) if not low <= value <= high:
                raise ShapeError("", f"is not within {low:g} and {high:g}")
            case Moment() if not _is_time(value):
                raise ShapeError("", "is not a time")
        return value

    return check


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _choice(choices: tuple[Any, ...]) -> _Check:
    def check(data: Any) -> Any:
        if data not in choices:
            raise ShapeError("", f"is none of {', '.join(map(str, choices))}")
        return data

    return check


def _enum(shape: type[Enum]) -> _Check:
    def check(data: Any) -> Any:
        try:
            return shape(data)
        except ValueError:
            raise ShapeError("", f"is no {shape.__name__}") from None

    return check


def _union(shapes: tuple[Any, ...], exact: bool) -> _Check:
    checks = [_check(shape, exact) for shape in shapes if shape is not type(None)]
    may_be_none = len(checks) < len(shapes)

    def check(data: Any) -> Any:
        if data is None and may_be_none:
            return None
        for number, alternative in enumerate(checks, start=1):
            try:
                return alternative(data)
            except ShapeError:
                if number == len(checks):
                    raise
        return None

    return check


def _items(check_item: _Check, kind: Callable[[list[Any]], Any]) -> _Check:
    def check(data: Any) -> Any:
        if type(data) not in (list, tuple):
            raise ShapeError("", "is not a list")
        items: list[Any] = []
        try:
            for item in data:
                items.append(check_item(item))  # noqa: PERF401 (the fault's place is its length)
        except ShapeError as fault:
            raise fault.inside(f"[{len(items)}]") from None
        return items if kind is list else kind(items)

    return check


def _values(check_key: _Check, check_value: _Check) -> _Check:
    def check(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ShapeError("", "is not a mapping")
        values = {}
        for key, value in data.items():
            if type(key) is not str:
                raise ShapeError("", "has a key that is not a text")
            name = _checked(check_key, key, "a key in it")
            values[name] = _checked(check_value, value, name)
        return values

    return check


def _keys(shape: Any, exact: bool) -> _Check:
    """Check a TypedDict; it is handed on as it is."""
    hints = typing.get_type_hints(shape, include_extras=True)
    checks = {name: _check(hint, exact) for name, hint in hints.items()}
    required = shape.__required_keys__

    def check(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ShapeError("", "is not a mapping")
        if exact:
            _refuse_unknown(data, checks)
        for name, check_value in checks.items():
            if name in data:
                _checked(check_value, data[name], name)
            elif name in required:
                raise ShapeError(name, "is missing")
        return data

    return check


def _fields(shape: Any, exact: bool) -> _Check:
    hints = typing.get_type_hints(shape, include_extras=True)
    checks = {field.name: _check(hints[field.name], exact) for field in dataclasses.fields(shape)}
    optional = {
        field.name
        for field in dataclasses.fields(shape)
        if field.default is not dataclasses.MISSING
        or field.default_factory is not dataclasses.MISSING
    }

    def check(data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ShapeError("", "is not a mapping")
        if exact and len(data) != len(checks):  # else one too many is one that is missing
            _refuse_unknown(data, checks)
        values, field = {}, ""
        try:
            for name, check_value in checks.items():
                field = ""
                if name in data:
                    value, field = data[name], name
                    values[name] = check_value(value)
                elif exact or name not in optional:
                    raise ShapeError(name, "is missing")
        except ShapeError as fault:
            raise (fault.inside(field) if field else fault) from None
        return shape(**values)

    return check


def _refuse_unknown(data: Mapping[str, Any], fields: Mapping[str, _Check]) -> None:
    unknown = data.keys() - fields.keys()
    if unknown:
        raise ShapeError(str(min(unknown, key=str))[:60], "is not known")


def _checked(check: _Check, data: Any, name: str) -> Any:
    try:
        return check(data)
    except ShapeError as fault:
        raise fault.inside(name) from None
