"""Browsers that go away while they are answered, through the whole ASGI application."""

import asyncio
import gc
import secrets
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from tests.web import slow_pages
from tests.web.slow_pages import Course
from voipnumber.asgi import application, http_application
from web import undisturbed
from web.undisturbed import Undisturbed

pytestmark = pytest.mark.thorough

GIVE_UP_S = 30.0


@pytest.fixture(autouse=True)
def served(settings: Any) -> None:
    settings.ROOT_URLCONF = slow_pages.__name__


class Visit:
    """One browser that asks for a page of `slow_pages`."""

    def __init__(self, view: str, serve: Any = application) -> None:
        name = secrets.token_hex(8)
        self.course = slow_pages.COURSES[name] = Course()
        self.sent: list[dict[str, Any]] = []
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": f"/{view}/{name}/",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "client": ("127.0.0.1", 1),
        }
        self.serving = asyncio.create_task(serve(scope, self._told.get, self._take))

    async def _take(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def begin(self) -> None:
        """Ask, and wait until the page works on it."""
        self._told.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await happened(self.course.begun)

    def go(self) -> None:
        self._told.put_nowait({"type": "http.disconnect"})

    async def over(self) -> None:
        """Wait until the server has its connection back."""
        async with asyncio.timeout(GIVE_UP_S):
            await self.serving


async def happened(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, GIVE_UP_S)


async def all_over() -> None:
    """Wait until nothing is under way; of what had no owner the log has been told then."""
    async with asyncio.timeout(GIVE_UP_S):
        while under_way := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(under_way)
    gc.collect()


class ThreadIsFaster:
    """Have a page's thread end before asgiref looks whether it has, once it called the page off.

    It hands a call-off to the task for which that thread waits, and waits for the task itself. The
    thread may or may not be faster, by microseconds; here the event loop stands still for it.
    """

    def __init__(self, page_may_end: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        self._page_may_end, self._thread_ended = page_may_end, threading.Event()
        self._run_in_executor, self._call_soon = loop.run_in_executor, loop.call_soon_threadsafe
        self._over: set[int] = set()
        setattr(loop, "run_in_executor", self._run)  # noqa: B010
        setattr(loop, "call_soon_threadsafe", self._tell)  # noqa: B010
        loop.set_task_factory(self._make)

    def _run(self, executor: Any, work: Callable[..., Any], *args: Any) -> Any:
        def noted() -> Any:
            try:
                return work(*args)
            finally:
                if self._page_may_end.is_set():
                    self._over.add(threading.get_ident())

        is_thread = isinstance(executor, ThreadPoolExecutor)
        return self._run_in_executor(executor, *((noted,) if is_thread else (work, *args)))

    def _tell(self, callback: Any, *args: Any, **more: Any) -> Any:
        handle = self._call_soon(callback, *args, **more)
        if threading.get_ident() in self._over:
            self._thread_ended.set()
        return handle

    def _make(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        is_waited_for = getattr(work, "__name__", "") == "main_wrap"
        return asyncio.Task(self._late(work) if is_waited_for else work, loop=loop, **more)

    async def _late(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        finally:
            self._page_may_end.set()
            assert self._thread_ended.wait(GIVE_UP_S)


async def go_while_the_thread_is_faster(visit: Visit) -> None:
    ThreadIsFaster(visit.course.may_end)
    await visit.begin()
    visit.go()
    await visit.over()
    visit.course.may_end.set()
    await all_over()


async def test_a_page_whose_browser_goes_leaves_no_traceback_however_the_threads_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    visit = Visit("page")
    await go_while_the_thread_is_faster(visit)
    assert visit.course.ended.is_set()
    assert not caplog.records


async def test_that_order_of_threads_is_one_that_django_alone_leaves_one_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without this the test above could hold for a reason of its own."""
    await go_while_the_thread_is_faster(Visit("page", http_application))
    assert "CancelledError" in caplog.text


@pytest.mark.parametrize("view", ["page", "asking"])
async def test_a_page_is_worked_on_to_its_end_and_the_server_need_not_wait(
    view: str, caplog: pytest.LogCaptureFixture
) -> None:
    visit = Visit(view)
    await visit.begin()
    visit.go()
    await visit.over()
    assert not visit.course.ended.is_set()
    visit.course.may_end.set()
    await happened(visit.course.ended)
    await all_over()
    assert [message.get("status", 200) for message in visit.sent] == [200, 200]
    assert not caplog.records


async def test_a_page_whose_browser_stays_is_answered() -> None:
    visit = Visit("page")
    await visit.begin()
    visit.course.may_end.set()
    await visit.over()
    assert [message["type"] for message in visit.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert visit.sent[1]["body"] == b"done"


@pytest.mark.parametrize("goes", [False, True])
async def test_a_page_that_fails_is_logged_with_its_traceback(
    goes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    visit = Visit("broken")
    await visit.begin()
    if goes:
        visit.go()
        await visit.over()
    visit.course.may_end.set()
    await visit.over()
    await all_over()
    assert [(one.name, one.exc_info and one.exc_info[0]) for one in caplog.records] == [
        ("django.request", ZeroDivisionError)
    ]


async def test_an_answer_in_pieces_ends_with_the_next_one_once_nobody_reads_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    visit = Visit("streamed")
    await visit.begin()
    visit.go()
    await visit.over()
    visit.course.may_end.set()
    await all_over()
    assert visit.course.pieces == 1
    assert [message.get("body") for message in visit.sent] == [None, b"first"]
    assert not caplog.records


async def test_an_answer_in_pieces_comes_whole_to_who_stays() -> None:
    visit = Visit("streamed")
    visit.course.may_end.set()
    await visit.begin()
    await visit.over()
    assert visit.course.pieces == 100
    assert visit.sent[-1] == {"type": "http.response.body"}


@pytest.mark.parametrize("goes", [False, True])
async def test_what_fails_outside_of_django_is_the_servers_to_tell_or_ours(
    goes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        course = visit.course
        course.begun.set()
        if goes:
            listening = asyncio.create_task(receive())
            await happened(course.may_end)
            listening.cancel()
        raise ZeroDivisionError

    visit = Visit("page", Undisturbed(fails))
    if goes:
        await visit.begin()
        visit.go()
        await visit.over()
        visit.course.may_end.set()
    else:
        await visit.begin()
        with pytest.raises(ZeroDivisionError):
            await visit.over()
    await all_over()
    told = [(one.name, one.exc_info and one.exc_info[0]) for one in caplog.records]
    assert told == [("web.undisturbed", ZeroDivisionError)] * goes


async def test_a_server_that_stops_waits_for_pages_and_begins_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The threads of pages wait for the event loop: without it the process would not end."""
    pages = Undisturbed(http_application)
    stays, goes, reads = Visit("asking", pages), Visit("asking", pages), Visit("streamed", pages)
    for visit in (stays, goes, reads):
        await visit.begin()
    goes.go()
    await goes.over()
    stopping = asyncio.create_task(pages.end())
    for visit in (stays, reads):
        visit.serving.cancel()  # as daphne does meanwhile
        with pytest.raises(asyncio.CancelledError):
            await visit.over()
    late = Visit("page", pages)
    await late.over()
    assert not late.sent
    assert not stopping.done()
    for visit in (stays, goes, reads):
        visit.course.may_end.set()
    async with asyncio.timeout(GIVE_UP_S):
        await stopping
    assert all(visit.course.ended.is_set() for visit in (stays, goes, reads))
    assert reads.course.pieces == 1
    await all_over()
    assert not caplog.records


async def test_a_server_that_stops_waits_for_no_request_that_is_not_there_yet() -> None:
    reading = asyncio.Event()

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        reading.set()
        await receive()

    pages = Undisturbed(reads)
    visit = Visit("page", pages)
    async with asyncio.timeout(GIVE_UP_S):
        await reading.wait()
        visit.serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit.over()
        await pages.end()


@pytest.mark.parametrize("view", ["page", "asking", "streamed"])
async def test_a_server_that_stops_does_not_wait_for_ever_for_a_page_that_hangs(
    view: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(undisturbed, "ENDING_S", 0.2)
    pages = Undisturbed(http_application)
    visit = Visit(view, pages)
    await visit.begin()
    async with asyncio.timeout(GIVE_UP_S):
        await pages.end()
    assert not visit.course.ended.is_set()
    assert "1 page was not done" in caplog.text
    visit.course.may_end.set()
    with suppress(asyncio.CancelledError):
        await visit.over()
    await happened(visit.course.ended)
    await all_over()
