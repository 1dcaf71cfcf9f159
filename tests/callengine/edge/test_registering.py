"""Phones that register, over real sockets."""

import asyncio
import re
from dataclasses import replace

import pytest

from callengine.edge.frontdoor import Edge
from callengine.edge.messages.received import Received, receive
from callengine.edge.settings import BanSettings
from tests.callengine.edge.fakes import REALM, FakeEngine, Phone, UdpPeer, answer_challenge

Address = tuple[str, int]


def phone_of(peer: UdpPeer, sip: Address, user: str = "alice") -> Phone:
    return Phone(*peer.address, user=user, edge=sip)


async def challenge(peer: UdpPeer, sip: Address, phone: Phone, cseq: int = 1) -> Received:
    peer.send(phone.request("REGISTER", cseq), sip)
    return await peer.expect(401)


async def register(
    peer: UdpPeer,
    sip: Address,
    phone: Phone,
    *,
    password: str = "correct horse",
    cseq: int = 1,
    algorithm: str = "MD5",
    contact: str = "default",
    headers: tuple[str, ...] = (),
    to: str = "",
    qop: bool = True,
    name: str = "",
) -> Received:
    uri = f"sip:{sip[0]}:{sip[1]}"
    challenged = await challenge(peer, sip, phone, cseq)
    line = answer_challenge(
        challenged,
        method="REGISTER",
        uri=uri,
        user=name or phone.user,
        password=password,
        algorithm=algorithm,
        qop=qop,
    )
    peer.send(
        phone.request("REGISTER", cseq + 1, headers=(line, *headers), contact=contact, to=to), sip
    )
    return await peer.next()


async def test_md5_and_sha256_register_and_the_source_address_is_the_flow(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    for cseq, algorithm in ((1, "MD5"), (3, "SHA-256")):
        phone = phone_of(peer, sip)
        answer = await register(peer, sip, phone, algorithm=algorithm, cseq=cseq)
        assert answer.code == 200
        assert "expires=600" in answer.get("contact")
    (binding,) = engine.stored["alice"]
    assert binding.flow == f"udp:{peer.address[0]}:{peer.address[1]}"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_a_phone_whose_user_name_is_user_at_realm_registers(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, algorithm: str
) -> None:
    answer = await register(
        peer, sip, phone_of(peer, sip), name=f"alice@{REALM}", algorithm=algorithm
    )
    assert answer.code == 200
    assert len(engine.stored["alice"]) == 1


@pytest.mark.parametrize("realm", ["elsewhere", REALM.upper()])
async def test_a_user_name_of_another_realm_is_somebody_unknown(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, realm: str
) -> None:
    answer = await register(peer, sip, phone_of(peer, sip), name=f"alice@{realm}")
    assert answer.code == 401
    assert (await engine.rejection("unknown-user")).user == f"alice@{realm}"


async def test_a_password_kept_without_the_realm_is_not_called_wrong_and_counts_as_a_guess(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    engine.users["alice"] = replace(engine.users["alice"], ha1b_md5="", ha1b_sha256="")
    for cseq in range(1, 2 * BanSettings().failures, 2):
        phone = phone_of(peer, sip)
        answer = await register(peer, sip, phone, name=f"alice@{REALM}", cseq=cseq)
        assert answer.code == 401
    refused = await engine.rejection("user-name-with-realm")
    assert refused.user == "alice"
    assert "set it again here" in refused.advice
    assert [ban.user for ban in engine.bans] == ["alice"]


async def test_client_without_qop_registers_once_per_nonce(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    uri = f"sip:{sip[0]}:{sip[1]}"
    first = await challenge(peer, sip, phone)
    line = answer_challenge(
        first, method="REGISTER", uri=uri, user="alice", password="correct horse", qop=False
    )
    peer.send(phone.request("REGISTER", 2, headers=(line,)), sip)
    assert (await peer.next()).code == 200
    peer.send(phone.request("REGISTER", 3, headers=(line,)), sip)
    assert (await peer.next()).code == 401
    assert (await engine.rejection("nonce-replayed")).user == "alice"


async def test_unknown_user_and_wrong_password_look_alike_byte_for_byte(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    seen = []
    for user in ("alice", "zalice"):
        phone = phone_of(peer, sip, user)
        answer = await register(peer, sip, phone, password="wrong")
        assert answer.code == 401
        text = peer.raw[-1].decode()
        for changing in (user, phone.call_id, phone.tag):
            text = text.replace(changing, "X")
        text = re.sub(r'nonce="[^"]+"|branch=\w+|tag=\w+', "-", text)
        seen.append(text)
    assert seen[0] == seen[1]
    assert (await engine.rejection("wrong-password")).user == "alice"
    unknown = await engine.rejection("unknown-user")
    assert "not the display name" in unknown.advice


async def test_replayed_nonce_count_is_refused_and_reordered_counts_are_not(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    uri = f"sip:{sip[0]}:{sip[1]}"
    first = await challenge(peer, sip, phone)
    codes = []
    for cseq, nc in ((2, 1), (3, 3), (4, 2), (5, 3)):
        line = answer_challenge(
            first, method="REGISTER", uri=uri, user="alice", password="correct horse", nc=nc
        )
        peer.send(phone.request("REGISTER", cseq, headers=(line,)), sip)
        codes.append((await peer.next()).code)
    assert codes == [200, 200, 200, 401]
    assert "stale=true" in (parse_last(peer))


def parse_last(peer: UdpPeer) -> str:
    return peer.raw[-1].decode()


async def test_disabled_connection_gets_403_only_with_the_right_password(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    engine.add_user("carol", "pw", enabled=False)
    wrong = await register(peer, sip, phone_of(peer, sip, "carol"), password="no")
    right = await register(peer, sip, phone_of(peer, sip, "carol"), password="pw")
    assert (wrong.code, right.code) == (401, 403)
    assert (await engine.rejection("connection-disabled")).code == 403


async def test_registering_somebody_else_is_403(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    answer = await register(peer, sip, phone_of(peer, sip), to=f"<sip:bob@{sip[0]}>")
    assert answer.code == 403
    assert "bob" not in engine.stored
    assert (await engine.rejection("not-your-address")).user == "alice"


async def test_short_expiry_gets_423_with_min_expires(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    answer = await register(peer, sip, phone_of(peer, sip), headers=("Expires: 5",))
    assert (answer.code, answer.get("min-expires")) == (423, "60")


async def test_several_contacts_query_and_star(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    two = '"Desk, left" <sip:alice@10.0.0.1>;expires=120, <sip:alice@10.0.0.2>;q=0.5'
    assert len((await register(peer, sip, phone, contact=two)).headers["contact"]) == 2
    query = await register(peer, sip, phone, contact="", cseq=3)
    assert len(query.headers["contact"]) == 2
    bad = await register(peer, sip, phone, contact="*", cseq=5)
    assert bad.code == 400
    gone = await register(peer, sip, phone, contact="*", headers=("Expires: 0",), cseq=7)
    assert gone.code == 200
    assert "contact" not in gone.headers
    assert engine.stored["alice"] == []


@pytest.mark.thorough
async def test_unanswered_challenge_becomes_a_rejection(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    await challenge(peer, sip, phone_of(peer, sip))
    assert (await engine.rejection("no-credentials")).method == "REGISTER"


async def test_tcp_fragments_pipelining_and_pings(
    edge: Edge, engine: FakeEngine, peer: UdpPeer
) -> None:
    _, host, port = edge.listening[1]
    reader, writer = await asyncio.open_connection(host, port, local_addr=("127.0.0.3", 0))
    own = writer.get_extra_info("sockname")
    phone = Phone(own[0], own[1], edge=(host, port), transport="TCP")
    for piece in re.findall(r"(?s).{1,17}", phone.request("REGISTER", 1)):
        writer.write(piece.encode())
        await writer.drain()
    challenged = await read_message(reader)
    assert "401 Unauthorized" in challenged
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    line = answer_challenge(
        receive(challenged.encode()),
        method="REGISTER",
        uri=f"sip:{host}:{port}",
        user="alice",
        password="correct horse",
    )
    both = phone.request("REGISTER", 2, headers=(line,)) + phone.request("OPTIONS", 3)
    writer.write(both.encode())
    answers = [await read_message(reader), await read_message(reader)]
    assert sorted(a.split("CSeq: ")[1][:10] for a in answers) == ["2 REGISTER", "3 OPTIONS\r"]
    assert all(" 200 OK" in answer for answer in answers)
    assert engine.stored["alice"][0].flow == f"tcp:{own[0]}:{own[1]}"
    writer.close()
    await writer.wait_closed()


async def read_message(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.partition("Content-Length: ")[2].partition("\r\n")[0])
        return head + (await reader.readexactly(length)).decode()
