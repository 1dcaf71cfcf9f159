"""Whom a text names that somebody types to call or transfer to."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from sip.selftests import SelfTest
from trunks.models import Number
from trunks.parties import MAX_LENGTH, Kind, NamedParty, find_party
from trunks.validators import NUMBER, plain_number

CALLED: tuple[Kind, ...] = ("connection", "agent", "test")
"Whom a browser calls by name."
TRANSFERRED_TO: tuple[Kind, ...] = ("connection",)
"To whom a call is transferred by name; to others by a number that leads to them."
_IS_NUMBER = re.compile(r"\+?[0-9]+\Z")


class NotNamedError(ValueError):
    """A text names nobody; it says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Called:
    """Whom a person calls, or transfers a call to."""

    dialled: str
    "What an engine is told."
    words: str
    "Who that is, for people."


def called(text: str) -> Called:
    """Return whom `Alice (alice)`, `Alice`, `*echo`, `agent:support` or a number means.

    What is a number, and what could be one or an address and is nobody's name, is dialled as it
    is. Raises NotNamedError.
    """
    text = text.strip()
    if not _is_text(text):
        raise NotNamedError("Nobody is named: type a number, a name or *echo.")
    return _called(text, CALLED, takes_addresses=True)


def transferred_to(text: str) -> Called:
    """Return whom `Alice (alice)`, `Alice`, `alice` or a number means. Raises NotNamedError."""
    text = text.strip()
    if not _is_text(text):
        raise NotNamedError("Nobody is named: type a number, or the name of a connection.")
    try:
        return _called(text, TRANSFERRED_TO, takes_addresses=False)
    except NotNamedError as error:
        why = _agents_number(text) or f"{error} A number may be typed as well."
        raise NotNamedError(why) from error


def _agents_number(text: str) -> str:
    """Return how a call is transferred to the voice agent that a text names; none: empty."""
    try:
        agent = find_party(text, kinds=("agent",))
    except ValidationError:
        return ""
    number = Number.objects.filter(agent=agent.row).order_by("number").first()
    such = f", such as {number.number}" if number is not None else ""
    return f"{agent.words} is not called by its name: type a number that leads to it{such}."


def _is_text(text: str) -> bool:
    return 0 < len(text) <= MAX_LENGTH and text.isprintable()


def _called(text: str, kinds: Iterable[Kind], *, takes_addresses: bool) -> Called:
    number = plain_number(text)
    if _IS_NUMBER.match(number) or Number.objects.filter(number=number).exists():
        return Called(text, text)
    try:
        party = find_party(text, kinds=kinds)
    except ValidationError as error:
        if error.code == "unknown" and (NUMBER.match(number) or (takes_addresses and "@" in text)):
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
