"""Which engine sees to what, when several run on one database. Pure."""

import hashlib
from collections.abc import Collection


def is_mine(what: str, *, node: str, nodes: Collection[str]) -> bool:
    """Tell whether this node sees to something: one of those that run does, and always the same.

    By the highest hash of both names: as nodes come and go, only their own share moves.
    """
    return node == max({*nodes, node}, key=lambda name: (_weight(what, name), name))


def _weight(what: str, node: str) -> bytes:
    return hashlib.sha256(f"{node}\0{what}".encode()).digest()
