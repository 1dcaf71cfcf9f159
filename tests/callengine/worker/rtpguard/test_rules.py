"""The rules of where media may come from, on a clock of the test's own."""

import ipaddress
from collections.abc import Sequence

import pytest

from callengine.worker.rtpguard.programs import MediaSource, Network
from callengine.worker.rtpguard.rules import (
    HURRY_S,
    LEARNING_LOOK_S,
    LOOK_STEP_S,
    Seen,
    SourceRules,
    Window,
)

NAMED, HEARD, MOVED = "192.0.2.1", "198.51.100.7", "203.0.113.9"
SSRC, OTHER = 7, 8


def net(text: str) -> Network:
    return ipaddress.ip_network(text)


def hosts(sources: Sequence[MediaSource]) -> set[str]:
    """Return the hosts that any port and stream may come from."""
    return {
        str(s.network.network_address)
        for s in sources
        if s.network is not None and s.port is None and s.ssrc is None
    }


class Peer:
    """Sends packets to a leg whose rules are looked after."""

    def __init__(self, rules: SourceRules) -> None:
        self.rules, self.now, self.packets = rules, 100.0, 0

    def sends(
        self, host: str, port: int = 4000, ssrc: int | None = SSRC, *, looks: int = 2
    ) -> None:
        for _ in range(looks):
            self.now += 0.05
            self.packets += 3
            self.rules.look(Seen(host, port, ssrc, self.packets), self.now)

    def is_silent(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1.0
            self.rules.look(Seen(HEARD, 4000, SSRC, self.packets), self.now)


@pytest.fixture
def peer() -> Peer:
    """Return a peer that has been described and not been heard."""
    rules = SourceRules()
    rules.heard_from(HEARD, 99.0)
    rules.described(NAMED, 5004, 100.0)
    rules.look(Seen("", 0, 0, 0), 100.0)
    return Peer(rules)


def test_before_any_description_nothing_passes() -> None:
    rules = SourceRules(also=[net("10.0.0.0/8")])
    rules.heard_from(HEARD, 1.0)
    assert (rules.window, rules.rtp(), rules.rtcp()) == (Window.SHUT, (), ())
    assert rules.next_look() is None


def test_a_description_lets_its_hosts_in_on_any_port(peer: Peer) -> None:
    assert hosts(peer.rules.rtp()) == {NAMED, HEARD}
    assert hosts(peer.rules.rtcp()) == {NAMED, HEARD}


def test_where_it_was_heard_from_may_be_told_just_after() -> None:
    rules = SourceRules()
    rules.described(NAMED, 5004, 100.0)
    assert hosts(rules.rtp()) == {NAMED}
    rules.heard_from(HEARD, 100.0)
    assert hosts(rules.rtp()) == {NAMED, HEARD}


def test_a_carriers_networks_are_expected_too() -> None:
    rules = SourceRules(also=[net("10.0.0.0/8"), net("2001:db8::/32")])
    rules.described(NAMED, 5004, 100.0)
    networks = {source.network for source in rules.rtp()}
    assert networks == {net(f"{NAMED}/32"), net("10.0.0.0/8"), net("2001:db8::/32")}
    assert set(rules.rtp()) == set(rules.rtcp())
    assert not rules.is_elsewhere("10.9.9.9")
    assert rules.is_elsewhere("11.0.0.1")
    assert not rules.is_elsewhere("nobody.example")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "phone.example", ""])
def test_a_description_that_names_no_address_leaves_where_it_was_heard_from(host: str) -> None:
    rules = SourceRules()
    rules.described(host, 5004, 100.0)
    assert rules.rtp() == ()
    rules.heard_from(HEARD, 100.0)
    assert hosts(rules.rtp()) == {HEARD}


def test_one_look_is_not_believed_and_two_are(peer: Peer) -> None:
    peer.sends(HEARD, looks=1)
    assert peer.rules.window is Window.EXPECTED
    peer.sends(HEARD, looks=1)
    assert peer.rules.window is Window.LEARNED
    at = net(f"{HEARD}/32")
    assert peer.rules.rtp() == (MediaSource(at, 4000), MediaSource(at, ssrc=SSRC))


def test_two_looks_that_differ_are_not_believed(peer: Peer) -> None:
    for port in (4000, 4002, 4000, 4002):
        peer.sends(HEARD, port, looks=1)
    assert peer.rules.window is Window.EXPECTED


def test_no_packet_between_two_looks_teaches_nothing(peer: Peer) -> None:
    peer.sends(HEARD, looks=1)
    peer.rules.look(Seen(HEARD, 4000, SSRC, peer.packets), peer.now + 0.1)
    assert peer.rules.window is Window.EXPECTED


def test_reports_come_from_expected_and_learned_hosts(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.is_silent(2)
    peer.sends(MOVED)
    assert hosts(peer.rules.rtcp()) == {NAMED, HEARD, MOVED}


def test_a_rebound_port_is_learned_without_any_window(peer: Peer) -> None:
    peer.sends(HEARD, 4000)
    peer.sends(HEARD, 4999)
    assert peer.rules.window is Window.LEARNED
    assert peer.rules.rtp()[0] == MediaSource(net(f"{HEARD}/32"), 4999)


@pytest.mark.parametrize(
    ("seconds", "window"),
    [(1, Window.LEARNED), (2, Window.ROAMING), (4, Window.ROAMING), (5, Window.RESTARTING)],
)
def test_silence_opens_windows_one_after_the_other(
    peer: Peer, seconds: int, window: Window
) -> None:
    peer.sends(HEARD)
    peer.is_silent(seconds)
    assert peer.rules.window is window
    stream_from_anywhere = MediaSource(ssrc=SSRC) in peer.rules.rtp()
    assert stream_from_anywhere is (window is not Window.LEARNED)
    assert hosts(peer.rules.rtp()) == ({NAMED, HEARD} if window is Window.RESTARTING else set())


def test_the_first_packets_after_a_silence_close_the_windows(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.is_silent(6)
    peer.sends(HEARD, looks=1)
    assert peer.rules.window is Window.LEARNED


def test_a_phone_that_moved_is_learned_anew(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.is_silent(3)
    peer.sends(MOVED, 6000)
    at = net(f"{MOVED}/32")
    assert peer.rules.rtp() == (MediaSource(at, 6000), MediaSource(at, ssrc=SSRC))


def test_a_phone_that_restarted_is_learned_anew(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.is_silent(6)
    peer.sends(NAMED, 6000, OTHER)
    assert peer.rules.rtp()[0] == MediaSource(net(f"{NAMED}/32"), 6000)


def test_a_peer_never_heard_stays_expected_however_long(peer: Peer) -> None:
    peer.is_silent(60)
    assert peer.rules.window is Window.EXPECTED


def test_a_new_description_forgets_what_was_learned(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.rules.described(MOVED, 7000, peer.now)
    assert peer.rules.window is Window.EXPECTED
    assert hosts(peer.rules.rtp()) == {MOVED, HEARD}
    assert len(peer.rules.rtp()) == 2


def test_the_same_description_again_keeps_the_learned_address_beside_its_hosts(
    peer: Peer,
) -> None:
    """A codec re-offer, or hold and resume, of a phone that has moved meanwhile."""
    peer.sends(HEARD)
    peer.is_silent(3)
    peer.sends(MOVED, 6000)
    peer.rules.described(NAMED, 5004, peer.now)
    assert MediaSource(net(f"{MOVED}/32"), 6000) in peer.rules.rtp()
    assert hosts(peer.rules.rtp()) == {NAMED, HEARD}


def test_a_description_heard_from_elsewhere_is_expected_there(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.rules.heard_from(HEARD, peer.now)
    assert peer.rules.window is Window.LEARNED
    peer.rules.heard_from(MOVED, peer.now)
    assert peer.rules.window is Window.EXPECTED
    assert hosts(peer.rules.rtp()) == {NAMED, MOVED}


def test_new_sockets_are_shut(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.rules.shut()
    assert peer.rules.rtp() == ()
    peer.rules.described(NAMED, 5004, peer.now)
    assert hosts(peer.rules.rtp()) == {NAMED, HEARD}


def test_a_build_that_tells_no_stream_holds_to_the_host(peer: Peer) -> None:
    peer.sends(HEARD, ssrc=None)
    assert peer.rules.window is Window.LEARNED
    assert hosts(peer.rules.rtp()) == {HEARD}
    peer.is_silent(3)
    assert all(source.network is not None for source in peer.rules.rtp())


def test_looks_are_frequent_only_while_something_is_to_be_learned(peer: Peer) -> None:
    def hurries() -> bool:
        return peer.rules.next_look() is not None

    assert hurries()
    peer.sends(HEARD, looks=1)
    assert hurries()
    peer.sends(HEARD, looks=1)
    assert not hurries()
    peer.sends(HEARD, 4999, looks=1)
    assert hurries()
    peer.sends(HEARD, 4999, looks=1)
    assert not hurries()


def test_one_look_at_a_source_that_then_falls_silent_is_no_hurry_for_ever(peer: Peer) -> None:
    peer.sends(HEARD, looks=1)
    peer.is_silent(2)
    assert peer.rules.next_look() is not None
    peer.is_silent(2)
    assert peer.rules.next_look() is None


def test_the_first_look_at_a_new_stream_only_tells_where_it_stands(peer: Peer) -> None:
    peer.sends(HEARD)
    peer.rules.described(MOVED, 7000, peer.now)
    for _ in range(3):
        peer.now += 0.05
        peer.rules.look(Seen(HEARD, 4000, SSRC, 12345), peer.now)
    assert peer.rules.window is Window.EXPECTED


def test_a_peer_that_stays_silent_is_soon_looked_at_less_often(peer: Peer) -> None:
    peer.rules.look(Seen("", 0, 0, 0), 100.0 + HURRY_S - 0.1)
    assert peer.rules.next_look() is not None
    peer.rules.look(Seen("", 0, 0, 0), 100.0 + HURRY_S + 0.1)
    assert peer.rules.next_look() is None


def test_legs_described_one_after_the_other_are_looked_at_together() -> None:
    looks = []
    for described_at in (100.001, 100.004):
        rules = SourceRules()
        rules.described(HEARD, 4000, described_at)
        looks.append(rules.next_look())
    assert looks[0] == looks[1]
    assert looks[0] == pytest.approx(100.05)


def test_a_look_is_never_later_than_promised() -> None:
    for described_at in (100.0, 100.0099, 100.01, 123.456):
        rules = SourceRules()
        rules.described(HEARD, 4000, described_at)
        wait_s = (rules.next_look() or 0.0) - described_at
        assert wait_s + 1e-9 >= LEARNING_LOOK_S - LOOK_STEP_S
        assert wait_s <= LEARNING_LOOK_S + 1e-9
