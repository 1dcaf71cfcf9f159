"""Look up the two ends of a lab case. Synchronous; a few queries."""

from agents.formats import Encoding
from agents.models import VoiceAgent
from callengine.core.directory import AgentPlace, ConnectionEntry, Destination, Source
from callengine.core.lab import (
    LabCase,
    LabEnds,
    free_destination,
    free_source,
    stand_in_connection,
    stand_in_trunk,
)
from callengine.directory import entries
from callengine.record.cleaning import is_storable
from connections.models import Connection
from trunks.models import Trunk


class UnknownEndError(Exception):
    """A lab case names what is not there; `field` is `source_name` or `destination_name`."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def find_ends(case: LabCase) -> LabEnds:
    """Return both ends with the lists they have now; raises UnknownEndError."""
    remarks: list[str] = []
    source = _source(case, remarks)
    destination = _destination(case, remarks)
    return LabEnds(source, destination, tuple(remarks))


def _source(case: LabCase, remarks: list[str]) -> Source:
    if case.source == "connection":
        row = _connection("source_name", case.source_name)
        if not row.enabled:
            remarks.append(
                f"{row.name} is disabled: its own calls are refused until it is enabled."
            )
        return Source("connection", "", connection=_lifted(row))
    if case.source == "trunk":
        trunk = _trunk("source_name", case.source_name)
        if not trunk.enabled:
            remarks.append(f"{trunk.name} is disabled: its calls are refused until it is enabled.")
        return Source("trunk", "", trunk=stand_in_trunk(entries.trunk_entry(trunk)))
    if case.source == "unknown":
        return Source("external", "Somebody unknown")
    return free_source(case)


def _destination(case: LabCase, remarks: list[str]) -> Destination:
    if case.destination == "connection":
        row = _connection("destination_name", case.destination_name)
        entry = entries.connection_entry(row)
        if not entry.enabled:
            remarks.append(f"{row.name} is disabled: calls to it are refused until it is enabled.")
        elif not entry.address and not entry.contacts:
            remarks.append(f"{row.name} is not registered now: real calls to it end with 480.")
        return Destination(connection=stand_in_connection(entry))
    if case.destination == "trunk":
        trunk = entries.trunk_entry(_trunk("destination_name", case.destination_name))
        if not trunk.enabled:
            remarks.append(f"{trunk.name} is disabled: real calls leave it out.")
        elif not trunk.gateways:
            remarks.append(f"{trunk.name} has no gateway: real calls leave it out.")
        return Destination(trunk=stand_in_trunk(trunk))
    if case.destination == "agent":
        # Without its fallback: who would be rung then is no built-in phone.
        return Destination(agent=_place(_agent(case.destination_name)))
    return free_destination(case)


def _lifted(row: Connection) -> ConnectionEntry:
    return stand_in_connection(entries.connection_entry(row))


def _connection(field: str, name: str) -> Connection:
    row = Connection.objects.filter(sip_user=name).first() if is_storable(name) else None
    if row is None:
        raise UnknownEndError(
            field, f"No connection has the SIP user {name!r}. Choose one of the list."
        )
    return row


def _place(row: VoiceAgent) -> AgentPlace:
    return AgentPlace(
        name=row.name,
        enabled=row.enabled,
        codecs=entries.known_codecs(row.codecs),
        input=Encoding(row.input_encoding),
    )


def _agent(name: str) -> VoiceAgent:
    row = VoiceAgent.objects.filter(name=name).first() if is_storable(name) else None
    if row is None:
        raise UnknownEndError(
            "destination_name", f"No voice agent is named {name!r}. Choose one of the list."
        )
    return row


def _trunk(field: str, name: str) -> Trunk:
    rows = Trunk.objects.filter(name=name).prefetch_related("gateways")
    row = rows.first() if is_storable(name) else None
    if row is None:
        raise UnknownEndError(field, f"No trunk is named {name!r}. Choose one of the list.")
    return row
