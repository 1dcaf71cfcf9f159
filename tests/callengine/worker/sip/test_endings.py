"""Who ended a leg, as far as the message that came with its end tells."""

from types import SimpleNamespace
from typing import Any

import pjsua2 as pj
import pytest

from callengine.core.events import LegEnded
from callengine.worker.sip.endings import told_by_edge


def received(message: str) -> Any:
    """Return an event of pjsip's as `onCallState` gets it."""
    source = SimpleNamespace(rdata=SimpleNamespace(wholeMsg=message))
    state = SimpleNamespace(type=pj.PJSIP_EVENT_RX_MSG, src=source)
    return SimpleNamespace(type=pj.PJSIP_EVENT_TSX_STATE, body=SimpleNamespace(tsxState=state))


@pytest.mark.parametrize(
    ("event", "by_peer"),
    [
        (received("SIP/2.0 500 Oops\r\nCSeq: 2 INVITE\r\n\r\n"), True),
        (received("BYE sip:leg@127.0.0.1 SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n"), True),
        (SimpleNamespace(type=pj.PJSIP_EVENT_USER), False),
        (None, False),
    ],
)
def test_what_no_message_brought_is_our_own_doing(event: Any, by_peer: bool) -> None:
    ended = LegEnded("A", 500, "why", by_peer=True)
    assert told_by_edge(ended, event).by_peer is by_peer


@pytest.mark.parametrize(
    ("message", "by_peer"),
    [
        ("SIP/2.0 408 Request Timeout\r\nCSeq: 2 INVITE\r\n\r\n", True),
        # No ACK came: pjsip gave up, said BYE and was answered.
        ("SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n", False),
    ],
)
def test_a_timer_of_ours_is_not_an_answer_of_the_peer(message: str, by_peer: bool) -> None:
    ended = LegEnded("A", 408, "Request Timeout", by_peer=False)
    assert told_by_edge(ended, received(message)).by_peer is by_peer


def test_a_description_that_pjsip_will_not_have_is_no_answer_of_the_peer() -> None:
    """A 200 with another description than the 183 before it was told as "answered 415"."""
    ended = LegEnded("B", 415, "SDP negotiation failed", by_peer=True)
    assert not told_by_edge(ended, received("SIP/2.0 200 OK\r\nCSeq: 2 INVITE\r\n\r\n")).by_peer


def test_a_session_that_was_not_refreshed_is_no_peer_that_stopped_answering() -> None:
    """pjsip says so by its own words, with the answer to its BYE as the event."""
    ended = LegEnded("A", 408, "No session refresh received.", by_peer=False)
    assert told_by_edge(ended, None).is_expired
    assert not told_by_edge(LegEnded("A", 408, "Request Timeout", by_peer=False), None).is_expired


def test_a_challenge_that_cannot_be_answered_is_told() -> None:
    ended = LegEnded("B", 401, "Unauthorized", by_peer=True)
    message = "SIP/2.0 401 Unauthorized\r\nX-Challenge: unusable\r\nCSeq: 2 INVITE\r\n\r\n"
    assert told_by_edge(ended, received(message)).is_unanswerable
    assert not told_by_edge(ended, received("SIP/2.0 401 No\r\n\r\n")).is_unanswerable
