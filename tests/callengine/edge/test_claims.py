"""What an INVITE says of its caller, and of who forwarded it: as it was meant, or not at all."""

import pytest

from callengine.core.callerid import Claim
from callengine.edge.callers.claims import caller_of, heard
from callengine.edge.messages.received import Received, receive

NUMBER = "+12025550123"


def invite(*headers: str, from_: str = "<sip:caller@x>;tag=t") -> Received:
    lines = [
        "INVITE sip:bob@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1",
        f"From: {from_}",
        "To: <sip:bob@192.0.2.1>",
        "Call-ID: c",
        "CSeq: 1 INVITE",
        *headers,
    ]
    return receive("\r\n".join([*lines, "", ""]).encode())


@pytest.mark.parametrize(
    ("from_", "claim"),
    [
        (f'"N" <sip:{NUMBER}@x>;tag=t', Claim(NUMBER, "N")),
        (f"<tel:{NUMBER}>;tag=t", Claim(NUMBER, "")),
        # RFC 3966 section 5.1.1: they are for people's eyes alone.
        ("<tel:+1-(202)-555.0123>;tag=t", Claim(NUMBER, "")),
        ("<sip:+1-202-555-0123;ext=7@x;user=phone>;tag=t", Claim(NUMBER, "")),
        ("<sip:10-20@x>;tag=t", Claim("10-20", "")),
        ("<sip:Anonymous@x>;tag=t", Claim("anonymous", "")),
        ("<sip:restricted@anonymous.invalid>;tag=t", Claim("anonymous", "")),
        ('"Anonymous" <sip:ANONYMOUS.INVALID>;tag=t', Claim("anonymous", "Anonymous")),
    ],
)
def test_who_calls_is_read_in_from(from_: str, claim: Claim) -> None:
    assert caller_of(invite(from_=from_)) == claim


@pytest.mark.parametrize(
    ("header", "is_private"),
    [
        ("Privacy: none", False),
        ("Privacy: critical;session", False),
        ("Privacy: id", True),
        ("Privacy: USER; critical", True),
        (f"Remote-Party-ID: <sip:{NUMBER}@x>;privacy=off", False),
        (f"Remote-Party-ID: <sip:{NUMBER}@x>;privacy=full", True),
        (f"Remote-Party-ID: <sip:{NUMBER}@x>;privacy=uri-network", True),
        (f"Remote-Party-ID: <sip:1@x>;party=called;privacy=full, <sip:{NUMBER}@x>", False),
    ],
)
def test_who_wants_to_stay_unknown(header: str, is_private: bool) -> None:
    assert heard(invite(header)).is_private is is_private


@pytest.mark.parametrize(
    ("headers", "diverted"),
    [
        (["Diversion: <sip:+1@x>;reason=user-busy, <tel:+2>"], ("+1", "+2")),
        (["Diversion: <sip:+1@x>;privacy=full, <sip:+2@x>;privacy=off"], ("anonymous", "+2")),
        (["Diversion: <sip:+1@x>", "Diversion: <sip:+2@x>;privacy=name"], ("+1", "anonymous")),
        (
            ["History-Info: <sip:+1@x?Privacy=history>;index=1, <sip:+2@x>;index=1.1"],
            ("anonymous",),
        ),
        (["Privacy: history", "History-Info: <sip:+1@x>;index=1, <sip:+2@x>"], ("anonymous",)),
    ],
)
def test_who_forwarded_a_call_and_does_not_want_that_told(
    headers: list[str], diverted: tuple[str, ...]
) -> None:
    assert heard(invite(*headers)).diverted == diverted
