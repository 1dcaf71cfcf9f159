"""A voice agent's fallback as people read and write it: `Alice (alice)`, `+12025550100`.

Through a trunk it is `+12025550100 via carrier-one`. What files and the API have is taken as well.
"""

import re
from typing import Any

from django.core.exceptions import ValidationError

from agents.models import FALLBACK_NUMBER, VoiceAgent
from agents.references import FALLBACK_FIELDS, fallback_fields
from connections.models import Connection
from trunks.models import Number
from trunks.parties import NamedParty, find_party, party_of
from trunks.validators import plain_number

ALLOWED = (
    "the SIP user or name of a connection, a number, or a number and its trunk, such as "
    "+12025550100 via carrier-one"
)
_VIA = re.compile(r"(?P<number>.+?)\s+via\s+(?P<trunk>.+)\Z", re.IGNORECASE | re.DOTALL)
_IS_DIALLED = re.compile(r"[+0-9*#]+\Z")
"No name: what a phone's keys can write."
_REFERENCES = ("connection", "number", "trunk")


def fallback_words(agent: VoiceAgent) -> str:
    """Return how people write an agent's fallback; none: empty."""
    if agent.fallback_connection is not None:
        return party_of("connection", agent.fallback_connection).words
    if agent.fallback_trunk is not None:
        return f"{agent.fallback_number} via {agent.fallback_trunk.name}"
    return agent.fallback_number


def fallback_named(text: str) -> dict[str, Any]:
    """Return the values of FALLBACK_FIELDS that a text means. Raises ValidationError."""
    text = text.strip()
    kind, colon, _ = text.partition(":")
    if not text:
        return fallback_fields("")
    if colon and kind in _REFERENCES:
        return _referred(text)
    via = _VIA.match(text)
    if via is not None:
        return _fields(find_party(via["trunk"], kinds=("trunk",)), _number(via["number"]))
    number = plain_number(text)
    is_user = Connection.objects.filter(sip_user=text).exists()
    if not is_user and (_IS_DIALLED.match(number) or Number.objects.filter(number=number).exists()):
        return _fields(None, _number(text))
    return _of(find_party(text, kinds=("connection", "trunk")))


def _referred(text: str) -> dict[str, Any]:
    try:
        return fallback_fields(text)
    except ValidationError as error:
        raise _unknown(text) from error


def _of(party: NamedParty) -> dict[str, Any]:
    if party.kind == "trunk":
        raise ValidationError(
            f"{party.name} is a trunk: write what is dialled through it as well, such as "
            f"+12025550100 via {party.name}."
        )
    return _fields(party, "")


def _fields(party: NamedParty | None, number: str) -> dict[str, Any]:
    fields: dict[str, Any] = dict.fromkeys(FALLBACK_FIELDS, None)
    fields["fallback_number"] = number
    if party is not None:
        fields[f"fallback_{party.kind}"] = party.row
    return fields


def _number(text: str) -> str:
    number = plain_number(text)
    if not re.match(FALLBACK_NUMBER, number):
        raise _unknown(text)
    return number


def _unknown(text: str) -> ValidationError:
    return ValidationError(f"Nobody here is {text[:100]!r}; allowed: {ALLOWED}.", code="unknown")
