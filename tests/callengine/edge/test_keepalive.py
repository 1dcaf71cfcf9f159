"""Phones behind NAT: asked now and then, and told how often to show a sign of life."""

import pytest

from callengine.edge.callers.keepalive import KeepAlive
from callengine.edge.flow import Flow
from callengine.edge.frontdoor import Edge
from callengine.edge.messages.received import receive
from tests.callengine.edge.fakes import FakeEngine, Phone, UdpPeer, answer_challenge, edge_settings


class Names:
    """Stands for the edge's names."""

    user_agent = "edge"

    def new_branch(self) -> str:
        return "z9hG4bKbranch"

    def via(self, flow: Flow, branch: str) -> str:
        return f"SIP/2.0/{flow.transport.via} 192.0.2.1:5060;branch={branch};rport"

    def contact(self, flow: Flow, token: str) -> str:
        return f"sip:{token}@192.0.2.1:5060"

    def tag(self, *parts: str) -> str:
        return "tag"

    sign = tag


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr("callengine.edge.callers.keepalive.time.monotonic", lambda: clock[0])
    return clock


def test_each_phone_heard_over_udp_is_asked_in_turn_while_it_is_registered(
    now: list[float],
) -> None:
    sent: list[tuple[Flow, bytes]] = []
    keepalive = KeepAlive(lambda *what: sent.append(what), Names(), interval_s=25.0)  # type: ignore[arg-type]
    one, other = Flow.parse("udp:198.51.100.1:5062"), Flow.parse("udp:[2001:db8::7]:5062")
    keepalive.note(one, "alice", for_s=60)
    keepalive.note(Flow.parse("tcp:198.51.100.1:5062"), "bob", for_s=60)
    now[0] += 10
    keepalive.note(other, "carol", for_s=600)
    for at, flows in ((1024, []), (1025, [one]), (1035, [other]), (1050, [one]), (1060, [other])):
        sent.clear()
        keepalive.tick(at)
        assert [flow for flow, _ in sent] == flows, at
    message = receive(sent[0][1], other)
    assert (message.method, message.uri) == ("OPTIONS", "sip:carol@[2001:db8::7]:5062")
    assert not message.problem
    sent.clear()
    keepalive.tick(1075)  # alice's registration has ended, carol's has not
    keepalive.note(other, "carol", for_s=0)
    keepalive.tick(1200)
    assert sent == []


def test_what_is_due_at_once_after_a_restart_is_spread(now: list[float]) -> None:
    sent: list[Flow] = []
    keepalive = KeepAlive(lambda flow, _: sent.append(flow), Names(), interval_s=25.0)  # type: ignore[arg-type]
    for number in range(500):
        keepalive.note(Flow.parse(f"udp:198.51.100.1:{2000 + number}"), "alice", for_s=600)
    for at, count in ((1025, 200), (1026, 400), (1027, 500), (1028, 500)):
        keepalive.tick(at)
        assert len(sent) == count


@pytest.mark.parametrize("interval_s", [0.0, 0.2])
async def test_a_registered_phone_is_sent_options_if_that_is_wanted(interval_s: float) -> None:
    engine = FakeEngine()
    engine.add_user("alice", "secret")
    edge = Edge(engine, edge_settings(listen=(("udp", "127.0.0.2", 0),), keepalive_s=interval_s))
    await edge.start()
    peer = await UdpPeer.open()
    _, *address = edge.listening[0]
    try:
        phone = Phone(*peer.address, edge=(address[0], address[1]))
        via = f"SIP/2.0/UDP {peer.address[0]}:{peer.address[1]};branch=z9hG4bK"

        async def register(cseq: int, *headers: str) -> None:
            text = phone.request("REGISTER", cseq, branch=f"z9hG4bKr{cseq}", headers=headers)
            peer.send(text.replace(";rport", ";rport;keep", 1), (address[0], address[1]))

        await register(1)
        challenge = await peer.expect(401)
        assert challenge.vias[0].startswith(via)
        assert "keep=" not in challenge.vias[0]
        uri = f"sip:{address[0]}:{address[1]}"
        answer = answer_challenge(
            challenge, method="REGISTER", uri=uri, user="alice", password="secret"
        )
        await register(2, answer)
        accepted = await peer.expect(200)
        assert accepted.vias[0].count("keep") == 1
        assert accepted.vias[0].endswith(";keep=25")
        if interval_s:
            asked = await peer.expect("OPTIONS")
            assert asked.uri.startswith("sip:alice@127.0.0.1")
        else:
            assert await peer.silence(1.3)
    finally:
        await peer.close()
        await edge.stop()
