"""How a peer that serves websockets is run: `--port`, `--key`; it says `listening on PORT`."""

import argparse
from collections.abc import Callable
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response


class Serving(Protocol):
    """All sessions of one server."""

    async def talk(self, websocket: ServerConnection) -> None: ...

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None: ...


async def run(make: Callable[[str], Serving], about: str, **more: Any) -> None:
    """Serve what `make` returns for the key of the command line, as long as the process lasts."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="", help="the only key that is let in")
    options = parser.parse_args()
    sessions = make(options.key)
    server: Server
    async with serve(
        sessions.talk,
        "127.0.0.1",
        options.port,
        process_request=sessions.answer,
        compression=None,
        **more,
    ) as server:
        print(f"listening on {next(iter(server.sockets)).getsockname()[1]}", flush=True)
        await server.serve_forever()
