"""How the addresses of gateways stand: learned from calls and probes, and kept."""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from callengine.core.reachability import (
    HOLDS_S,
    GatewayAddress,
    Health,
    Sounding,
    health_after,
    is_news,
)
from callengine.directory.memory import Memory
from callengine.directory.records import TargetRow
from callengine.edge.interface import Attempt, LegAnchor
from callengine.engine.calls.book import CallBook
from trunks.services import forget_targets, keep_target

MAX_KNOWN = 10_000


class Gateways:
    """What this engine knows, at once for its own calls; the database has it for all engines."""

    def __init__(
        self, book: CallBook, memory: Memory, *, now: Callable[[], float] = time.time
    ) -> None:
        self._book = book
        self._memory = memory
        self._now = now
        self._known: OrderedDict[tuple[str, str, str], Health] = OrderedDict()

    def attempted(self, anchor: LegAnchor, attempt: Attempt) -> None:
        """Take that a call was tried at a gateway, or what came of it."""
        call = self._book.calls.get(anchor.call)
        if call is not None:
            call.set_attempt(anchor, attempt)
            self._book.changed(call)
        if attempt.code and anchor.trunk:
            sounding = Sounding(attempt.code, attempt.said, attempt.retry_after_s)
            self.heard(
                GatewayAddress(anchor.trunk, anchor.gateway, anchor.flow, anchor.via), sounding
            )

    def heard(
        self, address: GatewayAddress, sounding: Sounding, *, holds_s: float = HOLDS_S
    ) -> None:
        """Take what an address said."""
        trunk, gateway, target = key = (address.trunk, address.gateway, address.target)
        before = self._known.get(key)
        after = health_after(before, sounding, now=self._now(), holds_s=holds_s)
        if not is_news(before, after):
            return
        self._known[key] = after
        self._known.move_to_end(key)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        moment = partial(datetime.fromtimestamp, tz=UTC)
        rests_until = moment(after.rests_until) if after.rests_until else None
        standing = TargetRow(target, after.state == "up", moment(after.holds_until), rests_until)
        stored = self._memory.stands(trunk, gateway, standing)
        write = partial(
            keep_target,
            trunk=trunk,
            gateway=gateway,
            target=target,
            name=address.name,
            is_up=standing.is_up,
            since=moment(after.since),
            said=after.said,
            holds_until=standing.holds_until,
            rests_until=standing.rests_until,
        )

        def then() -> None:
            stored()
            self._book.audience.trunk(trunk)

        self._book.journal.write(write, then)

    def leads_to(self, trunk: str, gateway: str, targets: tuple[str, ...]) -> None:
        """Take where a gateway's name leads now; other addresses are no longer its."""
        for key in [key for key in self._known if key[:2] == (trunk, gateway)]:
            if key[2] not in targets:
                del self._known[key]
        forget = partial(forget_targets, trunk=trunk, gateway=gateway, but=list(targets))
        self._book.journal.write(forget, partial(self._book.audience.trunk, trunk))
