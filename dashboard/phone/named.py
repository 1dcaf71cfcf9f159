"""Whom a text of the browser phone's page names."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from sip.selftests import SelfTest
from trunks.models import Number
from trunks.parties import MAX_LENGTH, Kind, NamedParty, find_party
from trunks.validators import NUMBER, plain_number

CALLED: tuple[Kind, ...] = ("connection", "agent", "test")
_IS_NUMBER = re.compile(r"\+?[0-9]+\Z")


class NotNamedError(ValueError):
    """A text names nobody; it says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Called:
    """Whom a person calls."""

    dialled: str
    "What an engine is told."
    words: str
    "Who that is, for people."


def called(text: str) -> Called:
    """Return whom `Alice (alice)`, `Alice`, `*echo`, `agent:support` or a number means.

    What is a number, and what could be one and is nobody's name, is dialled as it is.
    """
    text = text.strip()
    if not text or len(text) > MAX_LENGTH or not text.isprintable():
        raise NotNamedError("Nobody is named: type a number, a name or *echo.")
    number = plain_number(text)
    if _IS_NUMBER.match(number) or Number.objects.filter(number=number).exists():
        return Called(text, text)
    try:
        party = find_party(text, kinds=CALLED)
    except ValidationError as error:
        if error.code == "unknown" and (NUMBER.match(number) or "@" in text):
            return Called(text, text)
        raise NotNamedError(" ".join(error.messages)) from error
    return Called(_dialled(party), party.words)


def _dialled(party: NamedParty) -> str:
    if party.kind == "connection":
        return party.key
    return SelfTest(party.key).dialled if party.kind == "test" else party.label


def connection_named(text: str) -> NamedParty | None:
    """Return the connection that a text names; None for an empty one."""
    if not text.strip():
        return None
    try:
        return find_party(text, kinds=("connection",))
    except ValidationError as error:
        raise NotNamedError(" ".join(error.messages)) from error
