"""The test of an agent: against a strict server, and against whatever else may be at its URL."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from websockets.asyncio.server import ServerConnection, serve

from agents.dialects.interface import Session
from agents.formats import AudioFormat, Encoding
from dashboard.agents import views
from dashboard.agents.trial import LIMIT_S, Trial, try_agent
from tests.dashboard.agents.some import agent
from tests.dashboard.carriers import at, text
from tests.peers.certificates import Certificate
from tests.peers.voiceagent.driving import VoiceAgentPeer

KEY = "the-key-of-the-agent"
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def strict() -> Iterator[VoiceAgentPeer]:
    """Return a server that speaks AssemblyAI's dialect, and counts what a client does wrong."""
    with VoiceAgentPeer(key=KEY) as running:
        yield running


def inline(url: str, *, secret: str = KEY, encoding: Encoding = Encoding.PCM) -> Session:
    one = AudioFormat(encoding)
    return Session(url, secret=secret, system_prompt="Be kind.", input=one, output=one)


def words(trial: Trial) -> str:
    return f"{trial.happened} {trial.said} {trial.advice}"


async def test_an_agent_that_is_ready_is_shown_with_its_session_and_let_go(
    strict: VoiceAgentPeer,
) -> None:
    trial = await try_agent("assemblyai", inline(strict.url(greet_hz=440)))
    assert trial.is_ready
    assert trial.session_id
    assert [step.word for step in trial.steps] == ["connected", "ready"]
    assert trial.steps[0].after_ms <= trial.steps[1].after_ms
    assert (trial.differences, trial.odd) == ((), ())
    conversation = strict.log()[-1]
    assert conversation["violations"] == []
    assert conversation["first"]["session"]["system_prompt"] == "Be kind."


async def test_what_it_configured_otherwise_is_said(strict: VoiceAgentPeer) -> None:
    url = strict.url(ready_input="audio/pcmu")
    trial = await try_agent("assemblyai", inline(url, encoding=Encoding.PCMA))
    assert trial.is_ready
    assert trial.happened == "It is ready, and configured otherwise than here."
    (difference,) = trial.differences
    assert "audio/pcmu" in difference


@pytest.mark.parametrize(
    ("behaviour", "happened", "said"),
    [
        ({"error": "invalid_value"}, "It refused the session.", "invalid_value"),
        ({"error": "at_capacity"}, "It has no place for one more call.", "at_capacity"),
        ({"http": 503}, "It refused the websocket: 503", ""),
        ({"close": 1011}, "It failed before it could talk.", "1011"),
    ],
)
async def test_what_it_refuses_is_said_in_its_own_words(
    strict: VoiceAgentPeer, behaviour: dict[str, Any], happened: str, said: str
) -> None:
    trial = await try_agent("assemblyai", inline(strict.url(**behaviour)))
    assert not trial.is_ready
    assert trial.happened.startswith(happened)
    assert said in trial.said
    assert trial.advice


async def test_a_wrong_key_is_told_and_not_shown(strict: VoiceAgentPeer) -> None:
    trial = await try_agent("assemblyai", inline(strict.url(), secret="not-the-key"))
    assert not trial.is_ready
    assert "unauthorized" in words(trial).lower()
    assert "not-the-key" not in repr(trial)


async def test_one_that_never_becomes_ready_is_given_up(strict: VoiceAgentPeer) -> None:
    began = time.monotonic()
    trial = await try_agent("assemblyai", inline(strict.url(ready_after_ms=-1)), limit_s=0.4)
    assert trial.happened == "Connected, but it was not ready within 0.4 s."
    assert time.monotonic() - began < LIMIT_S


# What is no agent


async def _behaving(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    scheme: str = "ws",
    secret: str = KEY,
    limit_s: float = 30.0,
) -> Trial:
    """Return a trial of a TCP server that does this with each connection.

    One that answers is given its time: on a busy machine it may take more than a second.
    """
    is_over = asyncio.Event()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handle(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        is_over.set()

    async with await asyncio.start_server(handled, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        session = inline(f"{scheme}://{HOST}:{port}/ws", secret=secret)
        trial = await try_agent("twilio", session, limit_s=limit_s)
        await is_over.wait()
    return trial


async def _answer(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(text.replace("\n", "\r\n").encode())
    await writer.drain()


async def test_a_redirect_is_not_followed_with_the_secret() -> None:
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        await _answer(
            writer, "HTTP/1.1 302 Found\nLocation: ws://127.0.0.1:1/\nContent-Length: 0\n\n"
        )

    trial = await _behaving(elsewhere)
    assert len(asked) == 1
    assert trial.advice == "It names another address, which we do not follow: ws://127.0.0.1:1/"


async def test_a_refusal_that_repeats_the_secret_is_shown_without_it() -> None:
    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f'{{"error": {{"message": "{KEY} is unknown {"x" * 900}"}}}}'
        head = f"HTTP/1.1 401 Unauthorized\nContent-Length: {len(body)}\n\n"
        await _answer(writer, head + body)

    trial = await _behaving(tells)
    assert trial.happened == "It refused the websocket: 401 Unauthorized."
    assert trial.said.startswith("*** is unknown xxx")
    assert len(trial.said) < 510
    assert KEY not in repr(trial)


async def test_a_short_secret_is_hidden_as_a_word_and_riddles_no_other() -> None:
    async def tells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = "the key k-7 is not known; monk-77 neither"
        await _answer(writer, f"HTTP/1.1 403 Forbidden\nContent-Length: {len(body)}\n\n{body}")

    trial = await _behaving(tells, secret="k-7")
    assert trial.said == "the key *** is not known; monk-77 neither"


async def test_a_server_of_something_else_is_called_so() -> None:
    async def greets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(writer, "220 mail.example ESMTP\n")

    assert "is no websocket server." in (await _behaving(greets)).happened


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    trial = await _behaving(silent, limit_s=1.0)
    assert trial.happened.endswith("did not answer within 1 s.")
    assert trial.steps == ()


async def test_a_port_where_nobody_listens_is_called_so() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        url = f"ws://{HOST}:{unused.getsockname()[1]}/"
        trial = await try_agent("twilio", inline(url))
    assert trial.happened.endswith("refused the connection.")


async def test_a_name_that_is_nobodys_is_called_so() -> None:
    trial = await try_agent("twilio", inline("ws://nobody.invalid/"), limit_s=5)
    assert trial.happened in (
        "nobody.invalid cannot be reached.",
        "nobody.invalid did not answer within 5 s.",
    )


async def test_what_surrounds_this_machine_is_not_asked() -> None:
    trial = await try_agent("twilio", inline("ws://169.254.169.254/latest/meta-data/"))
    assert trial.happened == "169.254.169.254 cannot be reached."
    assert "no agent may be there" in trial.said
    assert trial.steps == ()


async def test_a_server_that_speaks_no_tls_is_told_of() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        await _answer(writer, "HTTP/1.1 400 Bad Request\n\n")

    trial = await _behaving(plain, scheme="wss")
    assert trial.happened.endswith("is no websocket server.")


async def test_a_certificate_that_nobody_signed_is_told_of(tmp_path: Path) -> None:
    async def unheard(websocket: ServerConnection) -> None:
        raise AssertionError("the secret would be told to anybody")

    certificate = Certificate(tmp_path, "localhost")
    async with serve(unheard, HOST, 0, ssl=certificate.context()) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        trial = await try_agent("twilio", inline(f"wss://localhost:{port}/ws"))
    assert trial.happened.startswith(f"The certificate of localhost:{port} is not trusted: self")


# Servers made to be called by a carrier


async def test_a_carriers_agent_is_ready_once_it_takes_the_websocket() -> None:
    heard: list[str] = []

    async def takes(websocket: ServerConnection) -> None:
        heard.extend([str(message) async for message in websocket])

    async with serve(takes, HOST, 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        trial = await try_agent("twilio", inline(f"ws://{HOST}:{port}/ws"))
    assert trial.is_ready
    assert '"connected"' in heard[0]
    assert '"stop"' in heard[-1]


async def test_one_that_takes_the_websocket_and_fails_is_not_ready() -> None:
    async def fails(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.close(1011, "no model is configured")

    async with serve(fails, HOST, 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        trial = await try_agent("twilio", inline(f"ws://{HOST}:{port}/ws"))
    assert not trial.is_ready
    assert "no model is configured" in words(trial)


# On the page


@pytest.mark.django_db
def test_the_page_shows_what_came_of_it_with_and_without_javascript(
    admin: Client, strict: VoiceAgentPeer
) -> None:
    row = agent(secret=KEY, url=strict.url())
    fragment = text(admin.post(at("agent-test", row.pk), headers={"HX-Request": "true"}))
    page = text(admin.post(at("agent-test", row.pk)))
    for shown in (fragment, page):
        assert "It is ready: calls can go to it." in shown
        assert "none: it has configured what we asked for" in shown
        assert KEY not in shown
    assert "<html" not in fragment
    assert "<h1>support</h1>" in page


@pytest.mark.django_db
def test_what_an_agent_says_is_text_and_nothing_else(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*_: Any) -> Trial:
        return Trial("It refused the session.", said="<script>alert(1)</script>", expires_at=1e300)

    monkeypatch.setattr(views, "try_agent", answer)
    page = text(admin.post(at("agent-test", agent().pk)))
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


@pytest.mark.django_db
def test_only_so_many_are_tried_at_once(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(views.AT_ONCE):
        assert views._trials.acquire(blocking=False)
    try:
        page = text(admin.post(at("agent-test", agent(url="ws://127.0.0.1:9/").pk)))
    finally:
        for _ in range(views.AT_ONCE):
            views._trials.release()
    assert "Not tried: 4 tests are running." in page
