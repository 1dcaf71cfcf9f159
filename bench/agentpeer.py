"""The agents' end of `bench.agents`: a websocket server that says and hears marked frames.

    python -m bench.agentpeer

It prints its port. Every websocket is ready at once and hears a frame as a message. A line on
standard input is `speak`, and each is sent a frame every 20 ms, `hush`, and none is, or a file to
write to what came and went so far, by caller: `{"7": {"came": [[ns, mark], ...], "sent": [[ns,
mark], ...]}}`; a mark is as in `bench.agentmarks`, the counter of PCMU, 1 or 0 of a loud or silent
frame. It ends with its input.
"""

import asyncio
import base64
import json
import re
import sys
import time
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench import agentmarks

HOST = "127.0.0.1"
SPREAD = 40
"Websockets that send at different moments of the 20 ms."


@dataclass
class Talker:
    """One websocket: what came and what was sent, with nanoseconds of the clock."""

    is_pcm: bool = False
    came: list[tuple[int, str]] = field(default_factory=list)
    sent: list[tuple[int, int]] = field(default_factory=list)

    def message(self, counter: int) -> str:
        """Return the next audio."""
        audio = agentmarks.samples(counter, 24000) if self.is_pcm else agentmarks.counted(counter)
        data = base64.b64encode(audio).decode()
        return json.dumps({"type": "reply.audio", "reply_id": "r", "data": data})

    def marks(self) -> dict[str, list[tuple[int, int | None]]]:
        """Return what is written to the file."""
        sent: list[tuple[int, int | None]] = [
            (at, int(n % agentmarks.LOUD_EACH == 0) if self.is_pcm else n) for at, n in self.sent
        ]
        return {"came": [(at, self._mark(text)) for at, text in self.came], "sent": sent}

    def _mark(self, text: str) -> int | None:
        audio = base64.b64decode(json.loads(text)["audio"])
        return int(agentmarks.is_loud(audio)) if self.is_pcm else agentmarks.counter_in(audio)


class Peer:
    """All websockets."""

    def __init__(self) -> None:
        self.talkers: dict[str, Talker] = {}
        self._speaks = asyncio.Event()

    def obey(self, line: str) -> None:
        """Do what a line of the input says."""
        if line == "speak":
            self._speaks.set()
        elif line == "hush":
            self._speaks.clear()
        else:
            self._write(line)

    async def serve(self, connection: ServerConnection) -> None:
        """Take one websocket until it closes."""
        first = await connection.recv()
        session = json.loads(first)["session"]
        caller = re.search(r'"caller": "(\d+)"', session["system_prompt"])
        talker = Talker(is_pcm=session["output"]["format"]["encoding"] == "audio/pcm")
        self.talkers[caller[1] if caller else f"unknown {len(self.talkers)}"] = talker
        ready = {"type": "session.ready", "session_id": f"s{len(self.talkers)}", "config": session}
        await connection.send(json.dumps(ready))
        speaking = asyncio.create_task(self._speak(connection, talker, len(self.talkers)))
        try:
            async for message in connection:
                if isinstance(message, str) and '"input.audio"' in message[:40]:
                    talker.came.append((time.time_ns(), message))
                elif '"session.end"' in str(message):
                    await connection.send('{"type": "session.ended"}')
        except ConnectionClosed:
            pass
        finally:
            speaking.cancel()

    async def _speak(self, connection: ServerConnection, talker: Talker, number: int) -> None:
        place, counter, due = number % SPREAD / SPREAD * agentmarks.FRAME_S, 0, 0.0
        while True:
            if not self._speaks.is_set():
                await self._speaks.wait()
                due = time.monotonic() // agentmarks.FRAME_S * agentmarks.FRAME_S + place
            counter, due = counter + 1, due + agentmarks.FRAME_S
            message = talker.message(counter)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            talker.sent.append((time.time_ns(), counter))
            await connection.send(message)

    def _write(self, file: str) -> None:
        """Write what came and went."""
        with open(file, "w") as stream:
            json.dump({name: talker.marks() for name, talker in self.talkers.items()}, stream)


async def main() -> None:
    """Serve until the input ends."""
    peer = Peer()
    async with serve(peer.serve, HOST, 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        async for line in reader:
            peer.obey(line.decode().strip())
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
