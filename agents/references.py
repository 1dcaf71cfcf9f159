"""A voice agent's fallback as it is written: `connection:alice`, `number:7`, `trunk:carrier 7`."""

import re
from typing import Any

from django.apps import apps

from agents.models import FALLBACK_NUMBER
from agents.validators import refused

FALLBACK_FORM = "connection:SIP_USER, number:NUMBER or trunk:NAME NUMBER"
FALLBACK_FIELDS = ("fallback_connection", "fallback_trunk", "fallback_number")


def split_fallback(text: str) -> tuple[str, str, str]:
    """Return kind (`connection`, `number`, `trunk` or nothing), name and number of a fallback.

    Raises ValidationError if it is not written as FALLBACK_FORM says.
    """
    kind, colon, rest = text.strip().partition(":")
    name, number = rest.strip(), ""
    if kind == "trunk":
        name, _, number = name.rpartition(" ")
        name = name.strip()
    elif kind == "number":
        name, number = "", name
    if not text.strip():
        return "", "", ""
    is_known = colon and kind in ("connection", "number", "trunk")
    is_whole = bool(name) if kind == "connection" else bool(re.match(FALLBACK_NUMBER, number))
    if not is_known or not is_whole or (kind == "trunk" and not name):
        raise refused(text, f"{FALLBACK_FORM}, or nothing")
    return kind, name, number


def fallback_fields(text: str) -> dict[str, Any]:
    """Return the values of FALLBACK_FIELDS that a reference means. One query.

    Raises ValidationError if it cannot be read or leads to nothing.
    """
    kind, name, number = split_fallback(text)
    fields: dict[str, Any] = dict.fromkeys(FALLBACK_FIELDS, None)
    fields["fallback_number"] = number
    if kind == "connection":
        fields["fallback_connection"] = _row("connections", "Connection", sip_user=name)
    elif kind == "trunk":
        fields["fallback_trunk"] = _row("trunks", "Trunk", name=name)
    return fields


def _row(app: str, model: str, **key: str) -> Any:
    # By name: agents, connections and trunks do not import each other.
    row = apps.get_model(app, model)._default_manager.filter(**key).first()
    if row is None:
        (name,) = key.values()
        raise refused(name, f"a {model.lower()} that there is")
    return row
