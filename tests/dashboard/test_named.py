"""Whom the browser phone calls by what somebody types."""

import pytest

from connections.models import Connection
from dashboard.accounts.roles import Role
from dashboard.parts.named import Called, NotNamedError, called
from tests.dashboard.agents.some import agent
from tests.dashboard.carriers import text
from tests.dashboard.people import browser_of
from trunks.models import Number

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("typed", "dialled", "words"),
    [
        ("alice", "alice", "Alice Smith (alice)"),
        ("alice smith", "alice", "Alice Smith (alice)"),
        ("Alice Smith (alice)", "alice", "Alice Smith (alice)"),
        ("connection:alice", "alice", "Alice Smith (alice)"),
        ("support", "agent:support", "support (voice agent)"),
        ("*ECHO", "*echo", "Echo test (*echo)"),
        ("test:echo", "*echo", "Echo test (*echo)"),
        ("+1 202 555 0100", "+1 202 555 0100", "+1 202 555 0100"),
        ("101", "101", "101"),
        ("desk", "desk", "desk"),
        ("*8", "*8", "*8"),
        ("nobody@example.org", "nobody@example.org", "nobody@example.org"),
    ],
)
def test_a_name_in_words_or_a_number_is_called(typed: str, dialled: str, words: str) -> None:
    agent("support")
    Connection.objects.create(name="Alice Smith", sip_user="alice")
    # A number is dialled as such, whoever has it.
    alice = Connection.objects.create(name="Desk", sip_user="somebody")
    Number.objects.create(number="desk", connection=alice)
    Number.objects.create(number="+12025550100", connection=alice)
    assert called(typed) == Called(dialled, words)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("sales desk", "Nobody here is 'sales desk'; allowed: the SIP user or name of a"),
        ("Alice", "'Alice' may be any of 2: write Alice (alice1) or Alice (alice2)."),
        (" ", "Nobody is named: type a number, a name or *echo."),
    ],
)
def test_what_names_nobody_or_several_is_said(typed: str, sentence: str) -> None:
    for user in ("alice1", "alice2"):
        Connection.objects.create(name="Alice", sip_user=user)
    with pytest.raises(NotNamedError) as caught:
        called(typed)
    assert str(caught.value).startswith(sentence)


def test_a_link_to_the_phone_fills_it_in_words() -> None:
    agent("support")
    page = text(browser_of(Role.OPERATOR).get("/phone/?to=agent:support"))
    assert 'value="support (voice agent)"' in page
    assert "agent:support" not in page
