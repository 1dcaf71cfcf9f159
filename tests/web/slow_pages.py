"""Pages that wait for their test, behind all of the product's middleware."""

import threading
from collections.abc import AsyncIterator

from asgiref.sync import async_to_sync, sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path


class Course:
    """How far a page is, and what it waits for."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = (threading.Event() for _ in range(3))
        self.pieces = 0

    def work(self) -> None:
        """Wait in the page's thread until the test lets it go on."""
        self.begun.set()
        assert self.may_end.wait(30)
        self.ended.set()


COURSES: dict[str, Course] = {}


def page(request: HttpRequest, name: str) -> HttpResponse:
    COURSES[name].work()
    return HttpResponse("done")


def asking(request: HttpRequest, name: str) -> HttpResponse:
    """Ask something of the event loop, as pages that speak to engines do."""

    async def ask() -> None:
        await sync_to_async(COURSES[name].work)()

    async_to_sync(ask)()
    return HttpResponse("done")


def broken(request: HttpRequest, name: str) -> HttpResponse:
    COURSES[name].work()
    raise ZeroDivisionError


def streamed(request: HttpRequest, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(_pieces(COURSES[name]))


async def _pieces(course: Course) -> AsyncIterator[str]:
    yield "first"
    await sync_to_async(course.work)()
    for _ in range(100):
        course.pieces += 1
        yield "another"


urlpatterns = [
    path(f"{view.__name__}/<str:name>/", view) for view in (page, asking, broken, streamed)
]
