"""ICMP errors (RFC 3261 section 18.4): they end what did not arrive, and nothing else."""

import asyncio

import pytest

from callengine.edge.flow import UDP, Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.messages.branches import key_in
from callengine.edge.messages.received import Received
from callengine.edge.transport.listeners import bind
from callengine.edge.transport.udp import UdpListener
from tests.callengine.edge.fakes import SDP, UdpPeer
from tests.callengine.edge.scene import Scene
from tests.peers.waiting import until

SOON_S = 10.0
"Far less than the time after which a silent peer is given up."
QUIET_S = 1.0
"In which an INVITE would have been repeated."


async def _dial(scene: Scene) -> None:
    await scene.to_worker()
    scene.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)


def _say(scene: Scene, quoted: bytes, address: tuple[str, int]) -> None:
    """Tell the edge what the kernel would of such an ICMP error."""
    scene.edge._parts.undelivered(quoted, Flow(UDP, *address), "nothing listens there")


async def test_a_callee_whose_port_is_closed_fails_at_once_and_is_sent_nothing_more(
    scene: Scene,
) -> None:
    host, port = scene.callee.address
    await scene.callee.close()
    await _dial(scene)
    refused = await scene.worker.expect(503, SOON_S)
    assert f"nothing listens at udp:{host}:{port}" in refused.get("reason")
    late = await UdpPeer.open(host, port)
    assert await late.silence(QUIET_S)
    await late.close()


async def test_requests_of_no_call_fail_at_once_too(edge: Edge, callee: UdpPeer) -> None:
    host, port = callee.address
    await callee.close()
    async with asyncio.timeout(SOON_S):
        sounding = await edge.probe(f"sip:{host}:{port}", Flow(UDP, host, port))
    assert sounding.code == 503
    assert f"nothing listens at udp:{host}:{port}" in sounding.said


@pytest.mark.parametrize("forged", ["branch", "place", "method", "short", "response"])
async def test_what_is_not_about_a_request_of_ours_to_that_place_is_left_alone(
    scene: Scene, forged: str
) -> None:
    """Whoever forges an error knows neither the branch nor more than an address to guess."""
    await _dial(scene)
    await scene.callee.expect("INVITE")
    sent, (host, port) = scene.callee.raw[-1], scene.callee.address
    branch, _ = key_in(sent) or ("", "")
    changed = {
        "branch": (sent.replace(branch.encode(), b"z9hG4bKvn" + b"0" * 24), (host, port)),
        "place": (sent, (host, port + 1)),
        "method": (sent.replace(b"INVITE sip", b"OPTIONS sip"), (host, port)),
        "short": (sent[:8], (host, port)),
        "response": (b"SIP/2.0 200 OK\r\n" + sent.partition(b"\r\n")[2], (host, port)),
    }
    _say(scene, *changed[forged])
    assert await _is_not_refused(scene)
    _say(scene, sent, (host, port))
    await scene.worker.expect(503, SOON_S)


async def test_a_callee_that_has_answered_is_there_whatever_icmp_says(scene: Scene) -> None:
    await scene.answered()
    invite = await scene.ringing_b()
    _say(scene, scene.callee.raw[-1], scene.callee.address)
    scene.callee_reply(invite, 200, "OK", body=SDP)
    await scene.worker.expect(200, SOON_S)


async def _is_not_refused(scene: Scene) -> bool:
    heard: list[Received] = []
    try:
        while True:
            heard.append(await scene.worker.next(0.2))
    except TimeoutError:
        return not [message for message in heard if message.code >= 300]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_error_costs_no_datagram_to_somebody_else(host: str) -> None:
    """The kernel fails the next send of the socket with it, wherever that goes."""
    told: list[tuple[bytes, Flow, str]] = []
    closed, there = await UdpPeer.open(host), await UdpPeer.open(host)
    gone = closed.address
    await closed.close()
    listener = UdpListener(
        bind(UDP, host, 0),
        lambda *_: None,
        on_undelivered=lambda *error: told.append(error),
    )
    for number in range(5):
        listener.send(b"to nobody", *gone)
        listener.send(b"%d" % number, *there.address)
    async with asyncio.timeout(SOON_S):
        heard = [await there.heard.get() for _ in range(5)]
    await until(lambda: len(told) == 5, "not told of every error")
    listener.close()
    await there.close()
    assert heard == [b"%d" % number for number in range(5)]
    assert {(quoted, flow) for quoted, flow, _ in told} == {(b"to nobody", Flow(UDP, *gone))}
