"""INVITEs that no call process ever sees, and what their callers are told."""

import pytest

from callengine.edge.interface import Refused
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer
from tests.callengine.edge.scene import Scene


async def test_a_refusal_carries_its_reason_and_is_repeated_until_acknowledged(
    scene: Scene,
) -> None:
    scene.engine.outcome = lambda _: Refused(488, "Not Acceptable Here", "Q.850;cause=88", 3)
    scene.peer.send(scene.invite(), scene.sip)
    refused = await scene.peer.expect(488)
    assert (refused.get("reason"), refused.get("retry-after")) == ("Q.850;cause=88", "3")
    assert (await scene.peer.next()).code == 488
    ack = scene.phone.request("ACK", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(ack, scene.sip)
    assert await scene.peer.silence(1.3)


async def test_an_engine_that_fails_gives_500_and_no_traceback_to_the_peer(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.engine.outcome = None
    scene.peer.send(scene.invite(), scene.sip)
    failed = await scene.peer.expect(500)
    assert b"no outcome" not in scene.peer.raw[-1]
    assert failed.phrase == "Server Internal Error"
    assert (await scene.engine.rejection("internal-error")).code == 500
    assert "no outcome was prepared" in caplog.text
    caplog.clear()


async def test_unusable_sdp_is_400_and_nobody_is_asked(scene: Scene) -> None:
    scene.peer.send(scene.invite(body="v=0\r\nnonsense\r\n"), scene.sip)
    assert (await scene.peer.expect(400)).cseq_method == "INVITE"
    await scene.engine.rejection("malformed-sdp")
    assert scene.engine.calls == []


async def test_shutting_down_is_503_with_retry_after(scene: Scene) -> None:
    scene.edge.refuse_new_calls(7)
    scene.peer.send(scene.invite(), scene.sip)
    assert (await scene.peer.expect(503)).get("retry-after") == "7"
    await scene.engine.rejection("shutting-down")


async def test_sources_off_every_list_are_refused_or_challenged(
    scene: Scene, callee: UdpPeer
) -> None:
    def knock(claims: str) -> None:
        stranger = Phone(*callee.address, user="eve", edge=scene.sip)
        text = stranger.request("INVITE", 1, uri=scene.uri, body=SDP)
        callee.send(
            text.replace(f"From: <sip:eve@{scene.sip[0]}>", f"From: <sip:{claims}>"), scene.sip
        )

    knock(f"eve@{scene.sip[0]}")
    assert (await callee.expect(401)).headers["www-authenticate"]
    knock("eve@example.net")
    assert (await callee.expect(403)).cseq_method == "INVITE"
    refused = await scene.engine.rejection("source-not-on-access-list")
    assert "127.0.0.4 is not on the access list of any trunk" in refused.advice
    scene.engine.external = True
    knock(f"alice@{scene.sip[0]}")
    await callee.expect(401)
    knock(f"eve@{scene.sip[0]}")
    await callee.expect(401)
    knock("eve@example.net")
    await callee.expect(100)
    await scene.engine.until(lambda: bool(scene.engine.calls))
    assert scene.engine.calls[0].source.kind == "external"
