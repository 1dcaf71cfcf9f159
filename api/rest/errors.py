"""What is wrong with a request, in one shape: `{"detail": [{loc, msg, type, value, allowed}]}`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from api.rest.schema import Strict

LONGEST_VALUE = 200
"Characters of a value that an error repeats."
MOST = 50
"Things wrong with one request that are named."
HIDDEN = "***"

Loc = tuple[str | int, ...]


class Detail(Strict):
    """One thing that is wrong."""

    loc: list[str | int]
    "The way to it: body, path, query or header, then names and places in lists."
    msg: str
    type: str
    value: str | int | float | bool | None
    "As it was sent; null for lists, objects and secrets."
    allowed: str | None


class Refusal(Strict):
    """Why a request was refused."""

    detail: list[Detail]


class Unauthorized(Strict):
    """Why nobody was let in: no key, or none that is in force."""

    detail: str


@dataclass
class ApiError(Exception):
    """A request that is refused; the answer is its status, headers and details."""

    status: HTTPStatus
    details: list[Detail] | str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.status, self.details)

    @property
    def body(self) -> dict[str, Any]:
        """The answer, ready to be written."""
        if isinstance(self.details, str):
            return {"detail": self.details}
        return {"detail": [one.model_dump() for one in self.details[:MOST]]}


def detail(
    loc: Iterable[str | int], msg: str, *, kind: str, value: Any = None, allowed: str | None = None
) -> Detail:
    """Return a detail whose value is one that may be repeated."""
    return Detail(
        loc=list(loc), msg=msg, type=kind, value=repeatable(value), allowed=allowed or None
    )


def refusal(
    status: HTTPStatus,
    loc: Iterable[str | int],
    msg: str,
    *,
    kind: str,
    value: Any = None,
    allowed: str | None = None,
) -> ApiError:
    """Return a refusal for one reason."""
    return ApiError(status, [detail(loc, msg, kind=kind, value=value, allowed=allowed)])


def repeatable(value: Any) -> str | int | float | bool | None:
    """Return a value as an error repeats it: scalars alone, and not much of them."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}..."
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return f"{str(value)[:LONGEST_VALUE]}..."
    return value if isinstance(value, int | float | bool) else None
