"""How many bytes whoever is named as source gets for each that was sent: at most three."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import Accepted, Refused, TrunkAccess
from callengine.edge.messages.digest import Answer, Digest, Verdict, digest_response, parse_answer
from callengine.edge.messages.received import Received, receive
from callengine.edge.transactions import server as transactions_module
from callengine.edge.transactions.server import ServerTransactions, State
from callengine.edge.transactions.shortening import shortened
from callengine.edge.transport.stun import binding_response
from tests.callengine.edge.clock import Clock
from tests.callengine.edge.fakes import (
    SDP,
    FakeEngine,
    Phone,
    UdpPeer,
    anchor,
    answer_challenge,
    edge_settings,
    reply_as,
)
from tests.callengine.edge.test_guard import edge_of
from tests.callengine.edge.test_registering import register

pytestmark = pytest.mark.thorough

Address = tuple[str, int]
RESPONSE = (
    b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;received=192.0.2.1\r\n"
    b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
    b"Server: VoIPNumber/0.1\r\nAllow: INVITE, ACK\r\nReason: Q.850;cause=21\r\n"
    b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'
    b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def smallest(
    method: str, sip: Address, *, user: str = "a", number: int = 1, home: str = "far.example"
) -> bytes:
    """Return as short a request as is answered, of somebody at `home`."""
    contact = "m:<sip:h>\r\n" if method in ("INVITE", "REGISTER") else ""
    return (
        f"{method} sip:{user}@{sip[0]} SIP/2.0\r\nv:SIP/2.0/UDP h;rport;branch=z9hG4bK{number}\r\n"
        f"f:<sip:a@{home}>;tag=1\r\nt:<sip:a@h>\r\ni:{number}\r\nCSeq:1 {method}\r\n{contact}\r\n"
    ).encode()


@pytest.mark.parametrize("limit", [600, 500, 420, 330, 290])
def test_a_response_is_cut_to_what_fits_and_still_says_the_same(limit: int) -> None:
    short = shortened(RESPONSE, limit)
    assert short is not None
    assert len(short) <= limit
    message = receive(short)
    assert (message.code, message.call_id, message.to_tag) == (401, "1", "2")
    assert "algorithm=MD5" in message.headers["www-authenticate"][0]
    assert not message.problem


def test_what_does_not_fit_is_not_sent() -> None:
    assert shortened(RESPONSE, 100) is None
    assert shortened(b"SIP/2.0 200 OK\r\nl: 500\r\n\r\n" + b"x" * 500, 100) is None


def request(method: str = "INVITE") -> Received:
    message = receive(Phone("127.0.0.3", 5062).request(method, 1, body=SDP).encode())
    message.flow = Flow.parse("udp:127.0.0.3:5062")
    return message


def table(clock: Clock, sent: list[bytes], *, proven: bool) -> ServerTransactions:
    def send(_: str, data: bytes) -> None:
        sent.append(data)

    return ServerTransactions(send=send, later=clock.later, limit=9, is_proven=lambda _: proven)


def test_a_final_after_a_provisional_is_repeated_within_the_credit() -> None:
    clock, sent = Clock(), list[bytes]()
    transactions = table(clock, sent, proven=False)
    transaction = transactions.add(request())
    transactions.respond(transaction, 100, RESPONSE)
    transactions.respond(transaction, 404, RESPONSE)
    clock.run(40)
    raw = transaction.request.raw
    assert 2 <= len(sent) < 6
    assert sum(len(data) for data in sent) <= 3 * len(raw)


def test_a_final_at_once_leaves_nothing_behind() -> None:
    clock, sent = Clock(), list[bytes]()
    transactions = table(clock, sent, proven=False)
    transactions.respond(transactions.add(request()), 401, RESPONSE)
    assert len(transactions) == 0
    clock.run(40)
    assert len(sent) == 1


def test_a_call_processes_final_is_repeated_as_often_as_the_caller_asks() -> None:
    clock, sent = Clock(), list[bytes]()
    transactions = table(clock, sent, proven=False)
    transaction = transactions.add(request())
    transaction.forwarded = b"INVITE"
    transactions.respond(transaction, 486, RESPONSE)
    clock.run(31)
    assert sum(len(data) for data in sent) <= 3 * len(transaction.request.raw)
    before = len(sent)
    for _ in range(5):
        transactions.absorb(transaction)
    assert len(sent) == before + 5, "each repetition of the INVITE may be answered"


def test_whoever_is_proven_gets_every_repetition() -> None:
    clock, sent = Clock(), list[bytes]()
    transactions = table(clock, sent, proven=True)
    transaction = transactions.add(request())
    transactions.respond(transaction, 404, RESPONSE)
    clock.run(31)
    assert len(sent) >= 10
    assert transaction.state is State.COMPLETED


@pytest.mark.parametrize(("proven", "times"), [(False, [0.0, 0.5, 1.5, 3.5]), (True, None)])
def test_a_2xx_is_repeated_a_few_times_to_whoever_has_shown_nothing(
    proven: bool, times: list[float] | None
) -> None:
    clock, sent = Clock(), list[float]()
    transactions = ServerTransactions(
        send=lambda *_: sent.append(clock.now),
        later=clock.later,
        limit=9,
        is_proven=lambda _: proven,
    )
    began = clock.now
    transaction = transactions.add(request())
    transactions.respond(transaction, 200, RESPONSE)
    clock.run(31)
    assert transaction.state is State.COMPLETED, "its ACK may still come"
    if times is None:
        assert len(sent) >= 10
    else:
        assert [time - began for time in sent] == times
        transactions.absorb(transaction)
        assert len(sent) == len(times) + 1, "a repeated INVITE is answered"


def test_stun_answers_are_small() -> None:
    asked = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    for host in ("192.0.2.1", "2001:db8::1"):
        assert len(binding_response(asked, host, 5060) or b"") <= 3 * len(asked)


def nonce_answer(digest: Digest, address: str, now: float) -> Answer:
    challenge = digest.challenges(now, address=address)[0]
    text = f'{challenge}, username="u", uri="sip:r", response="x", nc=00000001, cnonce="c"'
    answer = parse_answer(text)
    assert answer is not None
    response = digest_response(answer, ha1="h", method="REGISTER")
    return parse_answer(text.replace('"x"', f'"{response}"')) or answer


@pytest.mark.parametrize(
    ("given_to", "answered_from", "verdict"),
    [
        ("192.0.2.1", "192.0.2.1", Verdict.OK),
        ("192.0.2.1", "192.0.2.2", Verdict.STALE),
        ("2001:db8::1", "2001:db8::2", Verdict.OK),
        ("2001:db8::1", "2001:db8:0:1::1", Verdict.STALE),
        ("192.0.2.1", "::ffff:192.0.2.1", Verdict.OK),
    ],
)
def test_a_nonce_belongs_to_the_source_it_was_given_to(
    given_to: str, answered_from: str, verdict: Verdict
) -> None:
    digest = Digest(realm="r", algorithms=("MD5",), lifetime_s=300)
    answer = nonce_answer(digest, given_to, 1000)
    assert len(answer.nonce) == 28
    found = digest.verify(answer, ha1="h", method="REGISTER", now=1001, address=answered_from)
    assert found is verdict


METHODS = ("INVITE", "REGISTER", "OPTIONS", "NOTIFY", "BYE", "CANCEL", "INFO", "X")


@pytest.mark.parametrize("external", [False, True], ids=["closed", "open"])
async def test_no_request_of_a_stranger_brings_more_than_three_times_its_bytes(
    edge: Edge, engine: FakeEngine, sip: Address, external: bool
) -> None:
    engine.external = external
    engine.outcome = lambda _: Refused(404, "Not Found", "Q.850;cause=1")
    home = "far.example" if external else sip[0]
    peers = [await UdpPeer.open("127.0.0.3") for _ in METHODS]
    sent = [
        smallest(method, sip, user=user, number=number, home=home)
        for number, (method, user) in enumerate(zip(METHODS, "abcdefgh", strict=True))
    ]
    for peer, data in zip(peers, sent, strict=True):
        peer.send(data, sip)
    await asyncio.sleep(1.7)
    for method, peer, data in zip(METHODS, peers, sent, strict=True):
        received = sum(len(raw) for raw in peer.raw)
        assert 0 < received <= 3 * len(data), (method, received, len(data), peer.raw)
        await peer.close()


async def test_a_challenge_is_stateless_and_its_ack_disturbs_nobody(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = Phone(*peer.address, edge=sip)
    invite = phone.request("INVITE", 1, body=SDP)
    tags = set()
    for _ in range(3):
        peer.send(invite, sip)
        challenge = await peer.expect(401)
        tags.add(challenge.to_tag)
        assert len(edge._parts.transactions) == 0
    assert len(tags) == 1, "a stateless server answers a repetition with the same tag"
    branch = challenge.via.branch
    peer.send(phone.request("ACK", 1, branch=branch, to=challenge.get("to")), sip)
    assert await peer.silence(1.0)
    assert not engine.rejections


async def test_a_registered_phone_still_gets_its_finals_repeated(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = Phone(*peer.address, edge=sip)
    assert (await register(peer, sip, phone)).code == 200
    peer.send(phone.request("INVITE", 1, body=SDP), sip)
    for _ in range(2):
        assert (await peer.expect(401)).code == 401


async def test_who_answers_from_another_address_is_asked_once_more(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, callee: UdpPeer, sip: Address
) -> None:
    home, away = Phone(*peer.address, edge=sip), Phone(*callee.address, edge=sip)
    peer.send(home.request("REGISTER", 1), sip)
    challenge, uri = await peer.expect(401), f"sip:{sip[0]}:{sip[1]}"

    def answer(to: Received) -> str:
        return answer_challenge(
            to, method="REGISTER", uri=uri, user="alice", password="correct horse"
        )

    callee.send(away.request("REGISTER", 2, headers=(answer(challenge),)), sip)
    again = await callee.expect(401)
    assert all("stale=true" in value for value in again.headers["www-authenticate"])
    callee.send(away.request("REGISTER", 3, headers=(answer(again),)), sip)
    assert (await callee.next()).code == 200
    assert not engine.rejections, "an honest phone that moved is nobody's fault"


@pytest.fixture
async def roaming(engine: FakeEngine) -> AsyncIterator[Edge]:
    edge = Edge(engine, edge_settings(listen=(("udp", "127.0.0.2", 0),), nonce_any_address=True))
    await edge.start()
    yield edge
    await edge.stop()


async def test_a_setting_lets_phones_roam_with_their_nonce(
    roaming: Edge, peer: UdpPeer, callee: UdpPeer
) -> None:
    sip = roaming.listening[0][1:]
    phone = Phone(*peer.address, edge=sip)
    peer.send(phone.request("REGISTER", 1), sip)
    line = answer_challenge(
        await peer.expect(401),
        method="REGISTER",
        uri=f"sip:{sip[0]}:{sip[1]}",
        user="alice",
        password="correct horse",
    )
    callee.send(Phone(*callee.address, edge=sip).request("REGISTER", 2, headers=(line,)), sip)
    assert (await callee.next()).code == 200


async def test_a_call_that_is_answered_is_not_cut_short(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, worker: UdpPeer, sip: Address
) -> None:
    engine.external = True
    engine.outcome = lambda _: Accepted(anchor("A", "t" * 24, worker.address), ())
    peer.send(smallest("INVITE", sip), sip)
    inward = await worker.expect("INVITE")
    contact = f"Contact: <sip:{'t' * 24}@x>"
    worker.send(reply_as(inward, 180, "Ringing", contact, tag="w"), edge_of(edge))
    worker.send(reply_as(inward, 200, "OK", contact, tag="w", body=SDP), edge_of(edge))
    answer = await peer.expect(200)
    assert answer.body.decode().startswith("v=0")


@pytest.mark.parametrize("is_trunk", [True, False])
async def test_a_trunks_call_has_its_2xx_repeated_as_the_rfc_says(
    edge: Edge,
    engine: FakeEngine,
    peer: UdpPeer,
    worker: UdpPeer,
    sip: Address,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_trunk: bool,
) -> None:
    monkeypatch.setattr(transactions_module, "T1_S", 0.01)
    monkeypatch.setattr(transactions_module, "T2_S", 0.02)
    engine.external = True
    if is_trunk:
        engine.trunks[peer.address[0]] = TrunkAccess("carrier", True, "")
    engine.outcome = lambda _: Accepted(anchor("A", "t" * 24, worker.address), ())
    peer.send(smallest("INVITE", sip), sip)
    inward = await worker.expect("INVITE")
    contact = f"Contact: <sip:{'t' * 24}@x>"
    worker.send(reply_as(inward, 200, "OK", contact, tag="w", body=SDP), edge_of(edge))
    for _ in range(4):
        await peer.expect(200)
    if is_trunk:
        await peer.expect(200)
    else:
        assert await peer.silence(0.3)
