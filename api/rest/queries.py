"""What stands in a query and nobody knows is refused: a misspelt `limit` must not pass for one."""

import functools
import inspect
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, get_args

from django.http import HttpRequest
from ninja.params.models import Query
from pydantic import BaseModel

from api.rest.errors import ApiError, detail


def known_query(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Return an operation that takes the parameters of its own query alone. Raises ApiError."""
    names = sorted(_parameters(operation))
    allowed = ", ".join(names) or "no parameter"

    @functools.wraps(operation)
    def strict(request: HttpRequest, *args: Any, **values: Any) -> Any:
        unknown = [name for name in request.GET if name not in names]
        if unknown:
            msg = "There is no such parameter here."
            raise ApiError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                [
                    detail(("query", name), msg, kind="unknown", value=name, allowed=allowed)
                    for name in unknown
                ],
            )
        return operation(request, *args, **values)

    return strict


def _parameters(operation: Callable[..., Any]) -> Iterator[str]:
    for parameter in inspect.signature(operation).parameters.values():
        schema, *more = get_args(parameter.annotation) or (None,)
        if any(isinstance(one, Query) for one in more):
            assert isinstance(schema, type)
            assert issubclass(schema, BaseModel)
            yield from schema.model_fields
