"""The least there can be between phones and agents, to compare with: `python -m bench.agentwire`.

    python -m bench.agentwire URL FIRST LAST

For each caller from FIRST to LAST a UDP socket and a websocket in one process: what comes as RTP
goes on as a message, what comes as a message goes on as RTP, at once, without a look at it. It
prints the ports, and ends with its input. All of it is audio/pcmu: nothing is converted here.
"""

import asyncio
import base64
import json
import struct
import sys
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

HOST = "127.0.0.1"


class Wire(asyncio.DatagramProtocol):
    """One call."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._phone: Any = None
        self._sequence = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._phone = address
        self._waiting.put_nowait(data[12:])

    async def to_agent(self) -> None:
        """Pass on what the phone sends."""
        while True:
            audio = base64.b64encode(await self._waiting.get()).decode()
            await self._websocket.send(f'{{"type":"input.audio","audio":"{audio}"}}')

    async def to_phone(self) -> None:
        """Pass on what the agent sends."""
        async for message in self._websocket:
            value = json.loads(message)
            if value["type"] == "reply.audio" and self._phone:
                self._sequence = self._sequence + 1 & 0xFFFF
                head = struct.pack("!BBHII", 0x80, 0, self._sequence, self._sequence * 160, 1)
                self._transport.sendto(head + base64.b64decode(value["data"]), self._phone)


def _same(wire: Wire) -> Wire:
    return wire


async def main(url: str, first: int, last: int) -> None:
    """Connect everybody, tell the ports, pass on until the input ends."""
    loop, tasks, ports = asyncio.get_running_loop(), [], []
    for number in range(first, last + 1):
        websocket = await connect(url, compression=None, ping_interval=None)
        form = {"format": {"encoding": "audio/pcmu"}}
        session = {"system_prompt": f'"caller": "{number}"', "input": form, "output": form}
        await websocket.send(json.dumps({"type": "session.update", "session": session}))
        wire = Wire(websocket)
        transport, _ = await loop.create_datagram_endpoint(partial(_same, wire), (HOST, 0))
        ports.append(transport.get_extra_info("sockname")[1])
        tasks += [asyncio.create_task(work) for work in (wire.to_agent(), wire.to_phone())]
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
