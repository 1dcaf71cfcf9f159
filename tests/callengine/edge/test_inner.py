"""What goes inward to a call process: header values written anew, or left out."""

from collections.abc import Callable

import pytest

from callengine.edge.legs.inner import agreeable, min_se, rack, session_expires
from callengine.edge.messages.challenges import read_challenge

Reader = Callable[[str], str]


def challenge(text: str) -> str:
    """Return a challenge as a call process is to see it, or nothing."""
    found = read_challenge(text)
    return found.told if found else ""


@pytest.mark.parametrize(
    ("reader", "text", "written"),
    [
        (session_expires, "090", "90"),
        (session_expires, "1800 ; Refresher = UAC;x", "1800;refresher=uac"),
        (session_expires, "1800;refresher=both", "1800"),
        (session_expires, "1", "90"),
        (session_expires, "9999999999", "86400"),
        *(
            (session_expires, odd, "")
            for odd in ("", "abc", "-1", "\u0661", "9" * 4000, ";refresher=uas")
        ),
        (min_se, "0120;x=y", "120"),
        (min_se, "99999999999", "86400"),
        (min_se, "x", ""),
        (rack, "0077  001 INVITE", "77 1 INVITE"),
        *((rack, odd, "") for odd in ("", "1", "1 2", "1 2 3 INVITE", "1 2 invite", "1 -2 INVITE")),
        (rack, "99999999999 1 INVITE", ""),
        (
            challenge,
            'digest Nonce="n,\\"1",realm="a b" , qop="auth,auth-int", stale=TRUE,x=y',
            'Digest realm="a b", nonce="n,\\"1", stale=true, qop="auth"',
        ),
        (
            challenge,
            'Digest\t realm="", nonce=x, algorithm=sha-256',
            'Digest realm="", nonce="x", algorithm=SHA-256',
        ),
        *(
            (challenge, odd, "")
            for odd in (
                "",
                "Digest",
                "Basic realm=x",
                'Digest realm="x"',
                'Digest realm="x", nonce=""',
                'Digest realm="x", nonce="\x07"',
                f'Digest realm="x", nonce="{"n" * 600}"',
                'Digest realm="x", nonce="n", algorithm=X',
                'Digest realm="x", nonce="n", qop=auth-conf',
            )
        ),
    ],
)
def test_header_values_are_written_anew_or_left_out(
    reader: Reader, text: str, written: str
) -> None:
    assert reader(text) == written


@pytest.mark.parametrize(
    ("interval", "least", "kept"),
    [("90;refresher=uac", "3600", False), ("3600", "3600", True), ("", "3600", True)],
)
def test_a_least_interval_above_the_one_asked_for_is_left_out(
    interval: str, least: str, kept: bool
) -> None:
    """pjsip answered 422 for it, after the callee had rung."""
    headers = [("session-expires", interval)] if interval else []
    assert (("min-se", least) in agreeable([*headers, ("min-se", least)])) is kept
