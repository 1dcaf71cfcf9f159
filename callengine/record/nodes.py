"""The rows by which engines know of one another. Synchronous."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from callengine.models import EngineNode
from callengine.record.cleaning import clean_json
from callengine.record.columns import fit


def node_seen(
    *,
    name: str,
    identity: str = "",
    started: datetime,
    seen: datetime,
    listening: Sequence[str],
    codecs: Sequence[str],
    unavailable_codecs: Mapping[str, str],
    unconfined: Sequence[str],
    shortages: Sequence[str] = (),
    calls: int,
    max_calls: int,
) -> None:
    """Note that an engine process is alive and what it can do."""
    EngineNode.objects.update_or_create(
        name=fit(EngineNode, "name", name),
        defaults={
            "identity": identity,
            "started": started,
            "seen": seen,
            "listening": list(listening),
            "codecs": list(codecs),
            "unavailable_codecs": clean_json(dict(unavailable_codecs)),
            "unconfined": clean_json(list(unconfined)),
            "shortages": list(shortages),
            "calls": calls,
            "max_calls": max_calls,
        },
    )


def node_gone(*, name: str) -> None:
    """Forget an engine process that stopped cleanly."""
    EngineNode.objects.filter(name=name).delete()
