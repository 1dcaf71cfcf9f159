"""CANCEL, whoever has the INVITE when it comes."""

import asyncio

import pytest

from callengine.edge.interface import TrunkAccess
from tests.callengine.edge.scene import Scene


async def test_cancel_travels_to_the_callee_on_the_invites_branch(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.worker_request("CANCEL", 7, branch="z9hG4bKwb")
    cancel = await scene.callee.expect("CANCEL")
    assert cancel.via.branch == invite.via.branch


async def test_cancel_while_the_engine_still_works(scene: Scene) -> None:
    scene.engine.may_answer.clear()
    scene.peer.send(scene.invite(), scene.sip)
    await scene.peer.expect(100)
    cancel = scene.phone.request("CANCEL", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(cancel, scene.sip)
    answers = {(m.code, m.cseq_method) for m in (await scene.peer.next(), await scene.peer.next())}
    assert answers == {(200, "CANCEL"), (487, "INVITE")}
    assert scene.engine.calls[0].given_up()
    ack = scene.phone.request("ACK", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(ack, scene.sip)
    scene.engine.may_answer.set()
    assert await scene.worker.silence(0.2)


async def test_cancel_before_it_is_known_who_calls_is_on_record(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = asyncio.Event()
    access = scene.engine.trunk_access

    async def slow(address: str, *_: object) -> TrunkAccess | None:
        await known.wait()
        return await access(address)

    monkeypatch.setattr(scene.engine, "trunk_access", slow)
    scene.peer.send(scene.invite(), scene.sip)
    cancel = scene.phone.request("CANCEL", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(cancel, scene.sip)
    await scene.peer.expect(487)
    known.set()
    rejection = await scene.engine.rejection("caller-cancelled")
    assert (rejection.code, rejection.method) == (487, "INVITE")
    assert not scene.engine.calls


async def test_cancel_of_a_forwarded_invite_goes_to_the_worker(scene: Scene) -> None:
    invite = await scene.to_worker()
    cancel = scene.phone.request("CANCEL", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(cancel, scene.sip)
    heard = await scene.worker.expect("CANCEL")
    assert heard.via.branch == invite.via.branch
    scene.worker_reply(heard, 200, "OK")
    scene.worker_reply(invite, 487, "Request Terminated")
    await scene.peer.expect(487)
    ack = scene.phone.request("ACK", 1, uri=scene.uri, branch=scene.invite_branch)
    scene.peer.send(ack, scene.sip)
    assert (await scene.worker.expect("ACK")).via.branch == invite.via.branch


async def test_cancel_without_an_invite_is_481(scene: Scene) -> None:
    scene.peer.send(scene.phone.request("CANCEL", 1, uri=scene.uri), scene.sip)
    assert (await scene.peer.next()).code == 481
