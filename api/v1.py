"""Version 1 of the API: its resources, and how everything that goes wrong is answered."""

import functools
import logging
from collections.abc import Callable
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, re_path
from django.utils.cache import add_never_cache_headers
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError, ValidationErrorContext
from ninja.operation import Operation

from api.agents.endpoints import router as agents
from api.connectiontemplates.endpoints import router as connection_templates
from api.rest.bodies import BoundedParser, too_large
from api.rest.errors import MOST, ApiError, refusal
from api.rest.queries import known_query
from api.rest.validation import details_of

logger = logging.getLogger(__name__)
NAMESPACE = "v1"


class Api(NinjaAPI):
    """ninja's API, with every answer in our shape and none of them cached."""

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """Return what schemas find wrong."""
        details = (one for context in error_contexts for one in details_of(context))
        return ValidationError([one.model_dump() for one in islice(details, MOST)])

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return what generated programs call an operation: as we do."""
        return operation.view_func.__name__

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        rest = re_path("", unknown_address, name="unknown")
        return [
            URLPattern(at.pattern, answered(at.callback), at.default_args, at.name)
            if isinstance(at, URLPattern)
            else at
            for at in (*super()._get_urls(), rest)
        ]


def answered(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return a view of the API that answers in JSON also where ninja leaves it to Django."""

    @functools.wraps(view)
    def whole(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            response = unknown_address(request)
        if isinstance(response, HttpResponseNotAllowed):
            response = _not_allowed(request, response["Allow"])
        add_never_cache_headers(response)
        return response

    return whole


def unknown_address(request: HttpRequest) -> HttpResponse:
    """Answer that there is nothing."""
    msg = "There is no such address; see the documentation at /v1/docs."
    error = refusal(HTTPStatus.NOT_FOUND, ("path",), msg, kind="not_found", value=request.path)
    return _answer(request, error)


def _not_allowed(request: HttpRequest, methods: str) -> HttpResponse:
    allowed = ", ".join(sorted(methods.split(", ")))
    error = refusal(
        HTTPStatus.METHOD_NOT_ALLOWED,
        ("method",),
        "This address does not have this method.",
        kind="method_not_allowed",
        value=request.method,
        allowed=allowed,
    )
    return _answer(request, ApiError(error.status, error.details, {"Allow": allowed}))


def _answer(request: HttpRequest, error: ApiError) -> HttpResponse:
    response = v1.create_response(request, error.body, status=error.status)
    for name, value in error.headers.items():
        response[name] = value
    return response


v1 = Api(
    title="VoIP Number",
    version="1",
    description="What the pages do, for programs. Keys are made under Settings, API keys.",
    urls_namespace=NAMESPACE,
    parser=BoundedParser(),
    # Not secret, and nobody's business who has no account here.
    docs_decorator=login_required,
)
v1.add_decorator(known_query)
v1.add_router("", agents)
v1.add_router("", connection_templates)


@v1.exception_handler(ApiError)
def _refused(request: HttpRequest, error: ApiError) -> HttpResponse:
    return _answer(request, error)


@v1.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    # ninja makes one of whatever a parser raises.
    cause = error.__cause__
    return v1.on_exception(request, cause if isinstance(cause, Exception) else RuntimeError(error))


@v1.exception_handler(RequestDataTooBig)
def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return _answer(request, too_large())


@v1.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    failure = refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ("server",),
        "Something went wrong here, which the log of the server tells.",
        kind="failed",
    )
    return _answer(request, failure)
