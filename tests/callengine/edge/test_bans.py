"""Who guesses passwords is kept out: the rule as tables, then at the edge."""

from collections.abc import AsyncIterator

import pytest

from callengine.edge.bans import MANY_USERS, WRONG_PASSWORDS, Bans, HeldBan, Offence, Offences
from callengine.edge.frontdoor import Edge
from callengine.edge.interface import TrunkAccess
from callengine.edge.settings import BanSettings
from tests.callengine.edge.fakes import FakeEngine, Phone, UdpPeer, edge_settings
from tests.callengine.edge.test_registering import register

SETTINGS = BanSettings(failures=3, users=4, window_s=60, ban_s=100, longest_s=350)
HERE = "192.0.2.1"
Address = tuple[str, int]


def outcomes(offences: Offences, *users: str, now: float = 0.0) -> list[Offence | None]:
    return [offences.failed(HERE, user, now) for user in users]


def test_one_user_who_fails_is_kept_out_alone() -> None:
    offences = Offences(SETTINGS)
    assert outcomes(offences, "a", "a", "b", "a") == [
        None,
        None,
        None,
        Offence(HERE, "a", WRONG_PASSWORDS, 3),
    ]


def test_many_users_take_their_source_with_them() -> None:
    *before, last = outcomes(Offences(SETTINGS), "a", "b", "b", "c", "d")
    assert before == [None] * 4
    assert last == Offence(HERE, "", MANY_USERS, 5)


def test_failures_of_another_window_or_source_do_not_add_up() -> None:
    offences = Offences(SETTINGS)
    assert outcomes(offences, "a", "a", now=0.0) == [None, None]
    assert outcomes(offences, "a", "a", now=60.0) == [None, None]
    assert offences.failed("192.0.2.2", "a", 60.0) is None


def test_where_anybody_has_the_right_password_only_single_users_are_kept_out() -> None:
    offences = Offences(SETTINGS)
    offences.succeeded(HERE, "good", 0.0)
    found = outcomes(offences, "a", "b", "c", "d", "e", "a", "a", now=1.0)
    assert [offence and offence.user for offence in found] == [None] * 6 + ["a"]
    found = outcomes(offences, "a", "b", "c", "d", now=3700.0)
    assert found[-1] == Offence(HERE, "", MANY_USERS, 4), "an hour later it may be"


def test_a_right_password_wipes_out_the_wrong_ones() -> None:
    offences = Offences(SETTINGS)
    outcomes(offences, "a", "a")
    offences.succeeded(HERE, "a", 1.0)
    assert outcomes(offences, "a", "a", now=2.0) == [None, None]


def test_bans_end_grow_and_are_lifted() -> None:
    bans = Bans(SETTINGS)
    offence = Offence(HERE, "", MANY_USERS, 4)
    first = bans.add(offence, 1000.0)
    assert (first.until, first.times) == (1100.0, 1)
    assert [bans.banned_s(HERE, now) for now in (1000.0, 1099.0, 1100.0)] == [100.0, 1.0, 0.0]
    assert not bans.banned_s(HERE, 1000.0, "a")
    lengths = []
    for _ in range(3):
        ban = bans.add(offence, 2000.0)
        lengths.append((ban.times, ban.until - ban.since))
    assert lengths == [(2, 200.0), (3, 350.0), (4, 350.0)]
    assert bans.add(offence, 200_000.0).times == 1, "a day later it is forgotten"
    bans.lift(HERE, "")
    assert not bans.banned_s(HERE, 200_001.0)


def test_what_is_stored_is_what_holds_but_for_what_is_being_stored() -> None:
    bans = Bans(SETTINGS)
    stored = HeldBan("192.0.2.9", "", MANY_USERS, 0.0, 500.0, 4, 1)
    bans.replace([stored], 100.0)
    assert bans.banned_s("192.0.2.9", 100.0)
    bans.add(Offence(HERE, "a", WRONG_PASSWORDS, 3), 100.0)
    bans.replace([], 101.0)
    assert not bans.banned_s("192.0.2.9", 101.0), "somebody deleted it"
    assert bans.banned_s(HERE, 101.0, "a")
    bans.replace([], 120.0)
    assert not bans.banned_s(HERE, 120.0, "a")


@pytest.fixture
async def edge(engine: FakeEngine) -> AsyncIterator[Edge]:
    listen = (("udp", "127.0.0.2", 0), ("tcp", "127.0.0.2", 0))
    edge = Edge(engine, edge_settings(listen=listen, bans=SETTINGS))  # type: ignore[arg-type]
    await edge.start()
    yield edge
    await edge.stop()


async def guess(peer: UdpPeer, sip: Address, user: str) -> int:
    phone = Phone(*peer.address, user=user, edge=sip)
    return (await register(peer, sip, phone, password="guessed")).code


async def test_a_user_with_a_wrong_password_is_kept_out_and_let_in_again(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    assert [await guess(peer, sip, "alice") for _ in range(4)] == [401, 401, 401, 403]
    (ban,) = engine.bans
    assert (ban.source, ban.user, ban.failures) == ("127.0.0.3", "alice", 3)
    phone = Phone(*peer.address, edge=sip)
    assert (await register(peer, sip, phone)).code == 403, "with the right one, too"
    line = await engine.rejection("banned")
    assert line.code == 403
    assert "lift the ban" in line.advice
    bob = Phone(*peer.address, user="bob", edge=sip)
    assert (await register(peer, sip, bob, password="battery staple")).code == 200
    edge.lift_ban("127.0.0.3", "alice")
    assert (await register(peer, sip, phone, cseq=5)).code == 200


async def test_whoever_tries_many_users_is_not_heard_any_more(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, callee: UdpPeer, sip: Address
) -> None:
    for user in "wxyz":
        assert await guess(peer, sip, user) == 401
    await engine.until(lambda: bool(engine.bans))
    assert (engine.bans[0].user, engine.bans[0].rule) == ("", MANY_USERS)
    peer.send(Phone(*peer.address, edge=sip).request("OPTIONS", 1), sip)
    assert await peer.silence(0.3)
    assert "banned" in (await engine.rejection("banned")).advice
    other = Phone(*callee.address, edge=sip)
    assert (await register(callee, sip, other)).code == 200
    edge.lift_ban("127.0.0.3", "")
    peer.send(Phone(*peer.address, edge=sip).request("OPTIONS", 2), sip)
    assert (await peer.next()).code == 200


@pytest.mark.parametrize("kind", ["trunk", "registered before"])
async def test_trunks_and_offices_are_not_banned_as_a_whole(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, kind: str
) -> None:
    if kind == "trunk":
        engine.trunks["127.0.0.3"] = TrunkAccess("carrier", True, "")
    else:
        phone = Phone(*peer.address, user="bob", edge=sip)
        assert (await register(peer, sip, phone, password="battery staple")).code == 200
    for user in "stuvwxyz":
        assert await guess(peer, sip, user) == 401
    assert not engine.bans


async def test_invented_sources_have_nobody_banned(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, callee: UdpPeer, sip: Address
) -> None:
    """A nonce that was given to somebody else proves nothing about this source."""
    for number in range(8):
        phone = Phone(*callee.address, user=f"user{number}", edge=sip)
        callee.send(phone.request("REGISTER", 1), sip)
        nonce = (await callee.expect(401)).get("www-authenticate").split('nonce="')[1][:28]
        line = (
            f'Authorization: Digest username="user{number}", realm="voipnumber", nonce="{nonce}", '
            'uri="sip:x", response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="x"'
        )
        line = line.replace("sip:x", f"sip:{sip[0]}:{sip[1]}")
        victim = Phone(*peer.address, user=f"user{number}", edge=sip)
        peer.send(victim.request("REGISTER", 2, headers=(line,)), sip)
        assert (await peer.expect(401)).code == 401
    assert not engine.bans


async def test_nobody_is_looked_up_for_a_nonce_that_is_not_ours(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers with invented nonces must not cost two questions to the database each."""

    async def looked_up(username: str) -> None:
        raise AssertionError(username)

    monkeypatch.setattr(engine, "credentials", looked_up)
    line = (
        'Authorization: Digest username="alice", realm="voipnumber", nonce="invented", '
        f'uri="sip:{sip[0]}:{sip[1]}", response="00", qop=auth, nc=00000001, cnonce="x"'
    )
    peer.send(Phone(*peer.address, edge=sip).request("REGISTER", 1, headers=(line,)), sip)
    challenge = await peer.expect(401)
    assert "stale=true" in challenge.get("www-authenticate")


async def test_this_machine_is_never_banned(edge: Edge, engine: FakeEngine, sip: Address) -> None:
    local = await UdpPeer.open("127.0.0.1")
    for user in "aaaaabcdef":
        assert await guess(local, sip, user) == 401
    assert not engine.bans
    await local.close()
