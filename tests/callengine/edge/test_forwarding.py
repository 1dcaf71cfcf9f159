"""Calls forwarded between peers and call processes, and how each side sees the other."""

import asyncio
import re
from contextlib import closing, suppress

import pytest

from callengine.edge.messages.grammar import read_pause
from callengine.edge.messages.received import receive
from tests.callengine.edge.fakes import SDP, Phone, UdpPeer, anchor, reply_as
from tests.callengine.edge.scene import CALL, Scene, host_port
from tests.callengine.edge.test_registering import read_message
from tests.peers.waiting import until


async def test_a_call_is_forwarded_answered_and_ended_by_the_caller(scene: Scene) -> None:
    invite = await scene.to_worker()
    assert invite.uri == f"sip:TOKENA@{host_port(scene.worker.address)}"
    assert scene.engine.calls[0].to_user == "+12025550100"
    assert scene.engine.calls[0].source.label == "trunk:carrier"
    assert len(invite.vias) == 1
    scene.worker_reply(invite, 200, "OK", body=SDP)
    ok = await scene.peer.expect(200)
    assert ok.via.branch == scene.invite_branch
    assert ok.get("contact") == f"<sip:TOKENA@{host_port(scene.sip)}>"
    assert ok.body.decode() == SDP
    scene.peer.send(scene.in_dialog("ACK", 1), scene.sip)
    await scene.worker.expect("ACK")
    scene.peer.send(scene.in_dialog("BYE", 2), scene.sip)
    scene.worker_reply(await scene.worker.expect("BYE"), 200, "OK")
    assert (await scene.peer.expect(200)).cseq_method == "BYE"


async def test_the_engine_is_told_what_an_invites_headers_say_and_no_secret(scene: Scene) -> None:
    """What an agent may be told: bounded, whichever way a name is written, no credentials."""
    many = [f"X-{number}: {number}" for number in range(80)]
    await scene.to_worker(
        headers=[
            "x-CUSTOMER: 42",
            "X-Long: " + "x" * 1000,
            "X-Odd: a\tb",
            'Authorization: Digest username="alice", response="hush"',
            *many,
        ]
    )
    told = scene.engine.calls[0].headers
    assert (told["x-customer"], told["x-long"]) == ("42", "x" * 256)
    assert "hush" not in str(told)
    assert not {"via", "authorization", "route"} & told.keys()
    assert len(told) == 60


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
    assert bye.uri == f"sip:alice@{host_port(scene.peer.address)}"
    scene.peer.send(reply_as(bye, 200, "OK", tag=""), scene.sip)
    assert (await scene.worker.expect(200)).cseq_method == "BYE"


async def test_leg_b_shows_the_peer_an_ordinary_user_agent(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    assert invite.uri == f"sip:bob@{host_port(scene.callee.address)}"
    assert invite.get("max-forwards") == "42"
    assert invite.get("user-agent") == "VoIPNumber/0.1"
    assert invite.get("contact") == f"<sip:TOKENB@{host_port(scene.sip)}>"
    scene.callee_reply(invite, 200, "OK", SDP)
    ok = await scene.worker.expect(200)
    assert ok.get("contact") == f"<sip:TOKENB@{scene.edge.internal_address}>"
    scene.worker_request("ACK", 7, to_tag="bt")
    assert (await scene.callee.expect("ACK")).uri == f"sip:bob@{host_port(scene.callee.address)}"


async def test_the_worker_hears_100_before_all_that_the_callee_says(scene: Scene) -> None:
    await scene.to_worker()
    scene.worker_request("INVITE", 7, branch="z9hG4bKwb", body=SDP)
    scene.callee_reply(await scene.callee.expect("INVITE"), 180, "Ringing")
    assert [(await scene.worker.next()).code for _ in range(2)] == [100, 180]


async def test_a_callee_that_answers_without_contact_is_acknowledged_where_it_was_called(
    scene: Scene,
) -> None:
    """The ACK had no Request-URI at all, and the callee repeated its 200 until it gave up."""
    await scene.to_worker()
    invite = await scene.ringing_b()
    answer = reply_as(invite, 200, "OK", tag="other", body=SDP)
    scene.callee.send(answer, scene.sip)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 7, to_tag="other", branch="z9hG4bKwack")
    assert (await scene.callee.expect("ACK")).uri == invite.uri
    scene.worker_request("BYE", 8, to_tag="other", branch="z9hG4bKwbye")
    assert (await scene.callee.expect("BYE")).uri == invite.uri


async def test_a_200_that_comes_again_after_that_of_a_reinvite_has_its_own_ack_again(
    scene: Scene,
) -> None:
    """Its ACK was lost: the callee repeated it for 32 s, heard nothing, and hung up."""
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 200, "OK", SDP)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 7, to_tag="bt", branch="z9hG4bKwack")
    lost = await scene.callee.expect("ACK")
    scene.worker_request("INVITE", 8, to_tag="bt", branch="z9hG4bKwb2", body=SDP)
    reinvite = await scene.callee.expect("INVITE")
    scene.callee_reply(reinvite, 200, "OK", SDP)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 8, to_tag="bt", branch="z9hG4bKwack2")
    assert (await scene.callee.expect("ACK")).cseq == reinvite.cseq
    for again, number in ((invite, lost.cseq), (reinvite, reinvite.cseq)):
        scene.callee_reply(again, 200, "OK", SDP)
        assert (await scene.callee.expect("ACK")).cseq == number
    assert await scene.worker.silence(0.1)


async def test_a_180_that_the_200_has_overtaken_changes_nothing(scene: Scene) -> None:
    """It is that of a proxy's bell, it may be: requests that followed went there."""
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 200, "OK", SDP)
    await scene.worker.expect(200)
    scene.worker_request("ACK", 7, to_tag="bt", branch="z9hG4bKwack")
    answered_at = (await scene.callee.expect("ACK")).uri
    host, port = scene.callee.address
    bell = f"Contact: <sip:bell@{host}:{port}>"
    scene.callee.send(reply_as(invite, 180, "Ringing", bell, tag="bt"), scene.sip)
    assert await scene.callee.silence(0.1)
    scene.worker_request("BYE", 8, to_tag="bt", branch="z9hG4bKwbye")
    assert (await scene.callee.expect("BYE")).uri == answered_at


async def test_a_failure_on_leg_b_is_acknowledged_hop_by_hop(scene: Scene) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    scene.callee_reply(invite, 486, "Busy Here")
    await scene.worker.expect(486)
    scene.worker_request("ACK", 7, to_tag="bt", branch="z9hG4bKwb")
    ack = await scene.callee.expect("ACK")
    assert (ack.via.branch, ack.uri) == (invite.via.branch, invite.uri)


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


@pytest.mark.parametrize("user", ["u", 'Jim "J" \\ Doe'])
@pytest.mark.parametrize("realm", ["gw", ""])
async def test_gateway_credentials_are_answered_for_the_uri_the_gateway_sees(
    scene: Scene, worker: UdpPeer, user: str, realm: str
) -> None:
    """And as whom the gateway knows: a call process has neither name nor password."""
    await scene.to_worker()
    host, port = scene.callee.address
    uri = f"sip:1@{host}:{port}"
    more = {"request_uri": uri, "username": user, "password": "pw"}
    scene.edge.open_legs(anchor("B2", "TOKENG", worker.address, **more))
    line = (
        f'Proxy-Authorization: Digest username="leg", realm="{realm}", nonce="n,1", opaque="o", '
        f'uri="sip:TOKENG@{scene.edge.internal_address}", response="0", algorithm=MD5'
    )
    scene.worker_request("INVITE", 1, token="TOKENG", call_id="g", body=SDP, extra=(line,))
    header = (await scene.callee.expect("INVITE")).get("proxy-authorization")
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    expected = md5(f"{md5(f'{user}:{realm}:pw')}:n,1:{md5('INVITE:' + uri)}")
    assert f'response="{expected}"' in header
    escaped = user.replace("\\", "\\\\").replace('"', '\\"')
    assert f'username="{escaped}", realm="{realm}", nonce="n,1", ' in header
    assert 'opaque="o"' in header
    assert f'uri="{uri}"' in header


@pytest.mark.parametrize(
    ("challenge", "told"),
    [
        ('Digest realm="gw", nonce="n2", algorithm=MD5', []),
        ('Digest realm="gw", nonce="n2", stale=TRUE', ["Proxy-Authenticate: Digest realm="]),
        ('Digest realm="other", nonce="n2"', ["Proxy-Authenticate: Digest realm="]),
        ('Basic realm="gw"', []),
    ],
    ids=["refused", "stale", "another", "basic"],
)
async def test_credentials_that_a_gateway_refused_are_not_tried_again(
    scene: Scene, worker: UdpPeer, challenge: str, told: list[str]
) -> None:
    """RFC 3261 section 22.2: pjsip tried a wrong password once for each new nonce."""
    await scene.to_worker()
    host, port = scene.callee.address
    uri = f"sip:1@{host}:{port}"
    scene.edge.open_legs(anchor("B2", "TOKENG", worker.address, request_uri=uri, password="pw"))
    line = (
        'Proxy-Authorization: Digest username="u", realm="gw", nonce="n1", '
        f'uri="sip:TOKENG@{scene.edge.internal_address}", response="0", algorithm=MD5'
    )
    scene.worker_request("INVITE", 2, token="TOKENG", call_id="g", body=SDP, extra=(line,))
    invite = await scene.callee.expect("INVITE")
    header = f"Proxy-Authenticate: {challenge}"
    scene.callee.send(reply_as(invite, 407, "Again", header, tag="g"), scene.sip)
    await scene.worker.expect(407)
    text = scene.worker.raw[-1].decode()
    assert re.findall(r"Proxy-Authenticate: \w+ realm=|X-Challenge", text) == told


@pytest.mark.parametrize(
    "challenge", ['Digest realm="gw", nonce="n", qop="auth-conf"', 'Basic realm="gw"', ""]
)
async def test_a_challenge_that_nobody_here_can_answer_is_told_as_that(
    scene: Scene, challenge: str
) -> None:
    await scene.to_worker()
    invite = await scene.ringing_b()
    headers = [f"WWW-Authenticate: {challenge}"] if challenge else []
    scene.callee.send(reply_as(invite, 401, "Who", *headers, tag="bt"), scene.sip)
    await scene.worker.expect(401)
    assert b"X-Challenge: unusable" in scene.worker.raw[-1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *[("3", 3), (" 120 (I am busy)", 120), ("5;duration=3600", 5), ("99999999", 86_400)],
        *[("9" * 4000, 86_400), ("-5", None), ("soon", None), ("", None), ("\u0661", None)],
    ],
)
def test_a_pause_that_is_asked_for_is_read_and_bounded(text: str, seconds: int | None) -> None:
    """One of years was as good as none."""
    assert read_pause(text, most=86_400) == seconds


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


async def test_a_gateway_that_closes_without_an_answer_is_given_up_at_once(
    scene: Scene, worker: UdpPeer
) -> None:
    """As one that takes no connection at all is; it had been waited for."""
    await scene.to_worker()
    closed: list[str] = []

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed.append(await read_message(reader))
        writer.close()

    async with await asyncio.start_server(close, "127.0.0.6", 0) as server:
        port = server.sockets[0].getsockname()[1]
        uri = f"sip:1@127.0.0.6:{port};transport=tcp"
        scene.edge.open_legs(anchor("B2", "TOKENT", worker.address, request_uri=uri))
        scene.worker_request("INVITE", 1, token="TOKENT", call_id="t", body=SDP)
        response = await worker.expect(503)
        # Should it answer by a connection of its own after all, it is not left ringing.
        _, *edge = scene.edge.listening[1]
        _, writer = await asyncio.open_connection(*edge, local_addr=("127.0.0.6", 0))
        writer.write(reply_as(receive(closed[0].encode()), 180, "Ringing", tag="g").encode())
        await until(lambda: len(closed) == 2, "no CANCEL")
        writer.close()
    assert closed[1].startswith("CANCEL ")
    assert f"tcp:127.0.0.6:{port} closed the connection without an" in response.get("reason")


async def test_a_connection_that_was_idle_too_long_is_opened_again_once(
    scene: Scene, worker: UdpPeer
) -> None:
    """The INVITE that met its end went nowhere, and the call failed once it had been waited for."""
    await scene.to_worker()
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):
            while not writer.is_closing():
                heard.append(await read_message(reader))
                if heard[-1].startswith("INVITE"):
                    if len(heard) in (1, 4):
                        busy = reply_as(receive(heard[-1].encode()), 486, "Busy", tag="g")
                        writer.write(busy.encode())
                    else:
                        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.6", 0) as server:
        port = server.sockets[0].getsockname()[1]
        uri = f"sip:1@127.0.0.6:{port};transport=tcp"
        for number in (1, 2):
            token = f"TOKENT{number}"
            scene.edge.open_legs(anchor("B2", token, worker.address, request_uri=uri))
            branch = f"z9hG4bKw{number}"
            names = {"call_id": f"t{number}", "branch": branch}
            scene.worker_request("INVITE", 1, token=token, body=SDP, **names)
            assert (await worker.expect(486)).via.branch == branch
    first, ack, lost, again = heard[:4]
    assert ack.startswith("ACK")
    assert lost == again != first


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
    proxy = f"<sip:{host_port(scene.callee.address)};lr>"
    invite = await scene.to_worker(headers=("Via: SIP/2.0/UDP ua:5060;branch=z9hG4bKua",
                                            f"Record-Route: {proxy}"))  # fmt: skip
    scene.worker_reply(invite, 200, "OK", body=SDP)
    ok = await scene.peer.expect(200)
    assert ok.get("record-route") == proxy
    assert len(ok.vias) == 2
    scene.peer.send(scene.in_dialog("ACK", 1), scene.sip)
    await scene.worker.expect("ACK")
    scene.edge.abandon(CALL, code=500, reason="Q.850;cause=41")
    bye = await scene.callee.expect("BYE")
    assert bye.get("route") == proxy
    assert bye.uri == f"sip:alice@{host_port(scene.peer.address)}"
