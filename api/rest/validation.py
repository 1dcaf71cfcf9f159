"""What schemas and models find wrong with a body."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, get_args

from django.core.exceptions import ValidationError
from ninja.errors import ValidationErrorContext
from pydantic import BaseModel

from api.rest.errors import HIDDEN, ApiError, Detail, Loc, detail

SECRETS = frozenset({"secret"})
"Fields whose value no error repeats."
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
TAKEN = "unique"
"Django's word for a value that another row has."


def refused(
    error: ValidationError, sent: Any, place_of: Callable[[str], tuple[str, ...]]
) -> ApiError:
    """Return the refusal for what a model said of a body; `place_of` finds a field in it."""
    return raised(list(_details(error, sent, place_of)))


def raised(details: list[Detail]) -> ApiError:
    """Return the refusal for these: 409 if all that is wrong is that somebody was there before."""
    taken = all(one.type == TAKEN for one in details)
    status = HTTPStatus.CONFLICT if taken else HTTPStatus.UNPROCESSABLE_ENTITY
    return ApiError(status, details)


def _details(
    error: ValidationError, sent: Any, place_of: Callable[[str], tuple[str, ...]]
) -> Iterator[Detail]:
    fields = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
    for field, errors in fields.items():
        for one in errors:
            params = one.params if isinstance(one.params, Mapping) else {}
            loc = ("body", *place_of(field), *_steps(str(params.get("place", ""))))
            yield detail(
                loc,
                " ".join(one.messages),
                kind=_TYPES.get(one.code or "", one.code or "value"),
                value=value_at(sent, loc),
                allowed=_allowed(params),
            )


_TYPES = {"blank": "missing", "null": "missing", "invalid": "value", "not-allowed": "value"}
"The word that the schemas have for it."


def _allowed(params: Mapping[str, Any]) -> str | None:
    if "allowed" in params:
        return str(params["allowed"])
    return f"limit {params['limit_value']}" if "limit_value" in params else None


def _steps(place: str) -> Loc:
    """Return `[1].name: ` as the way (1, "name")."""
    return tuple(int(at) if at else name for at, name in _STEP.findall(place.strip(": ")))


def value_at(sent: Any, loc: Iterable[Any]) -> Any:
    """Return the value of a body at a place; `***` for a secret, None if nothing stands there."""
    _, *steps = loc
    if SECRETS & set(steps):
        return HIDDEN
    for step in steps:
        there = range(len(sent)) if isinstance(sent, list) else sent
        if not isinstance(sent, Mapping | list) or step not in there:
            return None
        sent = sent[step]
    return sent


def details_of(context: ValidationErrorContext[Any]) -> Iterator[Detail]:
    """Yield what a schema finds wrong with a body, a query or a path."""
    model: Any = context.model
    for error in context.pydantic_validation_error.errors(include_url=False):
        inner = model.__ninja_flatten_map_reverse__.get(error["loc"], error["loc"])
        source = model.__ninja_param_source__
        # The parameter is called as its source is: said once, it is the way into the body.
        loc = (source, *(inner[1:] if inner[:1] == (source,) else inner))
        yield detail(
            loc,
            error["msg"],
            kind=error["type"],
            value=HIDDEN if SECRETS & set(loc) else error["input"],
            allowed=_keys(model, inner[:-1])
            if error["type"] == "extra_forbidden"
            else _allowed_by(error["type"], error.get("ctx", {})),
        )


_BOUNDS = {
    "allowed": "{}",
    "expected": "{}",
    "ge": "{} or more",
    "le": "{} or less",
    "min_length": "{} or more of them",
    "max_length": "up to {} of them",
    "pattern": "what matches {}",
}
"What pydantic tells beside an error, as what is allowed; characters or items are counted."

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
"What a value must be, where pydantic names its own class."


def _allowed_by(kind: str, ctx: Mapping[str, Any]) -> str | None:
    bound = (form.format(ctx[name]) for name, form in _BOUNDS.items() if name in ctx)
    return next(bound, _KINDS.get(kind))


def _keys(model: type[BaseModel], loc: Loc) -> str:
    """Return the names of the schema at a place, for who sent another one."""
    for step in loc:
        if isinstance(step, str) and step in model.model_fields:
            model = _schema_in(model.model_fields[step].annotation) or model
    return ", ".join(model.model_fields)


def _schema_in(annotation: Any) -> type[BaseModel] | None:
    """Return the schema that a field holds, by itself, in a list or beside None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_schema_in, get_args(annotation))), None)
