"""What was said, put together from the pieces in which agents send it."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Literal

from agents.dialects.interface import Line
from agents.dialects.messages import MAX_TEXT

_MAX_OPEN = 16
"Lines that are not whole yet, at a time."


class Transcripts:
    """Lines by their keys, until they are final."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Line] = OrderedDict()

    def said(
        self,
        key: str,
        who: Literal["caller", "agent"],
        text: str,
        *,
        is_more: bool = False,
        is_final: bool = False,
        is_interrupted: bool = False,
    ) -> Iterator[Line]:
        """Take text: all that is known of a line, or with `is_more` what comes after it."""
        former = self._open.pop(key, None)
        if is_more and former is not None:
            text = former.text + text
        text = text or (former.text if former is not None else "")
        line = Line(key, who, text[:MAX_TEXT], is_final, is_interrupted)
        if not is_final:
            self._open[key] = line
            if len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)
        if line.text:
            yield line

    def cut(self, key: str) -> Iterator[Line]:
        """Take that a line was interrupted: it stays as it is."""
        former = self._open.pop(key, None)
        if former is not None and former.text:
            yield Line(key, former.who, former.text, is_final=True, is_interrupted=True)
