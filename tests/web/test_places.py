"""Websockets of one session and one user: so many, and none that talks."""

from contextlib import AsyncExitStack

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import override_settings

from dashboard.live import consumers, sockets
from dashboard.live.places import TOO_MANY
from tests.dashboard.live.watching import account, opened, sign_in, watcher
from web.bounds import WebRejections

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/calls/"


@pytest.fixture(autouse=True)
def viewer(transactional_db: None) -> User:
    return account("viewer")


async def is_let_in(session: str) -> bool:
    socket = await watcher(PATH, session=session)
    assert (await socket.connect())[0], "only then is a browser told the code"
    told = await socket.receive_output(timeout=20)
    if told["type"] == "websocket.send":
        await socket.disconnect()
        return True
    assert told["code"] == TOO_MANY
    return False


@override_settings(VOIPNUMBER_WEBSOCKETS_PER_SESSION=3, VOIPNUMBER_WEBSOCKETS_PER_USER=4)
async def test_a_session_and_a_user_have_so_many_and_get_them_back() -> None:
    first, second = [await sync_to_async(sign_in)("viewer") for _ in range(2)]
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(opened(PATH, session=first))
        assert not await is_let_in(first)
        await stack.enter_async_context(opened(PATH, session=second))
        assert not await is_let_in(second), "the user has four together"
    assert await is_let_in(first)
    assert await is_let_in(second)
    assert not sockets.PLACES._sessions
    assert not sockets.PLACES._users


@override_settings(VOIPNUMBER_WEBSOCKETS_PER_SESSION=1)
async def test_a_refused_one_takes_no_place(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "REFUSED", WebRejections())
    session = await sync_to_async(sign_in)("viewer")
    async with opened(PATH, session=session):
        for _ in range(3):
            assert not await is_let_in(session)
    assert await is_let_in(session)
    (line,) = [text for text in caplog.messages if "VOIPNUMBER_WEBSOCKETS_PER_SESSION" in text]
    assert "'viewer' has as many live pages open" in line


async def test_one_that_talks_and_talks_is_closed() -> None:
    async with opened(PATH) as socket:
        for _ in range(consumers.MOST_UNASKED):
            await socket.send_to(text_data="shown")
        assert await socket.closed() == consumers.SAYS_TOO_MUCH
