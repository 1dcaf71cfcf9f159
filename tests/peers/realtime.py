"""OpenAI's Realtime API as the models of OpenAI's own package have it.

    .setup/peers/bin/python -m tests.peers.realtime [--port 0] [--key KEY]

ws://127.0.0.1:PORT/v1/realtime?model=M. Every event of the client's is judged by
`openai.types.realtime`, and a field that these do not know is a violation; every event of ours is
built to them. The caller's audio comes back in one item, `item-N`. GET /log tells all;
GET /do/speech has the caller be heard (a new item begins after it), /do/say?hz=&ms= is a reply of
a tone sent at once, /do/tool?name=&arguments= calls a tool and ends the echo, /do/expire ends as
sessions of an hour do, /do/close?code= closes.
"""

import asyncio
import base64
import contextlib
import http
import itertools
import json
import math
import struct
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openai.types.realtime as realtime
from pydantic import BaseModel, TypeAdapter, ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.peers.websocketserver import run

FROM_CLIENT: TypeAdapter[Any] = TypeAdapter(realtime.RealtimeClientEvent)
FROM_SERVER: TypeAdapter[Any] = TypeAdapter(realtime.RealtimeServerEvent)
PATH = "/v1/realtime"
BYTES_A_SECOND = {"audio/pcm": 48_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
AMPLITUDE = 8_000


def unknown_fields(model: BaseModel, path: str = "") -> list[str]:
    """Return the fields that the models do not know."""
    unknown = [f"{path}.{name}" for name in model.model_extra or {}]
    for name in type(model).model_fields:
        value = getattr(model, name, None)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                unknown += unknown_fields(part, f"{path}.{name}")
    return unknown


def updated(session: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a session with the fields that an update names, and all others as they were."""
    both = {**session, **changes}
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(session.get(name), dict):
            both[name] = updated(session[name], value)
    return both


class Talk:
    """One websocket's session."""

    def __init__(self, number: int, websocket: ServerConnection) -> None:
        self._websocket = websocket
        self._events = itertools.count(1)
        self._items = itertools.count(1)
        self._item = f"item-{number}-0"
        self._echoes = True
        self.session: dict[str, Any] = {"type": "realtime", "id": f"session-{number}", "audio": {}}
        request = websocket.request
        assert request is not None
        self.note: dict[str, Any] = {
            "path": request.path,
            "authorization": request.headers.get("Authorization", ""),
            "violations": [],
            "events": [],
            "session": self.session,
            "heard_bytes": 0,
            "truncated": [],
            "outputs": [],
            "close": None,
        }

    async def run(self) -> None:
        """Talk until the websocket is closed."""
        with contextlib.suppress(ConnectionClosed):
            await self.send("session.created", session=self.session)
            async for raw in self._websocket:
                await self._received(raw)
        self.note["close"] = [self._websocket.close_code, self._websocket.close_reason]

    async def send(self, kind: str, **values: Any) -> None:
        event = {"type": kind, "event_id": f"event-{next(self._events)}", **values}
        FROM_SERVER.validate_python(event)
        await self._websocket.send(json.dumps(event))

    def format_of(self, direction: str) -> str:
        """Return the encoding of `input` or `output`."""
        audio = self.session["audio"].get(direction, {})
        return str(audio.get("format", {}).get("type", "audio/pcm"))

    async def _received(self, raw: str | bytes) -> None:
        try:
            message = json.loads(raw)
            event = FROM_CLIENT.validate_python(message)
        except (ValueError, ValidationError) as error:
            self.note["violations"].append(str(error)[:400])
            problem = {"type": "invalid_request_error", "code": "invalid_value", "message": "no"}
            await self.send("error", error=problem)
            return
        self.note["violations"] += unknown_fields(event)
        kind = message["type"]
        if kind == "input_audio_buffer.append":
            await self._heard(message["audio"])
            return
        self.note["events"].append(kind)
        if kind == "session.update":
            self.session = updated(self.session, message["session"])
            self.note["session"] = self.session
            await self.send("session.updated", session=self.session)
        elif kind == "conversation.item.truncate":
            self.note["truncated"].append([message["item_id"], message["audio_end_ms"]])
            values = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
            await self.send("conversation.item.truncated", **values)
        elif kind == "conversation.item.create":
            self.note["outputs"].append(message["item"])

    async def _heard(self, audio: str) -> None:
        self.note["heard_bytes"] += len(base64.b64decode(audio, validate=True))
        if self._echoes and self.format_of("input") == self.format_of("output"):
            await self.say(audio)

    async def say(self, audio: str) -> None:
        """Send audio, in base64, as part of the item that is being said."""
        place = {"response_id": "response-1", "item_id": self._item, "output_index": 0}
        await self.send("response.output_audio.delta", **place, content_index=0, delta=audio)

    async def do(self, what: str, values: dict[str, str]) -> None:
        """Have something happen."""
        match what:
            case "speech":
                item = f"user-{next(self._items)}"
                await self.send("input_audio_buffer.speech_started", audio_start_ms=0, item_id=item)
                self._item = f"item-{next(self._items)}"
            case "say":
                await self._reply(_tone(self.format_of("output"), values))
            case "tool":
                await self._call(values["name"], values.get("arguments", "{}"))
            case "expire":
                problem = {"type": "invalid_request_error", "code": "session_expired"}
                await self.send("error", error={**problem, "message": "an hour is over"})
                self._close(1001)
            case "close":
                self._close(int(values["code"]))
            case _:
                raise ValueError(f"{what} is nothing to do")

    def _close(self, code: int) -> None:
        """Close without waiting: who asked for it may be the one who is waited for."""
        self._closing = asyncio.create_task(self._websocket.close(code, "told to"))

    async def _reply(self, audio: bytes) -> None:
        await self.send("response.created", response={"id": "response-1", "status": "in_progress"})
        second = BYTES_A_SECOND[self.format_of("output")]
        for start in range(0, len(audio), second):
            await self.say(base64.b64encode(audio[start : start + second]).decode())
        await self.send("response.done", response={"id": "response-1", "status": "completed"})

    async def _call(self, name: str, arguments: str) -> None:
        """Call a tool, and say nothing more."""
        self._echoes = False
        await self.send("response.created", response={"id": "response-2", "status": "in_progress"})
        call_id = f"call-{next(self._items)}"
        await self.send(
            "response.function_call_arguments.done",
            response_id="response-2",
            item_id=f"item-{call_id}",
            output_index=0,
            call_id=call_id,
            name=name,
            arguments=arguments,
        )
        await self.send("response.done", response={"id": "response-2", "status": "completed"})


def _tone(encoding: str, values: dict[str, str]) -> bytes:
    """A tone as PCM; in G.711 it is only as long, since what it says is not looked at."""
    hz, ms = float(values["hz"]), float(values["ms"])
    if encoding != "audio/pcm":
        return b"\x2a" * int(8 * ms)
    count = int(24 * ms)
    wave = (int(AMPLITUDE * math.sin(2 * math.pi * hz * n / 24_000)) for n in range(count))
    return struct.pack(f"<{count}h", *wave)


class Agent:
    """All sessions of one server."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._talks: list[Talk] = []

    async def talk(self, websocket: ServerConnection) -> None:
        talk = Talk(len(self._talks), websocket)
        self._talks.append(talk)
        await talk.run()

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no websocket, or one without the key."""
        address = urlsplit(request.path)
        values = dict(parse_qsl(address.query))
        if address.path == PATH:
            known = not self._key or request.headers.get("Authorization") == f"Bearer {self._key}"
            if known and "model" in values:
                return None
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no key, or no model\n")
        if address.path != "/log":
            await self._talks[-1].do(address.path.removeprefix("/do/"), values)
        notes = [talk.note for talk in self._talks]
        return connection.respond(http.HTTPStatus.OK, json.dumps(notes))


if __name__ == "__main__":
    asyncio.run(run(Agent, __doc__))
