"""An engine that runs out of descriptors, in a process of its own: the limit is the process's."""

import asyncio
import json
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from callengine.engine.processes.process import ProcessState
from tests.callengine.edge.fakes import Phone, UdpPeer, reply_as
from tests.callengine.engine import boards
from tests.callengine.engine.forked import alive
from tests.peers import descriptions
from tests.peers.waiting import until

LIMIT = 200
MAX_CALLS = 3
PATIENCE_S = 30.0
PCMU = descriptions.sdp(["PCMU"], port=40000)


@contextmanager
def starving() -> Iterator[None]:
    """Take every descriptor that is left, down to the last one."""
    taken: list[int] = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        pass
    try:
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)


def _source(invite: Any) -> tuple[str, int]:
    return invite.via.host, invite.via.port


async def ringing(board: boards.Board, peer: UdpPeer, callee: UdpPeer) -> tuple[Phone, Any]:
    """Place a call and let it ring; return the caller and the INVITE the callee got."""
    phone = boards.call(board, peer)
    invite = await callee.expect("INVITE", PATIENCE_S)
    callee.send(reply_as(invite, 180, "Ringing", tag="c"), _source(invite))
    assert (await peer.expect(180)).code == 180
    return phone, invite


async def answered(board: boards.Board, peer: UdpPeer, callee: UdpPeer) -> None:
    phone, invite = await ringing(board, peer, callee)
    contact = f"<sip:bob@{callee.address[0]}:{callee.address[1]}>"
    accepted = reply_as(invite, 200, "OK", f"Contact: {contact}", tag="c", body=PCMU)
    callee.send(accepted, _source(invite))
    final = await peer.expect(200)
    peer.send(boards.request(phone, "ACK", to=final.get("to")), phone.edge)
    await callee.expect("ACK")


async def declined(peer: UdpPeer, callee: UdpPeer, invite: Any) -> None:
    callee.send(reply_as(invite, 486, "Busy Here", tag="c"), _source(invite))
    await peer.expect(486)


async def death(board: boards.Board, peer: UdpPeer, callee: UdpPeer) -> dict[str, Any]:
    """A call process dies and no spare can be forked in its place."""
    await answered(board, peer, callee)
    process = board.given_to()
    assert process is not None
    with starving():
        for one in board.pool.processes:
            if one is not process:
                os.kill(one.pid, signal.SIGKILL)
        await until(lambda: board.pool.processes == [process], "a spare does not die")
        with starving():
            os.kill(process.pid, signal.SIGKILL)
            byes = [(await end.expect("BYE", PATIENCE_S)).method for end in (peer, callee)]
    return {"byes": byes, "endings": [end["reason"] for end in board.written.endings]}


async def spare(board: boards.Board, peer: UdpPeer, callee: UdpPeer) -> dict[str, Any]:
    """A call takes the only spare and no other can be forked; later one is."""
    with starving():
        _, invite = await ringing(board, peer, callee)
        busy = board.pool.busy
        await declined(peer, callee, invite)
        await until(lambda: board.pool.busy == 0, "a process stays busy without a call")
    (process,) = board.pool.processes
    board.pool.release(process, recycle=True)
    await until(lambda: has_idle(board), "no spare is forked", timeout_s=PATIENCE_S)
    return {"busy": busy}


async def fork_server(board: boards.Board, peer: UdpPeer, callee: UdpPeer) -> dict[str, Any]:
    """The fork server dies and no other can be started; later one is."""
    server = board.pool._keeper._fork_server._process
    assert server is not None
    with starving():
        server.kill()
        await asyncio.sleep(1.5)
        had_another = board.pool._keeper._fork_server._process is not server
    for process in board.pool.processes:
        board.pool.release(process, recycle=True)
    await until(lambda: has_idle(board), "no process is forked", timeout_s=PATIENCE_S)
    another = board.pool._keeper._fork_server._process
    assert another is not None
    return {"had_another": had_another, "is_up": alive(another.pid)}


def has_idle(board: boards.Board) -> bool:
    return any(p.state is ProcessState.IDLE and alive(p.pid) for p in board.pool.processes)


async def _play(stage: Callable[..., Awaitable[dict[str, Any]]]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    peer, callee = await UdpPeer.open("127.0.0.3"), await UdpPeer.open("127.0.0.4")
    async with boards.opened(callee, max_calls=MAX_CALLS) as board:
        await until(lambda: has_idle(board), "no process is idle", timeout_s=PATIENCE_S)
        print(json.dumps(await stage(board, peer, callee)))


def play(stage: str) -> None:
    """Play a stage; print what was seen as one line of JSON."""
    asyncio.run(_play({"death": death, "spare": spare, "fork-server": fork_server}[stage]))
