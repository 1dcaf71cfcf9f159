"""The words for how a callee's leg failed: a phone speaks of itself, a carrier of a number."""

import dataclasses

import pytest

from callengine.core.causes import callee_termination
from callengine.core.events import LegEnded
from callengine.core.orders import LegOrder
from callengine.core.outcomes import Termination


def order(*, trunk: str = "", username: str = "") -> LegOrder:
    return LegOrder(
        name="B",
        token="t",
        to_uri="sip:1@192.0.2.1",
        from_uri="<sip:2@192.0.2.2>",
        public_address="192.0.2.2",
        label="carrier" if trunk else "Bob",
        username=username,
        trunk=trunk,
    )


def ended(code: int, text: str = "Whatever", **more: bool) -> LegEnded:
    return LegEnded("B", code, text, by_peer=True, **more)


def end(leg: LegOrder, failure: LegEnded) -> Termination:
    return callee_termination(leg, failure, ("PCMU",))


@pytest.mark.parametrize(
    ("code", "phone", "carrier"),
    [
        (486, "Bob is busy.", "carrier says that the number is busy."),
        (600, "Bob is busy everywhere.", "carrier says that the number is busy everywhere."),
        (603, "Bob declined the call.", "carrier says that the call was declined."),
        (404, "Bob does not know the number. Check the", "carrier does not know the number."),
        (480, "Bob is not available now.", "carrier says that nobody is available at the"),
        (504, "Bob answered 504: something on the", "carrier answered 504: something behind it"),
        (484, "Bob answered 484 Whatever. Look at that", "carrier answered 484 Whatever. Ask the"),
    ],
)
def test_a_carrier_is_not_said_to_be_what_it_says_of_a_number(
    code: int, phone: str, carrier: str
) -> None:
    assert end(order(), ended(code)).advice.startswith(phone)
    advice = end(order(trunk="carrier"), ended(code)).advice
    assert advice.startswith(carrier)
    assert "phone" not in advice
    assert "device" not in advice


@pytest.mark.parametrize("text", ["{code.__class__}", "{0}", "100%", "%s %d", "{"])
def test_a_phrase_is_nothing_to_fill_in(text: str) -> None:
    """Such a phrase raised an exception in the call's process, and ended the call as our fault."""
    assert f"answered 484 {text}. " in end(order(), ended(484, text)).advice


@pytest.mark.parametrize(("code", "why"), [(481, "had ended"), (491, "was being changed")])
def test_who_is_not_taken_over_is_not_said_to_have_refused_it(code: int, why: str) -> None:
    """We say so ourselves where its other call ends, or is being changed."""
    taken = dataclasses.replace(order(), is_taken_over=True)
    advice = end(taken, ended(code)).advice
    assert advice.startswith(f"Bob could not be taken over: its other call {why} ({code}).")


def test_credentials_that_were_not_given_were_not_refused() -> None:
    asked = end(order(trunk="carrier", username="us"), ended(401, is_unanswerable=True))
    assert (asked.reason, asked.code) == ("trunk-credentials-refused", 503)
    assert "asks for credentials (401) in another way than Digest with MD5" in asked.advice
    assert (
        "refused our credentials (401)"
        in end(order(trunk="carrier", username="us"), ended(401)).advice
    )
