"""Whom a text of the browser phone's page names."""

from django.core.exceptions import ValidationError

from sip.selftests import SelfTest
from trunks.parties import MAX_LENGTH, find_party


class NotNamedError(ValueError):
    """A text names nobody; it says why and what is allowed."""


def dialled_name(text: str) -> str:
    """Return what is dialled for `connection:alice`, `test:echo`, `*echo` or a number."""
    text = text.strip()
    kind, colon, rest = text.partition(":")
    if not text or len(text) > MAX_LENGTH or not text.isprintable():
        raise NotNamedError("Nobody is named: type a number, a connection or *echo.")
    if colon and kind == "connection":
        return rest.strip()
    if colon and kind == "test" and rest in set(SelfTest):
        return SelfTest(rest).dialled
    return text


def connection_named(text: str) -> str:
    """Return the SIP user of the connection that a text names; nothing for an empty one."""
    if not text.strip():
        return ""
    try:
        return find_party(text, kinds=("connection",)).key
    except ValidationError as error:
        raise NotNamedError(" ".join(error.messages)) from error
