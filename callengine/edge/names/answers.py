"""Answers of name servers, kept as long as they say, and longer while nobody has a newer one."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from callengine.core.naming import Question, Record
from callengine.edge.names.nameservers import NoAnswerError
from sip.answerlife import RETRY_S, STALE_WAIT_S, life

MAX_KEPT = 4096
MAX_ASKED = 256
"Questions under way at a time."

Records = tuple[Record, ...]
Ask = Callable[[Question], Coroutine[Any, Any, tuple[Records, float]]]


@dataclass(slots=True)
class _Kept:
    records: Records | None = None
    "None: never answered."
    fresh_until: float = 0.0
    serves_until: float = 0.0
    why: str = ""
    "Why there is no answer."


class Answers:
    """What is known of each question; one that is asked twice at a time is asked once."""

    def __init__(self, ask: Ask, *, now: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._now = now
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._asked: dict[Question, asyncio.Task[None]] = {}

    async def of(self, question: Question) -> Records:
        """Return the records that answer a question.

        Raises:
            NoAnswerError: nobody knows, nor did of late.
        """
        kept = self._kept.get(question) or _Kept()
        if self._now() >= kept.fresh_until:
            serves = kept.records is not None and self._now() < kept.serves_until
            await self._renew(question, STALE_WAIT_S if serves else None)
            kept = self._kept.get(question) or kept
        if kept.records is None or self._now() >= kept.serves_until:
            raise NoAnswerError(kept.why or f"too many names are being looked up: {question.name}")
        return kept.records

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, question: Question, wait_s: float | None) -> None:
        task = self._asked.get(question)
        if task is None:
            if len(self._asked) >= MAX_ASKED:
                return
            task = self._asked[question] = asyncio.create_task(self._fetch(question))
        await asyncio.wait([task], timeout=wait_s)

    async def _fetch(self, question: Question) -> None:
        before = self._kept.get(question)
        try:
            records, ttl_s = await self._ask(question)
            self._keep(question, _Kept(records, *life(self._now(), ttl_s, is_empty=not records)))
        except NoAnswerError as error:
            again_at = self._now() + RETRY_S
            kept = before or _Kept()
            self._keep(question, _Kept(kept.records, again_at, kept.serves_until, str(error)))
        finally:
            self._asked.pop(question, None)

    def _keep(self, question: Question, kept: _Kept) -> None:
        self._kept[question] = kept
        self._kept.move_to_end(question)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
