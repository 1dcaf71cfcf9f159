"""Calls whose process is gone or done: the edge ends what is left."""

import asyncio

import pytest

from callengine.edge.frontdoor import Edge
from tests.callengine.edge.fakes import SDP, FakeEngine, UdpPeer, anchor, edge_settings, reply_as
from tests.callengine.edge.scene import CALL, Scene


async def test_abandon_ends_an_answered_call_on_both_legs(scene: Scene) -> None:
    await scene.answered()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 200, "OK", SDP)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 7, to_tag="bt")
    await scene.callee.expect("ACK")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    bye_a = await scene.peer.expect("BYE")
    bye_b = await scene.callee.expect("BYE")
    assert (bye_a.from_tag, bye_a.to_tag) == ("workertag", scene.phone.tag)
    assert (bye_b.from_tag, bye_b.to_tag, bye_b.cseq) == ("wb", "bt", 8)
    assert bye_b.get("reason") == "Q.850;cause=41"
    scene.callee.send(reply_as(bye_b, 200, "OK", tag=""), scene.sip)
    again = await scene.peer.expect("BYE")
    assert again.via.raw == bye_a.via.raw
    scene.peer.send(reply_as(again, 200, "OK", tag=""), scene.sip)
    assert await scene.callee.silence(0.8)
    scene.peer.send(scene.in_dialog("BYE", 5), scene.sip)
    assert (await scene.peer.expect(200)).cseq == 5
    scene.peer.send(scene.in_dialog("INVITE", 6, body=SDP), scene.sip)
    assert (await scene.peer.expect(481)).cseq == 6


async def test_abandon_while_ringing_fails_the_caller_and_cancels_the_callee(scene: Scene) -> None:
    first = await scene.to_worker()
    scene.worker_reply(first, 180, "Ringing")
    await scene.peer.expect(180)
    invite = await scene.ringing_b()
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    failed = await scene.peer.expect(500)
    assert failed.to_tag == "workertag"
    cancel = await scene.callee.expect("CANCEL")
    assert cancel.via.branch == invite.via.branch
    scene.callee_reply(cancel, 200, "OK")
    scene.callee_reply(invite, 487, "Request Terminated")
    ack = await scene.callee.expect("ACK")
    assert (ack.via.branch, ack.to_tag) == (invite.via.branch, "bt")


async def test_an_answer_that_crosses_the_abandoning_is_acknowledged_and_ended(
    scene: Scene,
) -> None:
    await scene.to_worker()
    scene.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
    invite = await scene.callee.expect("INVITE")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    assert await scene.callee.silence(0.2)
    scene.callee_reply(invite, 180, "Ringing")
    await scene.callee.expect("CANCEL")
    scene.callee_reply(invite, 200, "OK", SDP)
    ack, bye = await scene.callee.expect("ACK"), await scene.callee.expect("BYE")
    assert (ack.cseq, bye.cseq, bye.to_tag) == (7, 8, "bt")


async def test_a_closed_call_lingers_then_is_forgotten(
    engine: FakeEngine, peer: UdpPeer, worker: UdpPeer
) -> None:
    edge = Edge(engine, edge_settings(listen=(("udp", "127.0.0.2", 0),), linger_s=0.2))
    await edge.start()
    edge.open_legs(anchor("A", "T", worker.address))
    edge.close_call(CALL)
    with pytest.raises(ValueError, match="in use"):
        edge.open_legs(anchor("A", "T", worker.address))
    await asyncio.sleep(0.3)
    edge.open_legs(anchor("A", "T", worker.address))
    await edge.stop()


async def test_a_process_that_dies_before_its_legs_are_open_fails_the_call(scene: Scene) -> None:
    scene.engine.may_answer.clear()
    scene.peer.send(scene.invite(), scene.sip)
    await scene.peer.expect(100)
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    scene.engine.may_answer.set()
    assert (await scene.peer.expect(500)).cseq_method == "INVITE"


async def test_a_request_pending_at_the_dead_process_is_answered(scene: Scene) -> None:
    await scene.answered()
    scene.peer.send(scene.in_dialog("BYE", 2), scene.sip)
    await scene.worker.expect("BYE")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    assert (await scene.peer.expect(200)).cseq_method == "BYE"
    assert await scene.peer.silence(0.7)


async def test_an_unacknowledged_answer_is_ended_soon_after(scene: Scene) -> None:
    invite = await scene.to_worker()
    scene.worker_reply(invite, 200, "OK", body=SDP)
    await scene.peer.expect(200)
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    assert (await scene.peer.expect("BYE")).to_tag == scene.phone.tag
