"""The engine nodes as the pill of every page shows them."""

from django.utils import timezone

from callengine.core.snapshot import NodeSnapshot
from callengine.directory import nodes
from connections.services import registered_count
from dashboard.calls.presenters import present_engine
from dashboard.calls.shown import EngineView


def known() -> tuple[list[NodeSnapshot], int]:
    """Return every known node, and how many connections are registered. Two queries."""
    return nodes.snapshots(), registered_count(now=timezone.now())


def pill() -> EngineView:
    """Return the state of the engine for the top bar. Two queries."""
    found, registered = known()
    return present_engine(found, now=timezone.now(), registered=registered)
