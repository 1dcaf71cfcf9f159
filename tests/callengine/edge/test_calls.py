"""Calls through the edge: a peer, a callee and a call process on plain sockets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from callengine.edge import transactions
from callengine.edge.digest import digest_response, parse_answer
from callengine.edge.frontdoor import Edge, EdgeSettings
from callengine.edge.interface import Accepted, Refused, TrunkAccess
from callengine.edge.received import Received, receive
from sip.digest import digest_ha1
from tests.callengine.edge.fakes import SDP, FakeEngine, Phone, UdpPeer, anchor, reply_as
from tests.callengine.edge.test_registering import read_message

Address = tuple[str, int]
CALL = "c" * 32


def shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


@dataclass
class Scene:
    """One call's actors."""

    edge: Edge
    engine: FakeEngine
    sip: Address
    peer: UdpPeer
    callee: UdpPeer
    worker: UdpPeer
    phone: Phone
    invite_branch: str = "z9hG4bKtheinvite"

    @property
    def internal(self) -> Address:
        host, _, port = self.edge.internal_address.partition(":")
        return host, int(port)

    @property
    def uri(self) -> str:
        return f"sip:+1%20(202)555-0100@{self.sip[0]}:{self.sip[1]}".replace("%20", "")

    def invite(self, **more: object) -> str:
        more = {"uri": self.uri, "branch": self.invite_branch, "body": SDP, **more}
        return self.phone.request("INVITE", 1, **more)  # type: ignore[arg-type]

    async def to_worker(self, **more: object) -> Received:
        """Send the INVITE; return it as the call process hears it."""
        self.peer.send(self.invite(**more), self.sip)
        assert (await self.peer.next()).code == 100
        return await self.worker.expect("INVITE")

    async def answered(self) -> Received:
        """Bring leg A up; return the call process's view of the INVITE."""
        invite = await self.to_worker()
        self.worker_reply(invite, 180, "Ringing")
        await self.peer.expect(180)
        self.worker_reply(invite, 200, "OK", body=SDP)
        await self.peer.expect(200)
        self.peer.send(self.in_dialog("ACK", 1), self.sip)
        await self.worker.expect("ACK")
        return invite

    def worker_reply(self, request: Received, code: int, phrase: str, body: str = "") -> None:
        host, port = self.worker.address
        extra = (f"Contact: <sip:x@{host}:{port};ob>", f'Warning: 399 {host} "no"', "Server: pj")
        self.worker.send(
            reply_as(request, code, phrase, *extra, tag="workertag", body=body), self.internal
        )

    def in_dialog(self, method: str, cseq: int, **more: object) -> str:
        return self.phone.request(
            method,
            cseq,
            uri=f"sip:TOKENA@{self.sip[0]}:{self.sip[1]}",
            to=f"<sip:alice@{self.sip[0]}>;tag=workertag",
            **more,  # type: ignore[arg-type]
        )

    def worker_request(
        self,
        method: str,
        cseq: int,
        *,
        token: str = "TOKENB",
        to_tag: str = "",
        branch: str = "",
        call_id: str = "legb",
        body: str = "",
        from_tag: str = "wb",
        extra: tuple[str, ...] = (),
    ) -> None:
        to_tag = to_tag and self.inner_tag(token)
        phone = Phone(
            *self.worker.address,
            user="caller",
            edge=self.callee.address,
            call_id=call_id,
            tag=from_tag,
        )
        to = "<sip:bob@example.net>" + (f";tag={to_tag}" if to_tag else "")
        text = phone.request(
            method,
            cseq,
            uri=f"sip:{token}@{self.edge.internal_address}",
            to=to,
            branch=branch,
            headers=("User-Agent: pjsua", *extra),
            body=body,
        )
        self.worker.send(text, self.internal)

    def inner_tag(self, token: str) -> str:
        """Return the last tag by which the call process heard of a leg's peer."""
        heard = [receive(data) for data in self.worker.raw]
        ours = [message for message in heard if f"sip:{token}@" in message.get("contact")]
        tags = (message.to_tag if message.code else message.from_tag for message in reversed(ours))
        return next(tag for tag in tags if tag)

    async def ringing_b(self) -> Received:
        """Have the call process ring the callee; return the INVITE the callee hears."""
        self.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
        invite = await self.callee.expect("INVITE")
        self.callee_reply(invite, 180, "Ringing")
        assert (await self.worker.expect(180)).via.branch == "z9hG4bKwb"
        return invite

    def callee_reply(self, request: Received, code: int, phrase: str, body: str = "") -> None:
        host, port = self.callee.address
        self.callee.send(
            reply_as(
                request, code, phrase, f"Contact: <sip:bob@{host}:{port}>", tag="bt", body=body
            ),
            self.sip,
        )


@pytest.fixture
async def scene(
    edge: Edge, engine: FakeEngine, sip: Address, peer: UdpPeer, callee: UdpPeer, worker: UdpPeer
) -> AsyncIterator[Scene]:
    engine.trunks["127.0.0.3"] = TrunkAccess("carrier", True, "")
    host, port = callee.address
    engine.outcome = lambda _: Accepted(
        anchor("A", "TOKENA", worker.address, hosts=(callee.address[0],)),
        [
            anchor(
                "B",
                "TOKENB",
                worker.address,
                request_uri=f"sip:bob@{host}:{port}",
                flow=f"udp:{host}:{port}",
                max_forwards=42,
            )
        ],
    )
    yield Scene(edge, engine, sip, peer, callee, worker, Phone(*peer.address, edge=sip))
    leaks = (f"127.0.0.1:{worker.address[1]}", edge.internal_address, "127.0.0.1:", "pjsua")
    for data in (*peer.raw, *callee.raw):
        head = data.partition(b"\r\n\r\n")[0].decode()
        assert not [leak for leak in leaks if leak in head], head


async def test_a_call_is_forwarded_answered_and_ended_by_the_caller(scene: Scene) -> None:
    invite = await scene.to_worker()
    assert invite.uri == f"sip:TOKENA@{shown(scene.worker.address)}"
    assert scene.engine.calls[0].to_user == "+12025550100"
    assert scene.engine.calls[0].source.label == "trunk:carrier"
    assert len(invite.vias) == 1
    scene.worker_reply(invite, 200, "OK", body=SDP)
    ok = await scene.peer.expect(200)
    assert ok.via.branch == scene.invite_branch
    assert ok.get("contact") == f"<sip:TOKENA@{shown(scene.sip)}>"
    assert ok.body.decode() == SDP
    scene.peer.send(scene.in_dialog("ACK", 1), scene.sip)
    await scene.worker.expect("ACK")
    scene.peer.send(scene.in_dialog("BYE", 2), scene.sip)
    scene.worker_reply(await scene.worker.expect("BYE"), 200, "OK")
    assert (await scene.peer.expect(200)).cseq_method == "BYE"


async def test_the_worker_hangs_up_toward_the_callers_contact(scene: Scene) -> None:
    await scene.answered()
    scene.worker_request(
        "BYE",
        9,
        token="TOKENA",
        to_tag=scene.phone.tag,
        call_id=scene.phone.call_id,
        from_tag="workertag",
    )
    bye = await scene.peer.expect("BYE")
    assert bye.uri == f"sip:alice@{shown(scene.peer.address)}"
    scene.peer.send(reply_as(bye, 200, "OK", tag=""), scene.sip)
    assert (await scene.worker.expect(200)).cseq_method == "BYE"


async def test_leg_b_shows_the_peer_an_ordinary_user_agent(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    assert invite.uri == f"sip:bob@{shown(scene.callee.address)}"
    assert invite.get("max-forwards") == "42"
    assert invite.get("user-agent") == "VoIPNumber/0.1"
    assert invite.get("contact") == f"<sip:TOKENB@{shown(scene.sip)}>"
    scene.callee_reply(invite, 200, "OK", SDP)
    ok = await scene.worker.expect(200)
    assert ok.get("contact") == f"<sip:TOKENB@{scene.edge.internal_address}>"
    scene.worker_request("ACK", 7, to_tag="bt")
    assert (await scene.callee.expect("ACK")).uri == f"sip:bob@{shown(scene.callee.address)}"


async def test_a_failure_on_leg_b_is_acknowledged_hop_by_hop(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 486, "Busy Here")
    await scene.worker.expect(486)
    scene.worker_request("ACK", 7, to_tag="bt", branch="z9hG4bKwb")
    ack = await scene.callee.expect("ACK")
    assert (ack.via.branch, ack.uri) == (invite.via.branch, invite.uri)


async def test_cancel_travels_to_the_callee_on_the_invites_branch(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.worker_request("CANCEL", 7, branch="z9hG4bKwb")
    cancel = await scene.callee.expect("CANCEL")
    assert cancel.via.branch == invite.via.branch


async def test_retransmissions_reach_neither_engine_nor_worker(scene: Scene) -> None:
    invite = await scene.to_worker()
    scene.worker_reply(invite, 180, "Ringing")
    await scene.peer.expect(180)
    scene.peer.send(scene.invite(), scene.sip)
    assert (await scene.peer.next()).code == 180
    assert await scene.worker.silence(0.2)
    assert len(scene.engine.calls) == 1


async def test_the_workers_retransmission_stays_one(scene: Scene) -> None:
    await scene.to_worker()
    scene.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
    scene.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
    first, second = await scene.callee.next(), await scene.callee.next()
    assert first.via.raw == second.via.raw


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

    async def slow(address: str) -> TrunkAccess | None:
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


async def test_a_refusal_carries_its_reason_and_is_repeated_until_acknowledged(
    scene: Scene,
) -> None:
    scene.engine.outcome = lambda _: Refused(488, "Not Acceptable Here", "Q.850;cause=88", 3)
    scene.peer.send(scene.invite(), scene.sip)
    refused = await scene.peer.expect(488)
    assert (refused.get("reason"), refused.get("retry-after")) == ("Q.850;cause=88", "3")
    assert (await scene.peer.next(1)).code == 488
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


async def test_nobody_but_a_call_process_may_use_the_internal_socket(scene: Scene) -> None:
    await scene.to_worker()
    intruder = await UdpPeer.open("127.0.0.1")
    intruder.send(
        scene.phone.request(
            "BYE", 2, uri=f"sip:TOKENA@{scene.edge.internal_address}", to="<sip:x@y>;tag=z"
        ),
        scene.internal,
    )
    assert await intruder.silence(0.2)
    await intruder.close()


async def test_a_callee_that_cannot_be_reached_is_503_to_the_worker(
    scene: Scene, worker: UdpPeer
) -> None:
    await scene.to_worker()
    scene.edge.open_legs(
        anchor("B2", "TOKENX", worker.address, request_uri="sip:bob@127.0.0.9:1;transport=tcp")
    )
    scene.worker_request("INVITE", 1, token="TOKENX", call_id="x", body=SDP)
    failed = await worker.expect(503)
    assert "cannot connect" in failed.get("reason")


async def test_abandon_ends_an_answered_call_on_both_legs(scene: Scene) -> None:
    await scene.answered()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 200, "OK", SDP)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 7, to_tag="bt")
    await scene.callee.expect("ACK")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    bye_a = await scene.peer.expect("BYE", 1)
    bye_b = await scene.callee.expect("BYE", 1)
    assert (bye_a.from_tag, bye_a.to_tag) == ("workertag", scene.phone.tag)
    assert (bye_b.from_tag, bye_b.to_tag, bye_b.cseq) == ("wb", "bt", 8)
    assert bye_b.get("reason") == "Q.850;cause=41"
    scene.callee.send(reply_as(bye_b, 200, "OK", tag=""), scene.sip)
    again = await scene.peer.expect("BYE", 1)
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
    failed = await scene.peer.expect(500, 1)
    assert failed.to_tag == "workertag"
    cancel = await scene.callee.expect("CANCEL", 1)
    assert cancel.via.branch == invite.via.branch
    scene.callee_reply(cancel, 200, "OK")
    scene.callee_reply(invite, 487, "Request Terminated")
    ack = await scene.callee.expect("ACK", 1)
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
    await scene.callee.expect("CANCEL", 1)
    scene.callee_reply(invite, 200, "OK", SDP)
    ack, bye = await scene.callee.expect("ACK", 1), await scene.callee.expect("BYE", 1)
    assert (ack.cseq, bye.cseq, bye.to_tag) == (7, 8, "bt")


async def test_a_closed_call_lingers_then_is_forgotten(
    engine: FakeEngine, peer: UdpPeer, worker: UdpPeer
) -> None:
    edge = Edge(engine, EdgeSettings(listen=(("udp", "127.0.0.2", 0),), linger_s=0.2))
    await edge.start()
    edge.open_legs(anchor("A", "T", worker.address))
    edge.close_call(CALL)
    with pytest.raises(ValueError, match="in use"):
        edge.open_legs(anchor("A", "T", worker.address))
    await asyncio.sleep(0.3)
    edge.open_legs(anchor("A", "T", worker.address))
    await edge.stop()


async def test_holding_reinvite_from_each_side(scene: Scene) -> None:
    await scene.answered()
    scene.peer.send(
        scene.in_dialog("INVITE", 2, body=SDP, contact="<sip:new@127.0.0.3:9>"), scene.sip
    )
    reinvite = await scene.worker.expect("INVITE")
    scene.worker_reply(reinvite, 200, "OK", body=SDP)
    assert (await scene.peer.expect(200)).cseq == 2
    scene.peer.send(scene.in_dialog("ACK", 2), scene.sip)
    await scene.worker.expect("ACK")
    scene.worker_request(
        "INVITE",
        9,
        token="TOKENA",
        to_tag=scene.phone.tag,
        body=SDP,
        call_id=scene.phone.call_id,
        from_tag="workertag",
    )
    assert (await scene.peer.expect("INVITE")).uri == "sip:new@127.0.0.3:9"


async def test_gateway_credentials_are_answered_for_the_uri_the_gateway_sees(
    scene: Scene, worker: UdpPeer
) -> None:
    await scene.to_worker()
    host, port = scene.callee.address
    uri = f"sip:1@{host}:{port}"
    scene.edge.open_legs(anchor("B2", "TOKENG", worker.address, request_uri=uri, password="pw"))
    line = (
        'Proxy-Authorization: Digest username="u", realm="gw", nonce="n,1", '
        f'uri="sip:TOKENG@{scene.edge.internal_address}", response="0", algorithm=MD5'
    )
    scene.worker_request("INVITE", 1, token="TOKENG", call_id="g", body=SDP, extra=(line,))
    header = (await scene.callee.expect("INVITE")).get("proxy-authorization")
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    expected = md5(f"{md5('u:gw:pw')}:n,1:{md5('INVITE:' + uri)}")
    assert f'response="{expected}"' in header
    assert f'uri="{uri}"' in header


async def test_a_callee_registered_over_tcp_is_rung_on_its_connection_once(
    scene: Scene, worker: UdpPeer
) -> None:
    await scene.to_worker()
    _, host, port = scene.edge.listening[1]
    reader, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.5", 0))
    own = writer.get_extra_info("sockname")
    phone = Phone(own[0], own[1], edge=(host, port), transport="TCP")
    writer.write(phone.request("OPTIONS", 1).encode())
    assert " 200 OK" in await read_message(reader)
    flow = f"tcp:{own[0]}:{own[1]}"
    uri = f"sip:bob@{own[0]}:{own[1]};transport=tcp"
    scene.edge.open_legs(anchor("B2", "TOKENT", worker.address, request_uri=uri, flow=flow))
    for _ in range(3):
        scene.worker_request("INVITE", 1, token="TOKENT", call_id="t", branch="z9hG4bKwt", body=SDP)
    invite = receive((await read_message(reader)).encode())
    assert invite.via.transport == "TCP"
    assert invite.get("contact") == f"<sip:TOKENT@{host}:{port};transport=tcp>"
    busy = reply_as(invite, 486, "Busy Here", tag="tt")
    writer.write(busy.encode())
    assert (await worker.expect(486)).via.branch == "z9hG4bKwt"
    scene.worker_request("ACK", 1, token="TOKENT", call_id="t", branch="z9hG4bKwt", to_tag="tt")
    assert (await read_message(reader)).startswith(f"ACK {uri} SIP/2.0")
    writer.close()
    await writer.wait_closed()


async def test_reliable_provisionals_and_dtmf_info_pass(scene: Scene) -> None:
    invite = await scene.to_worker()
    scene.worker.send(
        reply_as(invite, 183, "Progress", "Require: 100rel", "RSeq: 77",
                 "Contact: <sip:x@127.0.0.1>", tag="workertag", body=SDP),
        scene.internal,
    )  # fmt: skip
    progress = await scene.peer.expect(183)
    assert (progress.get("require"), progress.get("rseq")) == ("100rel", "77")
    scene.peer.send(scene.in_dialog("PRACK", 2, headers=("RAck: 77 1 INVITE",)), scene.sip)
    prack = await scene.worker.expect("PRACK")
    assert prack.get("rack") == "77 1 INVITE"
    scene.worker_reply(prack, 200, "OK")
    assert (await scene.peer.expect(200)).cseq_method == "PRACK"


async def test_routes_recorded_by_a_proxy_are_followed_and_copied(scene: Scene) -> None:
    proxy = f"<sip:{shown(scene.callee.address)};lr>"
    invite = await scene.to_worker(headers=("Via: SIP/2.0/UDP ua:5060;branch=z9hG4bKua",
                                            f"Record-Route: {proxy}"))  # fmt: skip
    scene.worker_reply(invite, 200, "OK", body=SDP)
    ok = await scene.peer.expect(200)
    assert ok.get("record-route") == proxy
    assert len(ok.vias) == 2
    scene.peer.send(scene.in_dialog("ACK", 1), scene.sip)
    await scene.worker.expect("ACK")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    bye = await scene.callee.expect("BYE", 1)
    assert bye.get("route") == proxy
    assert bye.uri == f"sip:alice@{shown(scene.peer.address)}"


def watched(scene: Scene) -> list[tuple[str | None, str, str]]:
    """Have every message noted as leg token, direction, and method or code."""
    seen: list[tuple[str | None, str, str]] = []
    scene.edge.observer = lambda token, way, _, data: seen.append(
        (token, way, data.split(b" ")[1 if data.startswith(b"SIP/2.0") else 0].decode())
    )
    return seen


async def test_the_observer_sees_a_call_in_order_and_its_leg_from_the_first_ringing_on(
    scene: Scene,
) -> None:
    seen = watched(scene)
    await scene.answered()
    assert [entry for entry in seen if entry[0] in ("TOKENA", None)] == [
        (None, "in", "INVITE"),
        (None, "out", "100"),
        ("TOKENA", "out", "180"),
        ("TOKENA", "out", "200"),
        ("TOKENA", "in", "ACK"),
    ]


async def test_the_observer_sees_a_repeated_request_before_its_repeated_answer(
    scene: Scene,
) -> None:
    await scene.answered()
    seen = watched(scene)
    request = scene.in_dialog("OPTIONS", 2)
    for _ in range(2):
        scene.peer.send(request, scene.sip)
        await scene.peer.expect(200)
    assert seen == [("TOKENA", "in", "OPTIONS"), ("TOKENA", "out", "200")] * 2


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
    assert (await scene.peer.expect(200, 1)).cseq_method == "BYE"
    assert await scene.peer.silence(0.7)


async def test_an_unacknowledged_answer_is_ended_soon_after(scene: Scene) -> None:
    invite = await scene.to_worker()
    scene.worker_reply(invite, 200, "OK", body=SDP)
    await scene.peer.expect(200)
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    assert (await scene.peer.expect("BYE", 1)).to_tag == scene.phone.tag


async def test_a_bye_that_comes_when_the_wait_for_the_ack_is_over_goes_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3261 section 13.3.1.4; the call process gives up at about the same moment as we do."""
    monkeypatch.setattr(transactions, "TIMEOUT_S", 0.2)
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
        patch.setattr(transactions, "TIMEOUT_S", 0.2)
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
