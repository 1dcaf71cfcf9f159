"""A trial of an agent: we connect as a call would, wait until it is ready, and say goodbye."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.uri import parse_uri

from agents.concealed import without_secret
from agents.dialects import interface as fx
from agents.dialects.registry import make
from agents.hosts import FORBIDDEN, is_forbidden

LIMIT_S = 10.0
"For all of it; the goodbye is cut short."
GOODBYE_S = 2.0
LINGER_S = 0.3
"How long a session that is ready is watched: some servers take any, and fall over it."
MAX_WORDS = 500
"Characters shown of what the agent says of itself."
MAX_BODY_BYTES = 4096
_silent = logging.getLogger(f"{__name__}.websocket")
_silent.setLevel(logging.CRITICAL)
"The library would log what it sends, the secret too."


@dataclass(frozen=True, slots=True)
class TrialStep:
    """Something that came to pass, so many milliseconds after the beginning."""

    word: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. Holds no secret."""

    happened: str
    "One sentence."
    is_ready: bool = False
    steps: tuple[TrialStep, ...] = ()
    said: str = ""
    "The agent's own words, if it refused."
    advice: str = ""
    session_id: str = ""
    expires_at: float | None = None
    "Unix time."
    differences: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    "What it sent that its dialect does not know."


class _Connect(connect):
    """Like a call, a trial goes to the address that is set and to no other."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


@dataclass
class _Talk:
    """A conversation while it lasts."""

    dialect: fx.Dialect
    began: float = field(default_factory=time.monotonic)
    steps: list[TrialStep] = field(default_factory=list)
    odd: dict[str, None] = field(default_factory=dict)
    ready: fx.Ready | None = None
    failed: fx.Failed | None = None
    closed: tuple[int, str] | None = None
    "The code and reason that the agent closed with."
    over: bool = False

    def step(self, word: str) -> None:
        self.steps.append(TrialStep(word, round((time.monotonic() - self.began) * 1000)))

    def take_closed(self, error: ConnectionClosed) -> None:
        """Take what the dialect makes of it that the agent has closed."""
        self.over = True
        code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
        self.closed = code, reason
        effects = self.dialect.closed(code, reason, time.time())
        failures = [effect for effect in effects if isinstance(effect, fx.Failed)]
        self.failed = self.failed or (failures[0] if failures else None)

    async def do(self, effects: Sequence[fx.Effect], websocket: ClientConnection) -> None:
        """Carry out what a conversation needs that nobody listens to."""
        for effect in effects:
            match effect:
                case fx.Send(text):
                    await websocket.send(text)
                case fx.Ready():
                    self.step("ready")
                    self.ready = effect
                case fx.Failed():
                    self.failed = self.failed or effect
                case fx.Close(code, reason):
                    self.over = True
                    await websocket.close(code, reason)
                case fx.SessionOver() | fx.HangUp():
                    self.over = True
                case fx.Odd(what) if len(self.odd) < 10:
                    self.odd[what] = None
                case fx.Mark(name):
                    await self.do(self.dialect.mark_reached(name, is_played=False), websocket)
                case fx.Flush():
                    await self.do(self.dialect.flushed({}), websocket)


async def try_agent(dialect: str, session: fx.Session, *, limit_s: float = LIMIT_S) -> Trial:
    """Return what came of a trial, within `limit_s` seconds. Raises KeyError for no dialect."""
    talk = _Talk(make(dialect, session))
    host = urlsplit(session.url).netloc
    try:
        async with asyncio.timeout(limit_s):
            await _converse(talk)
    except TimeoutError:
        trial = _late(talk, host, limit_s)
    except InvalidStatus as error:
        trial = _refused(error)
    except (OSError, WebSocketException) as error:
        trial = _unreachable(error, host)
    else:
        trial = _outcome(talk)
    return _without_secret(replace(trial, steps=tuple(talk.steps), odd=tuple(talk.odd)), session)


async def _converse(talk: _Talk) -> None:
    handshake = talk.dialect.handshake(time.time())
    connecting = _Connect(
        handshake.url,
        sock=await _connected(handshake.url),
        additional_headers=handshake.headers,
        # As in a call: what is not in the handshake is not sent.
        user_agent_header=None,
        compression=None,
        proxy=None,
        open_timeout=None,
        close_timeout=1,
        max_size=talk.dialect.max_message_bytes,
        logger=_silent,
    )
    async with connecting as websocket:
        talk.step("connected")
        try:
            await _hear_out(talk, websocket)
        except ConnectionClosed as error:
            talk.take_closed(error)
        if talk.ready and not talk.over:
            await _say_goodbye(talk, websocket)


async def _connected(url: str) -> socket.socket:
    """Return a connection to the first of a host's addresses that takes one. Raises OSError."""
    uri, loop = parse_uri(url), asyncio.get_running_loop()
    failure = OSError(f"{uri.host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        uri.host, uri.port, type=socket.SOCK_STREAM
    ):
        if is_forbidden(str(address[0])):
            failure = OSError(f"It is {FORBIDDEN}: no agent may be there")
            continue
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            await loop.sock_connect(connection, address)
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            failure = error
        else:
            return connection
    raise failure


async def _hear_out(talk: _Talk, websocket: ClientConnection) -> None:
    """Talk until the agent is ready, has failed or is gone, and see whether it stays so."""
    # If it has closed already, what it said before is still to be read.
    with contextlib.suppress(ConnectionClosed):
        await talk.do(talk.dialect.opened(time.time()), websocket)
    while not (talk.ready or talk.failed or talk.over):
        await _hear(talk, websocket)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while not (talk.failed or talk.over):
                await _hear(talk, websocket)


async def _hear(talk: _Talk, websocket: ClientConnection) -> None:
    due = talk.dialect.next_deadline()
    wait_s = None if due is None else max(0.0, due - time.time())
    try:
        async with asyncio.timeout(wait_s):
            message = await websocket.recv()
    except TimeoutError:
        effects = talk.dialect.tick(time.time())
    else:
        effects = talk.dialect.received(message, time.time())
    await talk.do(effects, websocket)


async def _say_goodbye(talk: _Talk, websocket: ClientConnection) -> None:
    """End the session as a call does, so that it is not billed on; how that goes is no news."""
    failed = talk.failed
    try:
        async with asyncio.timeout(GOODBYE_S):
            await talk.do(talk.dialect.end(time.time()), websocket)
            while not talk.over:
                await _hear(talk, websocket)
    except (TimeoutError, OSError, WebSocketException):
        talk.over = True
    talk.failed = failed


def _outcome(talk: _Talk) -> Trial:
    if talk.failed is not None:
        happened, advice = _FAILURES[talk.failed.kind]
        words = ": ".join(part for part in (talk.failed.code, talk.failed.message) if part)
        return Trial(happened, said=words, advice=advice)
    if talk.closed is not None:
        code, reason = talk.closed
        when = "at once" if talk.ready else "before it was ready"
        happened = f"It closed the websocket {when}: code {code}."
        return Trial(happened, said=reason, advice=_ANOTHER)
    if talk.ready is not None:
        return _ready(talk.ready)
    return Trial("It ended the session before it was ready.", advice=_OWN_LOG)


_OWN_LOG = "Look into the agent's own log."
_ANOTHER = "Check that the dialect is the one that it speaks, and look into its own log."
_FAILURES = {
    fx.Failure.REFUSED: ("It refused the session.", "Correct what it names, and test it again."),
    fx.Failure.BUSY: ("It has no place for one more call.", "Try again in a moment."),
    fx.Failure.LOST: ("It failed before it could talk.", _OWN_LOG),
    fx.Failure.LATE: ("It was not ready in time, it says.", "Try again in a moment."),
    fx.Failure.EXPIRED: ("It ended the session at once.", _OWN_LOG),
}


def _ready(ready: fx.Ready) -> Trial:
    if ready.differences:
        happened = "It is ready, and configured otherwise than here."
    else:
        happened = "It is ready: calls can go to it."
    return Trial(
        happened,
        is_ready=True,
        session_id=ready.session_id,
        expires_at=ready.expires_at,
        differences=ready.differences,
    )


def _late(talk: _Talk, host: str, limit_s: float) -> Trial:
    if talk.ready is not None:
        return _ready(talk.ready)
    if talk.steps:
        return Trial(
            f"Connected, but it was not ready within {limit_s:g} s.",
            advice=_ANOTHER,
        )
    return Trial(
        f"{host} did not answer within {limit_s:g} s.",
        advice="Check host and port of the URL, and that a firewall lets us out to them.",
    )


_ADVICE = {
    401: "Check the secret.",
    403: "Check the secret, and what it is allowed to do.",
    404: "Check the path of the URL.",
    429: "It has too many sessions, or has had; try again in a moment.",
}


def _refused(error: InvalidStatus) -> Trial:
    response = error.response
    body = (response.body or b"")[:MAX_BODY_BYTES].decode(errors="replace")
    status = f"{response.status_code} {response.reason_phrase}".strip()
    advice = _ADVICE.get(response.status_code, "Check the URL: a websocket is what we ask for.")
    if location := response.headers.get("Location", ""):
        advice = f"It names another address, which we do not follow: {location}"
    return Trial(f"It refused the websocket: {status}.", said=_message(body), advice=advice)


def _message(body: str) -> str:
    """Return what a JSON body says in words, or the whole body."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body.strip()
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return value if isinstance(value, str) else body.strip()


def _unreachable(error: Exception, host: str) -> Trial:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trial(
            f"The certificate of {host} is not trusted: {error.verify_message}.",
            advice="Have the server show a certificate of a known authority, for this host name.",
        )
    if isinstance(error, InvalidHandshake | ssl.SSLError):
        return Trial(f"{host} is no websocket server.", said=str(error), advice="Check the URL.")
    if isinstance(error, ConnectionRefusedError):
        return Trial(f"{host} refused the connection.", advice="Is the agent's server running?")
    words = getattr(error, "strerror", None) or str(error)
    return Trial(f"{host} cannot be reached.", said=words, advice="Check host and port of the URL.")


def _without_secret(trial: Trial, session: fx.Session) -> Trial:
    """Return a trial fit to be shown: short, and without the secret, whoever repeated it."""

    def clean(text: str) -> str:
        text = without_secret(text, session.secret)
        return text if len(text) <= MAX_WORDS else f"{text[:MAX_WORDS]}..."

    return replace(
        trial,
        happened=clean(trial.happened),
        said=clean(trial.said),
        advice=clean(trial.advice),
        session_id=clean(trial.session_id),
        differences=tuple(map(clean, trial.differences)),
        odd=tuple(map(clean, trial.odd)),
    )
