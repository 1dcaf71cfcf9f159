"""What a callee is shown of a caller: a table of claims."""

import pytest

from callengine.core.callerid import (
    CallerId,
    Claim,
    KnownNames,
    caller_id,
    own_spelling,
    spellings,
)
from callengine.core.directory import ConnectionEntry, Source, TrunkEntry
from callengine.core.outcomes import Rejection

NUMBER = "+12025550100"


def bob(setting="rewrite"):
    entry = ConnectionEntry("bob", "Bob Marsh", caller_id=setting)
    return Source("connection", "192.0.2.8", connection=entry)


def shown(source, user, name="", known=None):
    known = known or KnownNames()
    return caller_id(source, Claim(user, name), known, call_id="c", to="alice")


@pytest.mark.parametrize("setting", ["rewrite", "refuse"])
@pytest.mark.parametrize(
    ("user", "name", "known", "seen", "note"),
    [
        ("bob", "", KnownNames(is_sip_user=True), ("bob", "Bob Marsh"), ""),
        ("bob", "Bob Marsh", KnownNames(is_sip_user=True), ("bob", "Bob Marsh"), ""),
        (
            "bob",
            "CEO",
            KnownNames(is_sip_user=True),
            ("bob", "Bob Marsh"),
            "The phone called itself CEO (bob); the callee was shown Bob Marsh (bob).",
        ),
        (NUMBER, "", KnownNames(own_number=NUMBER), (NUMBER, "Bob Marsh"), ""),
        (
            "1 (202) 555-0100",
            "",
            KnownNames(own_number=NUMBER),
            (NUMBER, "Bob Marsh"),
            f"The phone called itself 1 (202) 555-0100; the callee was shown Bob Marsh ({NUMBER}).",
        ),
        ("anonymous", "The Boss", KnownNames(), ("anonymous", "Anonymous"), ""),
    ],
)
def test_a_connection_is_its_sip_user_or_its_number(setting, user, name, known, seen, note):
    assert shown(bob(setting), user, name, known) == CallerId(*seen, note)


@pytest.mark.parametrize("claimed", ["ceo", "alice", "+15005550000", "", "BOB", "bob;x=y"])
def test_any_other_claim_is_rewritten_or_refused(claimed):
    known = KnownNames(is_sip_user=claimed == "alice")
    rewritten = shown(bob(), claimed, "CEO", known)
    assert (rewritten.user, rewritten.name) == ("bob", "Bob Marsh")
    assert rewritten.note.startswith("The phone called itself CEO")
    assert rewritten.note.endswith("the callee was shown Bob Marsh (bob).")
    refused = shown(bob("refuse"), claimed, "CEO", known)
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.rule) == (403, "caller-id-not-its-own")
    assert "Bob Marsh" in refused.advice


def test_a_pbx_may_show_what_it_likes_if_it_is_told_so():
    assert shown(bob("any"), "201", "Reception") == CallerId("201", "Reception")
    assert shown(bob("any"), "", "") == CallerId("bob", "")


def test_a_carrier_vouches_for_its_callers():
    carrier = Source("trunk", "192.0.2.9", trunk=TrunkEntry("carrier"))
    known = KnownNames(is_sip_user=True)
    assert shown(carrier, "100", "Anybody", known) == CallerId("100", "Anybody")


def test_an_unknown_caller_is_none_of_ours():
    stranger = Source("external", "203.0.113.7")
    assert shown(stranger, "x", "X") == CallerId("x", "X")
    seen = shown(stranger, "alice", "Alice", KnownNames(is_sip_user=True))
    assert (seen.user, seen.name) == ("anonymous", "Anonymous")
    assert "did not authenticate, called itself Alice (alice)" in seen.note


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("+12025550100", ("+12025550100", "12025550100")),
        ("12025550100", ("12025550100", "+12025550100")),
        ("+1 (202) 555-0100;ext=7", ("+12025550100", "12025550100")),
        ("bob", ("bob",)),
        ("", ()),
    ],
)
def test_a_number_may_be_written_in_many_ways(written, expected):
    assert spellings(written) == expected


def test_the_closest_spelling_is_shown():
    assert own_spelling("100", ["+100", "100"]) == "100"
    assert own_spelling("100", ["+100"]) == "+100"
    assert own_spelling("100", []) == ""
