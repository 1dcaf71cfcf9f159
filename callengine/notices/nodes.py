"""What engines tell pages of themselves."""

from dataclasses import dataclass

from callengine.core.snapshot import NodeSnapshot
from callengine.notices.wire import notice


@notice("nodes.changed")
@dataclass(frozen=True, slots=True)
class NodesChanged:
    """Every engine node that is known, not the sender alone."""

    nodes: list[NodeSnapshot]
    registered: int | None = None
    "How many connections are registered, over all nodes; None: as it was."
