"""Between the shape of `/v1/connection-templates` and the fields of the model."""

from collections.abc import Mapping
from typing import Any

from api.connectiontemplates.shape import (
    Follower,
    InboundRecord,
    OutboundRecord,
    TemplateRecord,
)
from connections.models import Connection
from connections.templates import ConnectionTemplate

PLACES: dict[str, tuple[str, ...]] = {
    "name": ("name",),
    "inbound_codecs": ("inbound", "codecs"),
    "force_on_caller": ("inbound", "force_on_caller"),
    "outbound_codecs": ("outbound", "codecs"),
}
"Where each field of the model stands in the shape."


def place_of(field: str) -> tuple[str, ...]:
    """Return where a field of the model stands in a body; nowhere in particular: the whole."""
    return PLACES.get(field, ())


def values_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's fields that a body tells."""
    values = {}
    for field, (*parts, name) in PLACES.items():
        within: Mapping[str, Any] = sent
        for part in parts:
            within = within.get(part, {})
        if name in within:
            values[field] = within[name]
    return values


def record_of(row: ConnectionTemplate, followers: int) -> TemplateRecord:
    """Return the record of a template that so many connections follow."""
    return TemplateRecord(
        id=row.pk,
        name=row.name,
        inbound=InboundRecord(codecs=row.inbound_codecs, force_on_caller=row.force_on_caller),
        outbound=OutboundRecord(codecs=row.outbound_codecs),
        connections=followers,
    )


def follower_of(row: Connection) -> Follower:
    """Return what is told of a connection that follows a template."""
    return Follower(sip_user=row.sip_user, name=row.name)
