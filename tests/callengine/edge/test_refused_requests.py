"""Requests that are refused before anybody is asked: the answer on the wire, the rule stored."""

import pytest

from callengine.edge.frontdoor import Edge
from tests.callengine.edge.fakes import SDP, FakeEngine, Phone, UdpPeer, answer_challenge
from tests.callengine.edge.test_registering import Address, challenge, phone_of, register

TIMER = ("Supported: timer", "Session-Expires: 30")


def subscribe(phone: Phone) -> str:
    return phone.request("SUBSCRIBE", 1)


def frobnicate(phone: Phone) -> str:
    return phone.request("FROB", 1)


def require(phone: Phone) -> str:
    return phone.request("INVITE", 1, headers=("Require: teleport",), body=SDP)


def dial_the_web(phone: Phone) -> str:
    return phone.request("INVITE", 1, uri="http://example.net", body=SDP)


def next_version(phone: Phone) -> str:
    return phone.request("INVITE", 1, body=SDP).replace(" SIP/2.0\r\n", " SIP/7.0\r\n", 1)


def hurry(phone: Phone) -> str:
    return phone.request("INVITE", 1, headers=TIMER, body=SDP)


def accept_nothing(phone: Phone) -> str:
    return phone.request("INVITE", 1, headers=("Accept: text/plain",), body=SDP)


def write_a_novel(phone: Phone) -> str:
    return phone.request("INVITE", 1, body=SDP + "a=x\r\n" * 300)


def send_text(phone: Phone) -> str:
    text = phone.request("INVITE", 1, body=SDP)
    return text.replace("Content-Type: application/sdp", "Content-Type: text/plain")


def count_hops_in_words(phone: Phone) -> str:
    return phone.request("INVITE", 1, max_forwards=None, headers=("Max-Forwards: many",), body=SDP)


def run_out_of_hops(phone: Phone) -> str:
    return phone.request("INVITE", 1, max_forwards=0, body=SDP)


REFUSED = [
    (subscribe, 405, "method-not-allowed"),
    (frobnicate, 501, "unknown-method"),
    (require, 420, "unsupported-extension"),
    (dial_the_web, 416, "unsupported-uri-scheme"),
    (next_version, 505, "unsupported-version"),
    (hurry, 422, "session-interval-too-small"),
    (accept_nothing, 406, "sdp-not-accepted"),
    (write_a_novel, 413, "sdp-too-long"),
    (send_text, 415, "unsupported-body"),
    (count_hops_in_words, 400, "malformed-sip"),
    (run_out_of_hops, 483, "too-many-hops"),
]


@pytest.mark.parametrize(("write", "code", "rule"), REFUSED, ids=[rule for *_, rule in REFUSED])
async def test_a_request_that_breaks_a_rule(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address, write, code: int, rule: str
) -> None:
    peer.send(write(phone_of(peer, sip)), sip)
    assert (await peer.next()).code == code
    stored = await engine.rejection(rule)
    assert (stored.code, stored.source_address) == (code, peer.address[0])
    assert stored.advice.endswith(".")


async def test_privacy_that_proxies_must_know_of_is_kept_here(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    """Gateways write `Proxy-Require: privacy` beside Privacy (RFC 3323 section 5.1)."""
    for token, code in (("Privacy", 401), ("privacy, teleport", 420)):
        headers = (f"Proxy-Require: {token}", "Privacy: id")
        peer.send(phone_of(peer, sip).request("INVITE", 1, headers=headers, body=SDP), sip)
        answer = await peer.expect(code)
        assert "rivacy" not in answer.get("unsupported")


async def test_what_is_taken_inside_a_call_alone_is_refused_in_those_words(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    headers = ("Refer-To: <sip:bob@192.0.2.1>", "Require: norefersub")
    peer.send(phone_of(peer, sip).request("REFER", 1, headers=headers), sip)
    assert (await peer.next()).code == 405
    advice = (await engine.rejection("method-not-allowed")).advice
    assert advice == "REFER is taken inside a call alone."


async def test_a_request_that_comes_by_two_ways(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    engine.external = True
    engine.may_answer.clear()
    phone = phone_of(peer, sip)
    for _ in range(2):
        text = phone.request("INVITE", 1, body=SDP)
        peer.send(text.replace(f"sip:alice@{sip[0]}", "sip:eve@example.net"), sip)
    await peer.expect(482)
    assert (await engine.rejection("merged-request")).code == 482


async def test_credentials_for_another_address(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    challenged = await challenge(peer, sip, phone)
    line = answer_challenge(
        challenged,
        method="REGISTER",
        uri="sip:elsewhere.example",
        user="alice",
        password="correct horse",
    )
    peer.send(phone.request("REGISTER", 2, headers=(line,)), sip)
    assert (await peer.next()).code == 400
    assert (await engine.rejection("digest-uri-mismatch")).code == 400


async def test_a_register_that_is_older_than_the_last(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    assert (await register(peer, sip, phone, cseq=10)).code == 200
    assert (await register(peer, sip, phone, cseq=3)).code == 500
    assert (await engine.rejection("register-out-of-order")).code == 500


async def test_a_register_for_too_short_a_time_and_one_of_too_many_devices(
    edge: Edge, engine: FakeEngine, peer: UdpPeer, sip: Address
) -> None:
    phone = phone_of(peer, sip)
    answer = await register(peer, sip, phone, headers=("Expires: 5",))
    assert (answer.code, answer.get("min-expires")) == (423, "60")
    assert (await engine.rejection("registration-too-brief")).code == 423
    many = ", ".join(f"<sip:alice@192.0.2.{n}>" for n in range(1, 12))
    assert (await register(peer, sip, phone, cseq=5, contact=many)).code == 403
    assert (await engine.rejection("too-many-contacts")).code == 403
