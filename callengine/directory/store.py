"""What is asked of the directory, wherever it is read."""

from collections.abc import Sequence
from typing import Protocol

from callengine.core.directory import Platform
from callengine.directory.records import (
    Agent,
    AgentOnRecord,
    ConnectionRow,
    GatewayRow,
    Kept,
    NumberRow,
    RouteRow,
    TrunkOnRecord,
)


class Store(Protocol):
    """Where the directory is read: the database, or an engine's memory of it."""

    def platform(self) -> Platform:
        """Return the platform settings, without what call processes can do."""

    def connection(self, sip_user: str) -> ConnectionRow | None:
        """Return the connection with this SIP user."""

    def connection_of(self, key: int) -> ConnectionRow | None:
        """Return a connection by its key."""

    def kept(self, connection: int) -> Sequence[Kept]:
        """Return a connection's unexpired bindings, the latest refreshed first."""

    def has_registered(self, *, flow: str = "", host: str = "") -> bool:
        """Return whether a phone is registered from just this flow, by no proxy, or this host."""

    def trunk(self, name: str) -> TrunkOnRecord | None:
        """Return the trunk of this name."""

    def trunk_by_username(self, username: str) -> TrunkOnRecord | None:
        """Return the trunk whose IN side has this user name."""

    def trunk_by_contact(self, contact_user: str) -> TrunkOnRecord | None:
        """Return the trunk that is registered at its carrier with this Contact."""

    def trunks_of(self, keys: Sequence[int]) -> list[TrunkOnRecord]:
        """Return those trunks that are there, in this order."""

    def trunks(self) -> Sequence[TrunkOnRecord]:
        """Return every trunk, the oldest first."""

    def gateways(self, trunks: Sequence[int]) -> dict[int, tuple[GatewayRow, ...]]:
        """Return the gateways of trunks by key, first to try first."""

    def number(self, number: str) -> NumberRow | None:
        """Return a number."""

    def numbers_among(self, connection: int, numbers: Sequence[str]) -> list[str]:
        """Return those of these numbers that lead to a connection."""

    def first_number(self, connection: int) -> str:
        """Return the first number that leads to a connection; empty: none does."""

    def route(self, prefixes: Sequence[str]) -> RouteRow | None:
        """Return the route with the longest of these prefixes."""

    def agent_of(self, key: int) -> AgentOnRecord | None:
        """Return a voice agent by its key."""

    def agent(self, name: str) -> Agent | None:
        """Return a voice agent by its name, whole."""
