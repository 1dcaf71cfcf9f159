"""TCP connections to the hosts of voice agents: resolved and opened in bounded time and number.

Both families are tried, the second a moment after the first (RFC 8305). What is said of a failure
names host and port alone: an agent's URL may hold a secret.
"""

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from urllib.parse import urlsplit

from agents.hosts import FORBIDDEN, is_forbidden

CONNECT_TIMEOUT_S = 5.0
"From being asked to being connected, the name's lookup included."
NEXT_ADDRESS_S = 0.25
"How long an address may take before the next one is tried as well (RFC 8305 section 5)."
MAX_ADDRESSES = 4
MAX_CONNECTING = 25
"Of one engine, at once; beyond that one waits."
RESOLVERS = 4
DEFAULT_PORTS = {"ws": 80, "wss": 443}

_Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


class AgentUnreachableError(OSError):
    """A host that was not reached; its text is a clause that says why."""


def endpoint(url: str) -> tuple[str, int]:
    """Return host and port of a websocket URL. Raises AgentUnreachableError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AgentUnreachableError("its URL cannot be read") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise AgentUnreachableError("its URL is no ws:// or wss:// URL with a host")
    return host, port or DEFAULT_PORTS[parts.scheme]


def written(host: str, port: int) -> str:
    """Return host and port as a person reads them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peer_of(sock: socket.socket) -> str:
    """Return where a socket is connected to; empty once it is not."""
    with contextlib.suppress(OSError):
        host, port = sock.getpeername()[:2]
        return written(host, port)
    return ""


class AgentHosts:
    """Opens the connections of one engine."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(MAX_CONNECTING)
        # Lookups that hang must not keep those of SIP peers waiting.
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="agent-names")
        self.connecting = 0
        "How many are being opened now."

    def close(self) -> None:
        """Look nothing up any more."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def connect(self, url: str) -> socket.socket:
        """Return a connected socket that does not block. Raises AgentUnreachableError."""
        host, port = endpoint(url)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S), self._room:
                self.connecting += 1
                try:
                    return await _first(await self._addresses(host, port), written(host, port))
                finally:
                    self.connecting -= 1
        except TimeoutError:
            text = f"{written(host, port)} did not answer within {CONNECT_TIMEOUT_S:g} s"
            raise AgentUnreachableError(text) from None

    async def _addresses(self, host: str, port: int) -> list[_Address]:
        """Return where a host is, the families in turn, the resolver's order in each."""
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._resolvers, _look_up, host, port)
        except (OSError, UnicodeError):
            raise AgentUnreachableError(f"the name {host[:253]} is not known") from None
        allowed = [row for row in rows if not is_forbidden(row[1][0])]
        if rows and not allowed:
            raise AgentUnreachableError(f"{host[:253]} is {FORBIDDEN}: no agent may be there")
        rows = allowed
        families = list(dict.fromkeys(family for family, _ in rows))
        columns = [[row for row in rows if row[0] == family] for family in families]
        mixed = chain.from_iterable(zip_longest(*columns))
        return [address for address in mixed if address is not None][:MAX_ADDRESSES]


def _look_up(host: str, port: int) -> list[_Address]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    wanted = (socket.AF_INET, socket.AF_INET6)
    return [(family, at) for family, _, _, _, at in answers if family in wanted]  # type: ignore[misc]


async def _first(addresses: list[_Address], name: str) -> socket.socket:
    """Return a connection to the first address that takes one; the others are closed."""
    attempts: set[asyncio.Task[socket.socket]] = set()
    waiting = list(addresses)
    why = f"the name of {name} has no address"
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.create_task(_opened(waiting.pop(0))))
            patience_s = NEXT_ADDRESS_S if waiting else None
            done, attempts = await asyncio.wait(
                attempts, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            won, failures = _sorted_out(done)
            if won is not None:
                return won
            why = next((f"{name} {_words(error)}" for error in failures), why)
    finally:
        await _abandoned(attempts)
    raise AgentUnreachableError(why)


def _sorted_out(
    done: set[asyncio.Task[socket.socket]],
) -> tuple[socket.socket | None, list[BaseException]]:
    """Return one connection of attempts that are over, the others closed, and what failed."""
    failures = [error for task in done if (error := task.exception()) is not None]
    won = [task.result() for task in done if task.exception() is None]
    for late in won[1:]:
        late.close()
    return (won[0] if won else None), failures


async def _abandoned(attempts: set[asyncio.Task[socket.socket]]) -> None:
    """Leave nothing of attempts that lost, one that has just succeeded included."""
    for task in attempts:
        task.cancel()
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, socket.socket):
            result.close()


async def _opened(address: _Address) -> socket.socket:
    family, at = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a frame each 20 ms
        await asyncio.get_running_loop().sock_connect(sock, at)
    except BaseException:
        with contextlib.suppress(OSError):
            sock.close()
        raise
    return sock


def _words(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    text = error.strerror if isinstance(error, OSError) else None
    return f"could not be connected ({(text or 'no reason given').lower()})"
