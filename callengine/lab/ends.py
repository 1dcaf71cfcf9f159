"""Look up the two ends of a lab case, in the directory of an engine."""

from callengine.core.directory import (
    AgentPlace,
    ConnectionEntry,
    Destination,
    Source,
    TrunkEntry,
)
from callengine.core.lab import (
    LabCase,
    LabEnds,
    free_destination,
    free_source,
    stand_in_connection,
    stand_in_trunk,
)
from callengine.directory import lookup
from callengine.directory.store import Store


class UnknownEndError(Exception):
    """A lab case names what is not there; `field` is `source_name` or `destination_name`."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def find_ends(case: LabCase, *, store: Store) -> LabEnds:
    """Return both ends with the lists they have now; raises UnknownEndError."""
    remarks: list[str] = []
    source = _source(case, remarks, store)
    destination = _destination(case, remarks, store)
    return LabEnds(source, destination, tuple(remarks))


def _source(case: LabCase, remarks: list[str], store: Store) -> Source:
    if case.source == "connection":
        entry = _connection("source_name", case.source_name, store)
        if not entry.enabled:
            remarks.append(
                f"{entry.name} is disabled: its own calls are refused until it is enabled."
            )
        return Source("connection", "", connection=stand_in_connection(entry))
    if case.source == "trunk":
        trunk = _trunk("source_name", case.source_name, store)
        if not trunk.enabled:
            remarks.append(f"{trunk.name} is disabled: its calls are refused until it is enabled.")
        return Source("trunk", "", trunk=stand_in_trunk(trunk))
    if case.source == "unknown":
        return Source("external", "Somebody unknown")
    return free_source(case)


def _destination(case: LabCase, remarks: list[str], store: Store) -> Destination:
    if case.destination == "connection":
        entry = _connection("destination_name", case.destination_name, store)
        if not entry.enabled:
            remarks.append(
                f"{entry.name} is disabled: calls to it are refused until it is enabled."
            )
        elif not entry.address and not entry.contacts:
            remarks.append(f"{entry.name} is not registered now: real calls to it end with 480.")
        return Destination(connection=stand_in_connection(entry))
    if case.destination == "trunk":
        trunk = _trunk("destination_name", case.destination_name, store)
        if not trunk.enabled:
            remarks.append(f"{trunk.name} is disabled: real calls leave it out.")
        elif not trunk.gateways:
            remarks.append(f"{trunk.name} has no gateway: real calls leave it out.")
        return Destination(trunk=stand_in_trunk(trunk))
    if case.destination == "agent":
        # Without its fallback: who would be rung then is no built-in phone.
        return Destination(agent=_agent(case.destination_name, store))
    return free_destination(case)


def _connection(field: str, name: str, store: Store) -> ConnectionEntry:
    entry = lookup.connection(name, store)
    if entry is None:
        raise UnknownEndError(
            field, f"No connection has the SIP user {name!r}. Choose one of the list."
        )
    return entry


def _agent(name: str, store: Store) -> AgentPlace:
    place = lookup.agent_place(name, store)
    if place is None:
        raise UnknownEndError(
            "destination_name", f"No voice agent is named {name!r}. Choose one of the list."
        )
    return place


def _trunk(field: str, name: str, store: Store) -> TrunkEntry:
    trunk = lookup.trunk(name, store)
    if trunk is None:
        raise UnknownEndError(field, f"No trunk is named {name!r}. Choose one of the list.")
    return trunk
