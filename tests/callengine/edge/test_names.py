"""Names looked up at a real name server: what it says, how long it holds, and when it is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callengine.core.naming import HostAddress, Question, Srv
from callengine.edge.names.answers import Answers
from callengine.edge.names.hosts import HostsFile
from callengine.edge.names.locator import Locator
from callengine.edge.names.nameservers import NameServers, NoAnswerError
from callengine.edge.transport.addresses import UnresolvableError
from sip.answerlife import LONGEST_NEGATIVE_S, RETRY_S, STALE_S
from tests.peers.dnsserver import NameServer, name_server

pytestmark = pytest.mark.thorough

GW = Question("gw.example", "A")


class Clock:
    """A steady clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server() -> Iterator[NameServer]:
    with name_server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def answers(server: NameServer, clock: Clock) -> Answers:
    return Answers(NameServers([server.address]).ask, now=clock)


@pytest.fixture
def locator(server: NameServer, tmp_path: Path) -> Locator:
    return Locator(
        [server.address],
        hosts=HostsFile(tmp_path / "hosts"),
        chance=lambda: 0.0,
        spoken=lambda: ("udp", "tcp", "tls"),
    )


async def targets(locator: Locator, uri: str) -> list[str]:
    return [f"{one.transport}:{one.host}:{one.port}" for one in await locator.locate(uri)]


async def test_naptr_leads_to_tls(server: NameServer, locator: Locator) -> None:
    server.has("gw.example", "NAPTR", '10 10 "s" "SIPS+D2T" "" _sips._tcp.gw.example.')
    server.has("_sips._tcp.gw.example", "SRV", "1 1 5061 pop.example.")
    server.has("pop.example", "A", "192.0.2.4")
    (target,) = await locator.locate("sip:gw.example")
    assert (target.transport, target.host, target.port) == ("tls", "192.0.2.4", 5061)
    assert (target.name, target.via) == ("gw.example", "pop.example")


async def test_an_answer_too_long_for_udp_comes_over_tcp(
    server: NameServer, locator: Locator
) -> None:
    rows = [f"{n} 1 5060 a-rather-long-name-of-a-host-{n}.example." for n in range(1, 31)]
    server.has("_sip._udp.gw.example", "SRV", *rows)
    for n in range(1, 31):
        server.has(f"a-rather-long-name-of-a-host-{n}.example", "A", f"192.0.2.{n}")
    found = await targets(locator, "sip:gw.example;transport=udp")
    assert found == [f"udp:192.0.2.{n}:5060" for n in range(1, 9)]
    assert server.over_tcp >= 1


async def test_a_name_in_the_hosts_file_comes_before_the_dns(
    server: NameServer, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.50 gw.example gw # a comment\nnonsense gw.example\n")
    locator = Locator([server.address], hosts=HostsFile(hosts))
    server.has("gw.example", "A", "192.0.2.1")
    assert await targets(locator, "sip:GW.example:5070") == ["udp:192.0.2.50:5070"]
    hosts.write_text("192.0.2.51 gw.example and so on\n")
    assert await targets(locator, "sip:gw.example:5070") == ["udp:192.0.2.51:5070"]


async def test_a_name_that_nobody_has_says_so(server: NameServer, locator: Locator) -> None:
    with pytest.raises(UnresolvableError, match=r"nobody\.example has no address"):
        await locator.locate("sip:nobody.example")


async def test_addresses_that_nobody_answers_for_are_gone_on_without(
    server: NameServer, locator: Locator
) -> None:
    """A name server that fails at AAAA, or one dead target of SRV, had no call go out at all."""
    server.has("gw.example", "A", "192.0.2.1")
    server.failing = {("gw.example", "AAAA"), ("dead.example", "A"), ("dead.example", "AAAA")}
    assert await targets(locator, "sip:gw.example:5060") == ["udp:192.0.2.1:5060"]
    server.has("_sip._udp.two.example", "SRV", "1 1 5060 dead.example.", "2 1 5060 gw.example.")
    assert await targets(locator, "sip:two.example;transport=udp") == ["udp:192.0.2.1:5060"]
    with pytest.raises(UnresolvableError, match=r"cannot answer for dead\.example"):
        await locator.locate("sip:dead.example:5060")


async def test_so_many_names_are_asked_for_in_vain_and_no_more(
    server: NameServer, locator: Locator
) -> None:
    names = [f"dead{n}.example" for n in range(9)]
    server.failing = {(name, kind) for name in names for kind in ("A", "AAAA")}
    server.has("_sip._udp.many.example", "SRV", *(f"1 1 5060 {name}." for name in names))
    with pytest.raises(UnresolvableError, match=r"cannot answer for dead"):
        await locator.locate("sip:many.example;transport=udp")
    assert len([name for name, _ in server.asked if name.startswith("dead")]) == 4


async def test_a_changed_address_is_followed_once_its_ttl_is_over(
    server: NameServer, answers: Answers, clock: Clock
) -> None:
    server.has("gw.example", "A", "192.0.2.1", ttl=30)
    assert await answers.of(GW) == (HostAddress("192.0.2.1"),)
    server.has("gw.example", "A", "192.0.2.2", ttl=30)
    clock.now_s += 29
    assert await answers.of(GW) == (HostAddress("192.0.2.1"),)
    clock.now_s += 2
    assert await answers.of(GW) == (HostAddress("192.0.2.2"),)
    assert server.asked["gw.example", "A"] == 2


@pytest.mark.parametrize("failure", ["fails", "is_silent"])
async def test_the_last_good_answer_serves_while_the_servers_fail(
    server: NameServer, answers: Answers, clock: Clock, failure: str
) -> None:
    server.has("_sip._udp.gw.example", "SRV", "1 2 5060 a.example.", ttl=10)
    question = Question("_sip._udp.gw.example", "SRV")
    good = (Srv(1, 2, 5060, "a.example"),)
    assert await answers.of(question) == good
    setattr(server, failure, True)
    clock.now_s += 60
    assert await answers.of(question) == good
    setattr(server, failure, False)
    server.has("_sip._udp.gw.example", "SRV", "1 2 5060 b.example.", ttl=10)
    clock.now_s += RETRY_S + 1
    await answers.stop()
    assert await answers.of(question) == (Srv(1, 2, 5060, "b.example"),)
    server.fails = True
    clock.now_s += STALE_S + 11
    with pytest.raises(NoAnswerError, match="cannot answer"):
        await answers.of(question)


async def test_servers_that_fail_are_not_asked_again_at_once(
    server: NameServer, answers: Answers, clock: Clock
) -> None:
    server.fails = True
    for _ in range(3):
        with pytest.raises(NoAnswerError):
            await answers.of(GW)
    asked = server.asked["gw.example", "A"]
    clock.now_s += RETRY_S + 0.1
    server.fails = False
    server.has("gw.example", "A", "192.0.2.1")
    assert await answers.of(GW) == (HostAddress("192.0.2.1"),)
    assert server.asked["gw.example", "A"] == asked + 1


async def test_that_there_is_nothing_is_kept_as_long_as_the_zone_says(
    server: NameServer, answers: Answers, clock: Clock
) -> None:
    assert await answers.of(GW) == ()
    assert await answers.of(GW) == ()
    assert server.asked["gw.example", "A"] == 1
    server.has("gw.example", "A", "192.0.2.1")
    clock.now_s += 1.5
    assert await answers.of(GW) == (HostAddress("192.0.2.1"),)
    assert LONGEST_NEGATIVE_S < STALE_S


async def test_a_name_server_without_naptr_still_gives_addresses(
    server: NameServer, locator: Locator
) -> None:
    """Small networks have such; only what is asked of addresses must be answered."""
    server.has("gw.example", "A", "192.0.2.1")
    answer = server.answer
    server.answer = lambda wire, *, is_udp: (  # type: ignore[method-assign]
        None if b"\x00\x23\x00\x01" in wire else answer(wire, is_udp=is_udp)
    )
    assert await targets(locator, "sip:gw.example") == ["udp:192.0.2.1:5060"]
