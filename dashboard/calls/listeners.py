"""Who listens to a call: the last line of its timeline about that says."""

from collections.abc import Iterable

from callengine.core.snapshot import EventSnapshot
from callengine.core.timeline import LISTENING, NOBODY_LISTENS


def tells_of_listeners(event: EventSnapshot) -> bool:
    """Tell whether a line says who listens, or that nobody does any more."""
    return event["kind"] in (LISTENING, NOBODY_LISTENS)


def listeners(events: Iterable[EventSnapshot], *, live: bool) -> str:
    """Return a sentence on who listens now; nothing if nobody does."""
    lines = [event for event in events if tells_of_listeners(event)]
    if not live or not lines or lines[-1]["kind"] != LISTENING:
        return ""
    return lines[-1]["text"]
