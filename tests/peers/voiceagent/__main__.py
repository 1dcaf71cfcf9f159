"""The server: `python -m tests.peers.voiceagent [--port 0] [--key KEY]`.

It prints `listening on PORT`. How one websocket goes is told by its URL's query (behaviour.py).
What has happened, and what is to happen in a conversation that lasts (`call` is its number in the
log, the newest unless told), by HTTP GET:

    /log                                      every conversation, with its violations
    /frames?call=N                            what came since ready: [[seconds, base64], ...]
    /do/say?hz=440&ms=3000&chunk=300          a reply, sent at once; &first=1600 a first piece of
                                              another size; &whole=0 leaves out its end
    /do/keys?digits=123                       a reply of keys' tones
    /do/interrupt                             reply.done, interrupted
    /do/done                                  reply.done, completed
    /do/tool?name=end_call&arguments={}       a tool call in a reply; &done=0 leaves out its end
    /do/user?text=hello                       what the caller is understood to say
    /do/error?code=...&message=...            session.error
    /do/send?text=...                         any text
    /do/odd                                   all that a client must bear
    /do/drop?code=1011                        close; 0 breaks the connection
    /do/end                                   session.ended
"""

import asyncio
import base64
import http
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.peers.voiceagent import sounds
from tests.peers.voiceagent.behaviour import Behaviour
from tests.peers.voiceagent.session import Conversation, Sessions
from tests.peers.websocketserver import run

PATH = "/v1/ws"


class VoiceAgent:
    """All conversations of one server."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._conversations: list[Conversation] = []
        self._sessions = Sessions()

    async def talk(self, websocket: ServerConnection) -> None:
        assert websocket.request is not None
        told = self._told(urlsplit(websocket.request.path).query)
        conversation = Conversation(len(self._conversations), websocket, told, self._sessions)
        self._conversations.append(conversation)
        authorization = websocket.request.headers.get("Authorization", "")
        if self._key and authorization != f"Bearer {self._key}":
            conversation.breach("Authorization is not the key")
            await conversation.fail("UNAUTHORIZED", "the key is wrong")
            await conversation.shut(1008, "unauthorized")
        await conversation.run()

    def _told(self, query: str) -> Behaviour:
        """Return how to behave; what is for some websockets alone is worn off by each."""
        told = Behaviour.of(query)
        if told.http:
            return told
        strikes = bool(told.error or told.close) and self._strikes(query, told)
        return told if strikes or not told.times else Behaviour.of(_without_strikes(query))

    def _strikes(self, query: str, told: Behaviour) -> bool:
        self._sessions.struck[query] += 1
        return not told.times or self._sessions.struck[query] <= told.times

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no websocket, or one that is to be refused."""
        address = urlsplit(request.path)
        if address.path != PATH:
            try:
                shown = await self._asked(address.path, dict(parse_qsl(address.query)))
            except (LookupError, ValueError) as error:
                return connection.respond(http.HTTPStatus.BAD_REQUEST, f"{error}\n")
            return connection.respond(http.HTTPStatus.OK, json.dumps(shown))
        told = Behaviour.of(address.query)
        if told.http and self._strikes(address.query, told):
            return connection.respond(http.HTTPStatus(told.http), "told to\n")
        return None

    async def _asked(self, path: str, values: dict[str, str]) -> Any:
        if path == "/log":
            return [conversation.summary() for conversation in self._conversations]
        conversation = self._conversations[int(values.pop("call", -1))]
        if path == "/frames":
            frames = conversation.frames
            return [[round(at, 4), base64.b64encode(audio).decode()] for at, audio in frames]
        await _do(conversation, path.removeprefix("/do/"), values)
        return {"call": conversation.number}


async def _do(talk: Conversation, what: str, values: dict[str, str]) -> None:
    is_whole = values.get("whole", "1") == "1"
    match what:
        case "say":
            audio = sounds.tone(talk.output, float(values["hz"]), float(values["ms"]))
            chunk, first = int(values.get("chunk", 0)), int(values.get("first", 0))
            await talk.say(audio, chunk=chunk, first=first, is_whole=is_whole)
        case "keys":
            await talk.say(sounds.keys(talk.output, values["digits"]))
        case "tool":
            reply = await talk.begin_reply()
            await talk.call_tool(values["name"], json.loads(values.get("arguments", "{}")))
            if values.get("done", "1") == "1":
                await talk.send("reply.done", reply_id=reply, status="completed")
        case "interrupt":
            await talk.interrupt()
        case "done":
            await talk.send("reply.done", status="completed")
        case _:
            await _do_more(talk, what, values)


async def _do_more(talk: Conversation, what: str, values: dict[str, str]) -> None:
    match what:
        case "user":
            await talk.send("input.speech.started")
            await talk.send("transcript.user.delta", text=values["text"][:3])
            await talk.send("input.speech.stopped")
            await talk.send("transcript.user", text=values["text"])
        case "agent":
            await talk.send("transcript.agent", text=values["text"], interrupted=False)
        case "error":
            await talk.fail(values["code"], values.get("message", "told to"))
        case "send":
            await talk._websocket.send(values["text"])
        case "odd":
            await talk.send_odd()
        case "drop":
            await talk.shut(int(values.get("code", 0)), "told to")
        case "end":
            await talk.end()
        case _:
            raise ValueError(f"{what} is nothing to do")


def _without_strikes(query: str) -> str:
    kept = (pair for pair in query.split("&") if not pair.startswith(("error=", "close=", "http=")))
    return "&".join(kept)


asyncio.run(run(VoiceAgent, __doc__, max_size=4 << 20))
