"""The engine processes that are known, as the pages show them. Synchronous."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from audiocodecs.catalogue import CATALOGUE
from callengine.core.limits import NODE_SILENCE_S
from callengine.core.snapshot import NodeSnapshot
from callengine.models import EngineNode


class Rival(NamedTuple):
    """Another engine with our name or our identity, and its last sign of life."""

    name: str
    identity: str
    seen: datetime


def rivals(*, name: str, identity: str) -> list[Rival]:
    """Return the nodes that were seen of late and have one of the two, but not both. One query."""
    since = timezone.now() - timedelta(seconds=NODE_SILENCE_S)
    rows = EngineNode.objects.filter(Q(name=name) | Q(identity=identity), seen__gte=since)
    others = rows.exclude(name=name, identity=identity).exclude(identity="")
    return [Rival(*row) for row in others.values_list("name", "identity", "seen")]


def snapshots() -> list[NodeSnapshot]:
    """Return every engine node that has a row, the silent ones too. One query."""
    return [
        {
            "name": node.name,
            "started": _iso(node.started),
            "seen": _iso(node.seen),
            "listening": list(node.listening),
            "codecs": list(node.codecs),
            "unavailable_codecs": dict(node.unavailable_codecs),
            "unconfined": list(node.unconfined),
            "shortages": list(node.shortages),
            "calls": node.calls,
            "max_calls": node.max_calls,
        }
        for node in EngineNode.objects.all()
    ]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def silent_names() -> set[str]:
    """Return the names of the nodes that are known and not heard of any more. One query."""
    since = timezone.now() - timedelta(seconds=NODE_SILENCE_S)
    return set(EngineNode.objects.filter(seen__lt=since).values_list("name", flat=True))


def unavailable_codecs() -> dict[str, str]:
    """Return codec name -> why a running node cannot do it now; empty if none runs. One query.

    With several nodes the reason names those that cannot, unless it is all of them.
    """
    since = timezone.now() - timedelta(seconds=NODE_SILENCE_S)
    running = [node for node in EngineNode.objects.all() if node.seen >= since and node.codecs]
    reasons = {
        name: [(n.name, why) for n in running if (why := _why(n, name))] for name in CATALOGUE
    }
    return {name: _sentence(told, len(running)) for name, told in reasons.items() if told}


def _why(node: EngineNode, name: str) -> str:
    """Return why this node cannot do a codec; nothing if it can."""
    if name in node.codecs:
        return ""
    return str(node.unavailable_codecs.get(name) or "this engine does not have it")


def _sentence(told: list[tuple[str, str]], running: int) -> str:
    first = told[0][1]
    if len(told) == running and all(why == first for _, why in told):
        return first
    return "; ".join(f"on {node}: {why}" for node, why in told)
