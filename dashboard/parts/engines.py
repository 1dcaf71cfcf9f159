"""The engine nodes as the pill of every page shows them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from django.utils import timezone

from audiocodecs.arranging import PICKED
from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.chips import chip
from callengine.core.limits import NODE_SILENCE_S
from callengine.core.snapshot import NodeSnapshot
from callengine.directory import nodes
from callengine.models import Call
from connections.services import registered_count
from dashboard.parts.shown import EngineView, NodeView


def nodes_and_registered() -> tuple[list[NodeSnapshot], int]:
    """Return every known node, and how many connections are registered. Two queries."""
    return nodes.snapshots(), registered_count(now=timezone.now())


def pill() -> EngineView:
    """Return the state of the engine for the top bar. Three queries."""
    snapshots, registered = nodes_and_registered()
    calls = Call.objects.filter(ended__isnull=True).count()
    return present_engine(snapshots, now=timezone.now(), registered=registered, calls=calls)


def present_engine(
    nodes: Sequence[NodeSnapshot],
    *,
    now: dt.datetime,
    registered: int | None = None,
    calls: int | None = None,
) -> EngineView:
    """Return the state of all engine nodes; a node silent for NODE_SILENCE_S is down.

    `registered` is how many connections are, over all nodes, and `calls` how many calls are in
    progress; None if that is not known: engines count theirs every few seconds alone.
    """
    views = tuple(_node(node, now) for node in nodes)
    if len(views) == 1 and views[0].up and calls is not None:
        # What it has told is some seconds old, and two numbers on one page would differ.
        views = (replace(views[0], calls=calls),)
    up = [node for node in views if node.up]
    down = [node for node in views if not node.up]
    told = {chip.name for node in up for chip, _ in node.unavailable}
    missing = sorted(told & set(PLATFORM_CODECS))  # nobody misses what is off by default
    since = max((node.seen for node in down), default=None)
    phones = "" if registered is None else f", {registered} registered"
    tone, text, advice = "up", f"{_running(up, calls)}{phones}", ""
    if not views:
        tone, text, advice = "wait", "engine not started", "Start it with manage.py serve."
    elif not up:
        tone, text = "wait", "engine not reachable since"
        advice = "Calls are not taken. Start it again with manage.py serve, or read its log."
    elif down:
        tone, text = "wait", f"{len(down)} of {len(views)} engines not reachable since"
        advice = (
            f"{_running(up, calls).capitalize()}. Check {', '.join(node.name for node in down)}."
        )
    return EngineView(tone, text, since, advice, tuple(missing), views, registered)


def _running(up: Sequence[NodeView], calls: int | None) -> str:
    calls = sum(node.calls for node in up) if calls is None else calls
    engines = "engine" if len(up) == 1 else f"{len(up)} engines"
    return f"{engines} up, {calls} {'call' if calls == 1 else 'calls'}"


def _node(node: NodeSnapshot, now: dt.datetime) -> NodeView:
    seen = dt.datetime.fromisoformat(node["seen"])
    return NodeView(
        name=node["name"],
        up=(now - seen).total_seconds() < NODE_SILENCE_S,
        seen=seen,
        calls=node["calls"],
        max_calls=node["max_calls"],
        listening=tuple(node["listening"]),
        # Lists hold no others, so no call is ever on one.
        chips=tuple(chip(name) for name in node["codecs"] if name in PICKED),
        unavailable=tuple(
            (chip(n), why) for n, why in node["unavailable_codecs"].items() if n in PICKED
        ),
        unconfined=tuple(node["unconfined"]),
        shortages=tuple(node["shortages"]),
    )
