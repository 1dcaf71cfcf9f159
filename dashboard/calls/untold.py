"""What is shown of a call in progress whose engine is not heard of any more: nothing of now.

What its call process measured last is no figure of this second, and nobody knows who is silent.
"""

from collections.abc import Collection

from callengine.core.snapshot import CallSnapshot
from callengine.directory import nodes
from callengine.models import Call


def without_engine(calls: Collection[Call]) -> set[str]:
    """Return the names of the engines that are not heard of, of those whose calls these are.

    One query; none if no call is in progress.
    """
    if all(call.ended for call in calls):
        return set()
    return nodes.silent_names()


def as_told(call: Call, told: CallSnapshot, silent: Collection[str]) -> CallSnapshot:
    """Return a call as it is told now: without statistics if its engine is among the silent."""
    if call.ended is not None or call.node not in silent:
        return told
    return {**told, "legs": [{**leg, "quality": None} for leg in told["legs"]]}
