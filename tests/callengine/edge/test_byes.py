"""BYE: what waits for it, what it waits for, and how long it is repeated."""

import asyncio
import re

import pytest

from callengine.edge.messages.digest import digest_response, parse_answer
from callengine.edge.transactions import server
from sip.digest import digest_ha1
from tests.callengine.edge.fakes import SDP, UdpPeer, anchor, reply_as
from tests.callengine.edge.scene import CALL, Scene

pytestmark = pytest.mark.thorough


async def test_a_bye_that_comes_when_the_wait_for_the_ack_is_over_goes_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3261 section 13.3.1.4; the call process gives up at about the same moment as we do."""
    monkeypatch.setattr(server, "TIMEOUT_S", 0.2)
    invite = await scene.to_worker()
    scene.worker_reply(invite, 200, "OK", body=SDP)
    await scene.peer.expect(200)
    await asyncio.sleep(0.4)
    scene.worker_request("BYE", 2, token="TOKENA", to_tag="x", call_id="TOKENA")
    assert (await scene.peer.expect("BYE")).to_tag == scene.phone.tag


async def test_nothing_but_bye_is_taken_once_a_peer_has_said_bye(scene: Scene) -> None:
    """RFC 3261 section 15.1.2; whatever crosses the answer to the BYE is answered all the same."""
    invite = await scene.to_worker()
    scene.worker_reply(invite, 200, "OK", body=SDP)
    await scene.peer.expect(200)
    scene.peer.send(scene.in_dialog("ACK", invite.cseq), scene.sip)
    scene.peer.send(scene.in_dialog("BYE", 5), scene.sip)
    bye = await scene.worker.expect("BYE")
    for cseq, method in enumerate(("INVITE", "UPDATE", "INFO", "OPTIONS"), 6):
        scene.peer.send(scene.in_dialog(method, cseq), scene.sip)
        refused = await scene.peer.expect(481)
        assert (refused.cseq, refused.cseq_method) == (cseq, method)
    scene.worker_reply(bye, 200, "OK")
    assert (await scene.peer.expect(200)).cseq_method == "BYE"


@pytest.mark.parametrize("gives_up", ["call process", "edge"])
async def test_the_bye_to_whoever_never_acknowledged_goes_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gives_up: str
) -> None:
    """Nothing has shown that the source of the INVITE is where it says."""
    scene.engine.trunks.clear()
    scene.engine.external = True
    stranger = scene.invite().replace("From: <sip:alice@127.0.0.2>", "From: <sip:eve@far.example>")
    with monkeypatch.context() as patch:
        patch.setattr(server, "TIMEOUT_S", 0.2)
        scene.peer.send(stranger, scene.sip)
        invite = await scene.worker.expect("INVITE")
        scene.worker_reply(invite, 200, "OK", body=SDP)
        await scene.peer.expect(200)
        await asyncio.sleep(0.4)
    if gives_up == "edge":
        scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    else:
        scene.worker_request("BYE", 2, token="TOKENA", to_tag="x", call_id="TOKENA")
    await scene.peer.expect("BYE")
    assert await scene.peer.silence(1.2)


async def test_the_bye_to_whoever_acknowledged_is_repeated(scene: Scene) -> None:
    await scene.answered()
    scene.worker_request("BYE", 2, token="TOKENA", to_tag="x", call_id="TOKENA")
    for _ in range(2):
        await scene.peer.expect("BYE")


async def test_a_bye_that_a_gateway_challenges_is_sent_again_with_credentials_once(
    scene: Scene, worker: UdpPeer
) -> None:
    await scene.to_worker()
    host, port = scene.callee.address
    uri = f"sip:1@{host}:{port}"
    more = {"request_uri": uri, "flow": f"udp:{host}:{port}"}
    scene.edge.open_legs(
        anchor("B2", "TOKENG", worker.address, username="u", password="pw", **more)
    )
    scene.worker_request("INVITE", 1, token="TOKENG", call_id="g", body=SDP)
    scene.callee_reply(await scene.callee.expect("INVITE"), 200, "OK", SDP)
    inner_tag = (await scene.worker.expect(200)).to_tag
    scene.worker_request("ACK", 1, token="TOKENG", to_tag=inner_tag, call_id="g")
    await scene.callee.expect("ACK")
    scene.worker_request("BYE", 2, token="TOKENG", to_tag=inner_tag, call_id="g")
    assert (await scene.worker.expect(200)).cseq_method == "BYE"
    challenge = 'Proxy-Authenticate: Digest realm="gw", nonce="n1", qop="auth", algorithm=MD5'
    first = await scene.callee.expect("BYE")
    scene.callee.send(reply_as(first, 407, "Prove It", challenge, tag=""), scene.sip)
    second = await scene.callee.expect("BYE")
    assert second.cseq == first.cseq + 1
    proof = parse_answer(second.get("proxy-authorization"))
    assert proof is not None
    ha1 = digest_ha1("MD5", username="u", realm="gw", password="pw")
    assert proof.response == digest_response(proof, ha1=ha1, method="BYE")
    assert (proof.uri, proof.qop) == (second.uri, "auth")
    scene.callee.send(reply_as(second, 407, "Prove It", challenge, tag=""), scene.sip)
    assert await scene.callee.silence(0.7)


@pytest.mark.parametrize("end", [";", "; "])
async def test_a_caller_whose_to_ends_in_a_separator_can_hang_up(scene: Scene, end: str) -> None:
    """What our response adds to To must be read when it comes back (RFC 3261 section 12.2.1.1)."""
    invite = re.sub(r"\r\nTo: ([^\r]*)", rf"\r\nTo: \1{end}", scene.invite())
    scene.peer.send(invite, scene.sip)
    heard = await scene.worker.expect("INVITE")
    scene.worker_reply(heard, 200, "OK", body=SDP)
    to = (await scene.peer.expect(200)).get("to")
    for method, cseq in (("ACK", 1), ("BYE", 2)):
        uri = f"sip:TOKENA@{scene.sip[0]}:{scene.sip[1]}"
        scene.peer.send(scene.phone.request(method, cseq, uri=uri, to=to), scene.sip)
        assert (await scene.worker.expect(method)).cseq == cseq
