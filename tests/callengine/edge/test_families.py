"""Which family of IP a peer is answered and offered in, and what it is shown."""

import pytest

from callengine.edge.flow import UDP, Flow
from callengine.edge.messages.descriptions import Profiles
from callengine.edge.messages.families import Family
from sip.srtp import Srtp

FOUR, SIX = Flow(UDP, "192.0.2.1", 5060), Flow(UDP, "2001:db8::1", 5060)
ON_BOTH = Flow(UDP, "::ffff:192.0.2.1", 5060)
"A peer of IPv4 at a socket that is open to both."
OURS = (
    b"v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\nc=IN IP4 203.0.113.1\r\na=rtcp:5 IN IP4 203.0.113.1\r\n"
)


def theirs(*addresses: str) -> str:
    lines = [f"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 {address}\r\n" for address in addresses]
    return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n" + "".join(lines)


def ours(_flow: Flow, host: str) -> str:
    return "" if host.startswith("fe80") else "2001:db8::ff"


def shown(family: Family, flow: Flow) -> str:
    return family.outward(OURS, flow).decode().split("c=IN ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("flow", "family"),
    [(FOUR, "IP4 203.0.113.1"), (SIX, "IP6 2001:db8::ff"), (ON_BOTH, "IP4 203.0.113.1")],
)
def test_a_peer_is_offered_what_it_signals_over(flow: Flow, family: str) -> None:
    text = Family(ours).outward(OURS, flow).decode()
    assert text.count(family) == 3
    assert shown(Family(), flow) == "IP4 203.0.113.1"


@pytest.mark.parametrize("flow", [FOUR, SIX])
def test_a_peer_is_answered_in_the_family_it_writes(flow: Flow) -> None:
    family = Family(ours)
    for address, answered in (
        ("2001:db8::5", "IP6 2001:db8::ff"),
        ("192.0.2.5", "IP4 203.0.113.1"),
        ("::ffff:192.0.2.5", "IP4 203.0.113.1"),
        ("::", "IP6 2001:db8::ff"),
    ):
        text = theirs(address)
        assert family.inward(text, flow, Srtp.OFF) == text
        assert family.is_ipv6 is (answered.startswith("IP6") or family._shown != "")
        assert shown(family, flow) == answered


def test_a_description_without_audio_changes_nothing() -> None:
    family = Family(ours)
    family.inward(theirs("2001:db8::5"), FOUR, Srtp.OFF)
    for text in ("", "v=0", theirs("2001:db8::6").replace(" 4000 ", " 0 ")):
        assert family.inward(text, FOUR, Srtp.OFF) == text
        assert shown(family, FOUR) == "IP6 2001:db8::ff"


def test_our_address_stands_in_whatever_line_is_used() -> None:
    used = b"m=audio 0 RTP/SAVP 0\r\nc=IN IP4 127.0.0.1\r\nm=audio 7 RTP/AVP 0\r\n"
    body = OURS + used + b"c=IN IP4 203.0.113.1\r\n"
    for description in (body, OURS):
        assert b"IP4" not in Profiles(our_ipv6=ours).outward(description, SIX, is_answer=False)
    assert Profiles(our_ipv6=ours).outward(b"Signal=5\r\n", SIX, is_answer=True) == b"Signal=5\r\n"


def test_what_no_address_of_ours_leads_to_is_switched_off_and_says_so() -> None:
    family = Family(ours)
    text = family.inward(theirs("fe80::5", "192.0.2.5"), SIX, Srtp.OFF)
    assert "m=audio 0 RTP/AVP 0\r\nc=IN IP6 fe80::5\r\na=x-obstacle:IPV6 fe80::5\r\n" in text
    assert "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 192.0.2.5\r\n" in text
    assert shown(family, SIX) == "IP4 203.0.113.1"


def test_who_takes_a_dialog_over_goes_on_in_its_family() -> None:
    before, after = Family(ours), Family(ours)
    before.inward(theirs("2001:db8::5"), FOUR, Srtp.OFF)
    after.take_over(before)
    assert shown(after, FOUR) == "IP6 2001:db8::ff"
