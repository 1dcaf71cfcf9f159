"""A peer's dialog taken over by another call (RFC 3891), and what comes between."""

from callengine.edge.interface import LegAnchor
from tests.callengine.edge.fakes import SDP, anchor
from tests.callengine.edge.scene import Scene


def calls_callee(scene: Scene, token: str, **more: object) -> LegAnchor:
    host, port = scene.callee.address
    where = {"request_uri": f"sip:1@{host}:{port}", "flow": f"udp:{host}:{port}"}
    return anchor("B2", token, scene.worker.address, **where, **more)


async def test_a_dialog_that_ends_before_the_answer_is_not_taken_over(scene: Scene) -> None:
    """Its 200 crossed our BYE; the call that took it over talked to nobody."""
    await scene.to_worker()
    scene.edge.open_legs(calls_callee(scene, "TOKENO"))
    scene.worker_request("INVITE", 1, token="TOKENO", call_id="o", body=SDP)
    scene.callee_reply(await scene.callee.expect("INVITE"), 200, "OK", SDP)
    inner_tag = (await scene.worker.expect(200)).to_tag
    scene.worker_request("ACK", 1, token="TOKENO", to_tag=inner_tag, call_id="o")
    await scene.callee.expect("ACK")
    scene.edge.open_legs(calls_callee(scene, "TOKENN", takes_over="TOKENO"))
    scene.worker_request("INVITE", 1, token="TOKENN", call_id="n", body=SDP)
    reinvite = await scene.callee.expect("INVITE")
    scene.worker_request("BYE", 2, token="TOKENO", to_tag=inner_tag, call_id="o")
    await scene.callee.expect("BYE")
    scene.callee_reply(reinvite, 200, "OK", SDP)
    assert (await scene.callee.expect("ACK")).cseq == reinvite.cseq
    assert (await scene.worker.expect(481)).call_id == "n"
    # Repeated, it is acknowledged again, and nothing else comes of it.
    scene.callee_reply(reinvite, 200, "OK", SDP)
    assert (await scene.callee.expect("ACK")).cseq == reinvite.cseq
