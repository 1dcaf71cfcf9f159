"""Whose next call is to be recorded."""

import time
from collections.abc import Collection

from callengine.record.captures import CaptureOrder


class WantedCaptures:
    """What was asked for of calls that are still to come, one order a party: the last."""

    def __init__(self) -> None:
        self._orders: dict[str, CaptureOrder] = {}
        "By the party whose next call is meant."

    def __contains__(self, party: object) -> bool:
        """Whether this party's next call is waited for."""
        return party in self._orders

    def add(self, order: CaptureOrder) -> None:
        """Wait for the next call of the order's party."""
        self._orders[order.party] = order

    def forget(self, key: str) -> None:
        """Wait no more for what this capture was to record."""
        self._orders = {party: one for party, one in self._orders.items() if one.key != key}

    def take(self, parties: Collection[str]) -> CaptureOrder | None:
        """Return what was asked for of a call of these parties, once; None of it if too late."""
        party = next((party for party in parties if party in self._orders), None)
        if party is None:
            return None
        order = self._orders.pop(party)
        return order if order.until is not None and order.until.timestamp() >= time.time() else None
