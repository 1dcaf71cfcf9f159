"""The engine processes that are known, as the pages show them. Synchronous."""

from datetime import UTC, datetime

from callengine.core.snapshot import NodeSnapshot
from callengine.models import EngineNode


def snapshots() -> list[NodeSnapshot]:
    """Return every known engine node. One query."""
    return [
        {
            "name": node.name,
            "started": _iso(node.started),
            "seen": _iso(node.seen),
            "listening": list(node.listening),
            "codecs": list(node.codecs),
            "unavailable_codecs": dict(node.unavailable_codecs),
            "calls": node.calls,
            "max_calls": node.max_calls,
        }
        for node in EngineNode.objects.all()
    ]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
