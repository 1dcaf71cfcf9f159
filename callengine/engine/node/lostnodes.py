"""Engines that are gone without a word: their calls are closed by those that live."""

import logging
import time

from callengine.core.nodewatch import NodeWatch
from callengine.core.snapshot import CallSnapshot
from callengine.engine.calls.book import CallBook
from callengine.models import Call
from callengine.record import orphans, reading

logger = logging.getLogger(__name__)


class LostNodes:
    """What this engine sees of the others, and what they may have thought of it."""

    def __init__(self, book: CallBook, *, lost_s: float) -> None:
        self._book = book
        self._lost_s = lost_s
        self._watch = NodeWatch(lost_s)
        self._beaten_at = time.monotonic()

    def close_calls(self) -> list[CallSnapshot]:
        """Close the calls of engines that are lost; in the journal's thread. Two queries, if none.

        Returns those calls as they are now.
        """
        signs = orphans.signs(but=self._book.identity)
        snapshots: list[CallSnapshot] = []
        for identity in self._watch.look(time.monotonic(), signs):
            keys = orphans.close_lost(identity=identity, sign=signs[identity])
            if keys:
                logger.warning("an engine is lost: %s of its calls were closed", len(keys))
                rows = reading.with_details(Call.objects.filter(pk__in=keys))
                snapshots += [reading.whole_snapshot(row) for row in rows]
        return snapshots

    def tell_anew(self) -> None:
        """Note that the database was reached; after a silence have all live calls written.

        Others may have closed them meanwhile, and this opens them again.
        """
        now, before = time.monotonic(), self._beaten_at
        self._beaten_at = now
        if now - before > self._lost_s / 2:
            for call in list(self._book.calls.values()):
                self._book.changed(call)
