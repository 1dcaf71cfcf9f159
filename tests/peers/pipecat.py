"""A server of agents that is not our code: pipecat's telephony serializers and its transport.

    .setup/peers/bin/python -m tests.peers.pipecat [--port 0] [--rest URL --account SID --token T]

ws://127.0.0.1:PORT/ws is Twilio's or Plivo's dialect, as pipecat recognises it by itself. The
caller's audio comes back. Keys: 1 = a tone of 440 Hz for 2 s, then a mark; 7 = echo off or on;
9 = the caller interrupts; 5 = close with 1011; 0 = hang up: by Twilio's REST call at `--rest`, then
the socket closes; 6 = that REST call alone. GET /log tells what pipecat understood.
"""

import argparse
import json
import math
import os
import socket
import struct
from typing import Any

os.environ.setdefault("LOGURU_LEVEL", "WARNING")

import uvicorn
from fastapi import FastAPI, Request, WebSocket
from pipecat.frames.frames import (
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.workers.runner import WorkerRunner

RATE_HZ = 24_000
TONE_HZ, TONE_S, AMPLITUDE = 440, 2, 9_000
MARK = "tone-end"


class Parrot(FrameProcessor):
    """Says again what it hears, and heeds keys."""

    def __init__(self, serializer: Any, note: dict[str, Any], websocket: WebSocket) -> None:
        super().__init__()
        self._serializer, self._note, self._websocket = serializer, note, websocket
        self._echoes = True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._note["heard_s"] += len(frame.audio) / 2 / frame.sample_rate
            if self._echoes:
                await self._say(frame.audio, frame.sample_rate)
        elif isinstance(frame, InputDTMFFrame):
            self._note["digits"] += frame.button.value
            await self._heed(frame.button.value)
        else:
            await self.push_frame(frame, direction)

    async def _heed(self, digit: str) -> None:
        match digit:
            case "1":
                await self._say(_tone(), RATE_HZ)
                message = _mark(self._note["kind"], self._note["stream"])
                await self.push_frame(OutputTransportMessageFrame(message=message))
            case "7":
                self._echoes = not self._echoes
            case "9":
                self._echoes = False
                await self.broadcast_interruption()
            case "5":
                await self._websocket.close(1011, "told to")
            case "6":
                await self._serializer._hang_up_call()
            case "0":
                await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)

    async def _say(self, audio: bytes, rate: int) -> None:
        frame = OutputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=1)
        await self.push_frame(frame)


def _tone() -> bytes:
    samples = (
        int(AMPLITUDE * math.sin(2 * math.pi * TONE_HZ * n / RATE_HZ))
        for n in range(TONE_S * RATE_HZ)
    )
    return struct.pack(f"<{TONE_S * RATE_HZ}h", *samples)


def _mark(kind: str, stream: str) -> dict[str, Any]:
    if kind == "plivo":
        return {"event": "checkpoint", "streamId": stream, "name": MARK}
    return {"event": "mark", "streamSid": stream, "mark": {"name": MARK}}


def _note_marks(serializer: Any, note: dict[str, Any]) -> None:
    """Write down the marks that come back, which pipecat itself has no use for."""
    read = serializer.deserialize

    async def deserialize(data: str | bytes) -> Frame | None:
        message = json.loads(data)
        if message.get("event") in ("mark", "playedStream"):
            note["marks"].append(message.get("name") or message["mark"]["name"])
        frame: Frame | None = await read(data)
        return frame

    serializer.deserialize = deserialize


class Server:
    """Every call, and a stand-in for Twilio's REST service."""

    def __init__(self, rest: str, account: str, token: str) -> None:
        self.rest, self._account, self._token = rest, account, token
        self.log: list[dict[str, Any]] = []
        self.app = FastAPI()
        self.app.add_api_websocket_route("/ws", self.talk)
        self.app.add_api_route("/log", lambda: self.log)
        path = "/2010-04-01/Accounts/{account}/Calls/{call}.json"
        self.app.add_api_route(path, self.hang_up, methods=["POST"])

    async def talk(self, websocket: WebSocket) -> None:
        await websocket.accept()
        kind, call = await parse_telephony_websocket(websocket)
        stream, body = str(call.get("stream_id")), call.get("body") or {}
        note: dict[str, Any] = {"kind": kind, "stream": stream, "call": call.get("call_id")}
        note |= {"body": dict(body), "heard_s": 0.0, "digits": "", "marks": [], "is_over": False}
        note["headers"] = dict(websocket.headers)
        self.log.append(note)
        if kind not in ("twilio", "plivo"):
            await websocket.close(1003, "pipecat knows no such dialect")
            return
        serializer = self._serializer(kind, stream, str(call.get("call_id")))
        _note_marks(serializer, note)
        await self._run(websocket, serializer, Parrot(serializer, note, websocket), note)

    def _serializer(self, kind: str, stream: str, call: str) -> Any:
        """A resampler that forgot its state in a busy machine's pause would cut a tone."""
        if kind == "plivo":
            plivo = PlivoFrameSerializer.InputParams(
                auto_hang_up=False, resampler_clear_after_secs=None
            )
            return PlivoFrameSerializer(stream_id=stream, params=plivo)
        return TwilioFrameSerializer(
            stream_sid=stream,
            call_sid=call,
            account_sid=self._account,
            auth_token=self._token,
            base_url=self.rest,
            params=TwilioFrameSerializer.InputParams(resampler_clear_after_secs=None),
        )

    async def _run(
        self, websocket: WebSocket, serializer: Any, parrot: Parrot, note: dict[str, Any]
    ) -> None:
        params = FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
        )
        transport = FastAPIWebsocketTransport(websocket, params)
        worker = PipelineWorker(
            Pipeline([transport.input(), parrot, transport.output()]),
            idle_timeout_secs=None,
            enable_rtvi=False,
            params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
        )

        @transport.event_handler("on_client_disconnected")
        async def gone(_transport: Any, _client: Any) -> None:
            note["is_over"] = True
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    async def hang_up(self, account: str, call: str, request: Request) -> dict[str, str]:
        body = (await request.body()).decode()
        authorization = request.headers.get("authorization", "")
        said = {"kind": "rest", "account": account, "call": call, "body": body}
        self.log.append({**said, "authorization": authorization})
        return {"sid": call, "status": "completed"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rest", default="", help="where to hang up; a stand-in of its own")
    parser.add_argument("--account", default="AC" + "0" * 32)
    parser.add_argument("--token", default="token")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        port = listener.getsockname()[1]
        rest = options.rest or f"http://127.0.0.1:{port}"
        server = Server(rest, options.account, options.token)
        print(f"listening on {port}", flush=True)
        config = uvicorn.Config(server.app, log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
