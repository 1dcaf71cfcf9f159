"""How many transcodings of the last day would not have been, had calls avoided them."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from audiocodecs.negotiation import negotiate
from callengine.models import Leg

AT_MOST = 1000
"Of the last ones that are looked at."
_FORCED = "forced on the caller"


@dataclass(frozen=True, slots=True)
class Transcodings:
    """Calls of the last day whose legs had two codecs, `AT_MOST` of them."""

    count: int
    avoidable: int
    "Those whose caller had the callee's codec, as had our list there."


def transcodings() -> Transcodings:
    """Return those of the last day. One query."""
    since = timezone.now() - dt.timedelta(days=1)
    legs = (
        Leg.objects.filter(name="A", call__transcoded=True, call__started__gte=since)
        .exclude(call__plan__vn_a_source__endswith=_FORCED)
        .order_by("-call__started")
        .values_list("allowed", "offered", "call__codec_b")
    )
    return counted(legs[:AT_MOST])


def counted(legs: Iterable[tuple[Sequence[str], Sequence[str], str]]) -> Transcodings:
    """Return what became of callers' legs: our list, the caller's, and the callee's codec."""
    avoidable = [negotiate(ours, theirs, other=b).codec == b for ours, theirs, b in legs]
    return Transcodings(len(avoidable), sum(avoidable))
