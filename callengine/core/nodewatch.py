"""Which engine nodes are lost: those whose sign of life has not changed while we looked on.

Each engine judges by its own clock and by what it saw itself. So clocks that differ hurt nobody,
and after an outage of the database, in which nobody could give a sign of life, all begin anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LONGEST_GAP_S = 20.0
"Whoever has not looked for this long starts over."


@dataclass(slots=True)
class NodeWatch:
    """What one engine has seen of the others."""

    lost_s: float = 60.0
    "How long a node may be silent."
    _since: dict[str, tuple[str, float]] = field(default_factory=dict)
    "By node: its last sign of life, and when we first saw that one."
    _looked_at: float = float("-inf")

    def look(self, now: float, signs: Mapping[str, str]) -> list[str]:
        """Take every node's last sign of life, whatever it is; return the nodes that are lost.

        `now` is monotonic, in seconds.
        """
        if now - self._looked_at > LONGEST_GAP_S:
            self._since.clear()
        self._looked_at = now
        before, self._since = self._since, {}
        for node, sign in signs.items():
            last = before.get(node)
            self._since[node] = last if last is not None and last[0] == sign else (sign, now)
        return [node for node, (_, since) in self._since.items() if now - since >= self.lost_s]
