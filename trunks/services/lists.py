"""What holds for every list that a person puts in order."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError

from sip.revisions import ConflictError, is_news

MAX_STEPS = 50
"Gateways of a trunk, and trunks of a route, at most."
MAX_POSITION = 32767
_CHANGED = (
    "Not saved: somebody else changed the list meanwhile. It is shown as it is now; put it in "
    "order again."
)


def check_room(count: int, what: str) -> None:
    """Raise ValidationError if a list has as many entries as it may."""
    if count >= MAX_STEPS:
        raise ValidationError(f"{count} {what}; allowed: up to {MAX_STEPS}.", code="full")


def check_order(stored: Sequence[int], based_on: Sequence[int], order: Sequence[int]) -> None:
    """Raise ConflictError unless the order is news about the list that is stored."""
    if sorted(order) != sorted(stored):
        raise ConflictError(_CHANGED, list(stored))
    is_news(stored=list(stored), seen=list(based_on), wanted=list(order), text=_CHANGED)
