"""Connections to agents' hosts: both families, bounded in time and number, nothing left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from callengine.engine.parties import agenthosts
from callengine.engine.parties.agenthosts import AgentHosts, AgentUnreachableError, endpoint
from tests.peers.waiting import until

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
async def hosts() -> AsyncIterator[AgentHosts]:
    """Whatever comes of a test, no socket of it stays open."""
    before = sockets()
    hosts = AgentHosts()
    yield hosts
    hosts.close()
    assert not sockets() - before


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def mute() -> Iterator[tuple[str, int]]:
    """An address at which a connection is never answered: its queue is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for filling in (first, second):
            filling.setblocking(False)
            filling.connect_ex(server.getsockname())
        yield server.getsockname()


def descriptors() -> Iterator[str]:
    for path in Path("/proc/self/fd").iterdir():
        try:
            yield str(path.readlink())
        except FileNotFoundError:
            continue


def sockets() -> set[str]:
    return {name for name in descriptors() if name.startswith("socket:")}


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[str, int]]) -> None:
    monkeypatch.setattr(agenthosts, "_look_up", lambda host, port: list(addresses))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://agent.example/x?key=1", ("agent.example", 80)),
        ("wss://agent.example", ("agent.example", 443)),
        ("wss://user:word@agent.example:8443/", ("agent.example", 8443)),
        ("ws://[::1]:9/", ("::1", 9)),
    ],
)
def test_host_and_port_are_the_urls(url: str, expected: tuple[str, int]) -> None:
    assert endpoint(url) == expected


@pytest.mark.parametrize(
    "url", ["http://a/?secret=hush", "ws://", "ws://a:99999/hush", "ws://[hush"]
)
def test_a_url_that_leads_nowhere_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(AgentUnreachableError) as error:
        endpoint(url)
    assert "hush" not in str(error.value)


async def test_a_host_that_listens_is_connected(
    hosts: AgentHosts, listening: socket.socket
) -> None:
    port = listening.getsockname()[1]
    with await hosts.connect(f"ws://localhost:{port}/?key=hush") as sock:
        assert sock.getblocking() is False
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        peer, _ = listening.accept()
        with peer:
            assert agenthosts.peer_of(sock) == f"127.0.0.1:{port}"
    assert hosts.connecting == 0


async def test_a_host_that_refuses_is_named_without_its_secret(
    hosts: AgentHosts, listening: socket.socket
) -> None:
    port = listening.getsockname()[1]
    listening.close()
    with pytest.raises(AgentUnreachableError) as error:
        await hosts.connect(f"ws://127.0.0.1:{port}/?key=hush")
    assert str(error.value) == f"127.0.0.1:{port} refused the connection"


async def test_a_name_that_nobody_knows_is_told(hosts: AgentHosts) -> None:
    with pytest.raises(AgentUnreachableError, match=r"the name nowhere\.invalid is not known"):
        await hosts.connect("wss://nowhere.invalid/hush")


async def test_a_host_that_says_nothing_is_given_up_in_time(
    hosts: AgentHosts, mute: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenthosts, "CONNECT_TIMEOUT_S", 0.2)
    with pytest.raises(AgentUnreachableError, match=r"127\.0\.0\.1:.* did not answer within 0.2 s"):
        await hosts.connect(f"ws://127.0.0.1:{mute[1]}")


async def test_the_second_address_is_tried_while_the_first_says_nothing(
    hosts: AgentHosts,
    listening: socket.socket,
    mute: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved(monkeypatch, (V4, mute), (V4, listening.getsockname()))
    with await hosts.connect("wss://agent.example") as sock:
        assert sock.getpeername() == listening.getsockname()


async def test_the_other_family_is_tried_at_once_if_the_first_refuses(
    hosts: AgentHosts, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenthosts, "NEXT_ADDRESS_S", 60.0)
    resolved(monkeypatch, (V6, ("::1", 9)), (V4, listening.getsockname()))
    with await hosts.connect("wss://agent.example") as sock:
        assert sock.getpeername() == listening.getsockname()


async def test_families_take_turns_and_only_so_many_addresses_are_tried(
    hosts: AgentHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(V6, ("::1", n)) for n in range(5)] + [(V4, ("127.0.0.1", n)) for n in range(5)]
    resolved(monkeypatch, *rows)
    addresses = await hosts._addresses("agent.example", 443)
    assert [(family, at[1]) for family, at in addresses] == [(V6, 0), (V4, 0), (V6, 1), (V4, 1)]


async def test_a_call_that_ends_leaves_nothing(hosts: AgentHosts, mute: tuple[str, int]) -> None:
    task = asyncio.create_task(hosts.connect(f"ws://127.0.0.1:{mute[1]}"))
    await until(lambda: hosts.connecting == 1, "nothing is being connected")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hosts.connecting == 0


async def test_connections_under_way_have_a_bound(
    mute: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenthosts, "MAX_CONNECTING", 2)
    monkeypatch.setattr(agenthosts, "CONNECT_TIMEOUT_S", 0.3)
    hosts = AgentHosts()
    urls = [f"ws://127.0.0.1:{mute[1]}"] * 5
    tasks = [asyncio.create_task(hosts.connect(url)) for url in urls]
    most = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.01)
        most = max(most, hosts.connecting)
    assert most == 2
    assert {type(task.exception()) for task in tasks} == {AgentUnreachableError}
    hosts.close()


async def test_nothing_is_opened_to_what_surrounds_this_machine(
    hosts: AgentHosts, monkeypatch: pytest.MonkeyPatch, listening: socket.socket
) -> None:
    with pytest.raises(AgentUnreachableError, match="link-local"):
        await hosts.connect("ws://169.254.169.254/latest/meta-data/")
    resolved(monkeypatch, (V4, ("169.254.169.254", 80)), (V4, listening.getsockname()))
    with await hosts.connect("ws://metadata.example/") as sock:
        assert sock.getpeername() == listening.getsockname()
