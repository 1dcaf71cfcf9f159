"""Where a leg's RTP may go, on a clock of the test's own."""

import ipaddress
from typing import Any

import pytest

from callengine.core.mediawords import paused_note, resumed_note
from callengine.worker.rtpguard.sending import (
    MAX_HOSTS,
    UNHEARD_S,
    Hold,
    Paused,
    Resumed,
    SendingRules,
)

NAMED, SIGNALS, OTHER = "192.0.2.1", "198.51.100.7", "203.0.113.9"


def described(host: str = NAMED, heard_from: str = SIGNALS, **options: Any) -> SendingRules:
    rules = SendingRules(**options)
    rules.heard_from(heard_from)
    rules.described(host, 100.0)
    return rules


def hears(rules: SendingRules, packets: int, rtp: str = "", rtcp: str = "") -> None:
    rules.look(packets=packets, rtp_from=rtp, rtcp_from=rtcp)


def test_a_host_that_was_only_named_is_sent_to_for_a_while() -> None:
    rules = described()
    assert [rules.hold(100 + s) for s in (0, 4.9, 5, 60)] == [
        None,
        None,
        Hold.UNHEARD,
        Hold.UNHEARD,
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"host": SIGNALS},
        {"host": f"::ffff:{SIGNALS}"},
        {"is_trunk": True},
        {"also": [ipaddress.ip_network("192.0.2.0/24")]},
        {"heard_from": ""},
        {"host": ""},
        {"host": "0.0.0.0"},
    ],
)
def test_who_is_exempt(options: dict[str, Any]) -> None:
    assert described(**options).hold(200) is None


@pytest.mark.parametrize(
    ("packets", "rtp", "rtcp", "is_heard"),
    [
        (0, "", "", False),
        (1, NAMED, "", True),
        (0, NAMED, "", False),
        (0, "", NAMED, True),
        (0, "", SIGNALS, False),
        (1, SIGNALS, "", True),
    ],
)
def test_what_shows_that_the_peer_wants_it(
    packets: int, rtp: str, rtcp: str, is_heard: bool
) -> None:
    rules = described()
    hears(rules, packets, rtp, rtcp)
    assert (rules.hold(100 + UNHEARD_S) is None) is is_heard
    assert rules.waits is not is_heard


def test_the_first_packet_lets_a_pause_end() -> None:
    rules = described()
    assert rules.hold(110) is Hold.UNHEARD
    hears(rules, 1, NAMED)
    assert rules.hold(110) is None


def test_describing_a_host_again_buys_no_time() -> None:
    rules = described()
    for second in range(1, 5):
        rules.described(NAMED, 100.0 + second)
    assert rules.hold(104.9) is None
    assert rules.hold(105) is Hold.UNHEARD
    # Its packets came from elsewhere, and those of a new stream would go to the named host anew.
    hears(rules, 9, SIGNALS)
    rules.described(NAMED, 120)
    assert rules.hold(120) is Hold.UNHEARD


def test_a_host_that_was_heard_is_believed_when_it_is_described_again() -> None:
    rules = described()
    hears(rules, 1, NAMED)
    rules.described(OTHER, 110)
    assert rules.hold(115) is Hold.UNHEARD
    rules.described(NAMED, 120)
    assert rules.hold(200) is None


def test_a_leg_names_few_hosts_in_vain() -> None:
    rules = SendingRules()
    rules.heard_from(SIGNALS)
    held = []
    for number in range(MAX_HOSTS + 2):
        rules.described(f"192.0.2.{number + 1}", 100)
        held.append(rules.hold(100))
    assert held == [None] * MAX_HOSTS + [Hold.UNHEARD] * 2


@pytest.mark.parametrize("host", [NAMED, SIGNALS])
def test_before_its_ack_a_stranger_is_sent_nothing(host: str) -> None:
    rules = described(host, is_proven=False)
    assert rules.hold(100) is Hold.UNACKNOWLEDGED
    hears(rules, 50, host, host)
    assert rules.hold(130) is Hold.UNACKNOWLEDGED
    rules.acknowledged(130)
    assert rules.hold(130) is None


def test_the_time_of_an_unheard_host_begins_with_the_ack() -> None:
    rules = described(is_proven=False)
    rules.acknowledged(130)
    assert (rules.hold(134), rules.hold(135)) == (None, Hold.UNHEARD)


def test_each_hold_and_its_end_is_told_once() -> None:
    rules = described(is_proven=False)
    assert rules.news(100.5) is None, "an ACK on its way is no news"
    assert rules.news(101) == Paused(Hold.UNACKNOWLEDGED, NAMED, SIGNALS)
    assert rules.news(102) is None
    rules.acknowledged(103)
    assert rules.news(104) == Resumed(Hold.UNACKNOWLEDGED, False)
    assert rules.news(109) == Paused(Hold.UNHEARD, NAMED, SIGNALS)
    hears(rules, 1, NAMED)
    assert rules.news(110) == Resumed(Hold.UNHEARD, True)
    rules.described(OTHER, 111)
    assert rules.hold(120) is Hold.UNHEARD
    assert rules.news(120) is None


def test_the_lines_say_what_happened_and_what_to_do() -> None:
    early = paused_note(who="the caller", named="", heard_from=SIGNALS)
    assert "before its ACK" in early
    assert "give it a connection" in early
    later = paused_note(who="Bob", named=NAMED, heard_from=SIGNALS)
    for words in ("Sending to Bob has paused", NAMED, SIGNALS, "VOIPNUMBER_MEDIA_ALSO_FROM"):
        assert words in later
    assert "its ACK" in resumed_note(who="Bob", is_by_ack=True, is_heard=False)
    assert "has been heard" in resumed_note(who="Bob", is_by_ack=False, is_heard=True)
    assert "another address" in resumed_note(who="Bob", is_by_ack=False, is_heard=False)
