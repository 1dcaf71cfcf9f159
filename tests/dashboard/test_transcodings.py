"""How many transcodings would not have been, had calls avoided them."""

import datetime as dt

import pytest
from django.utils import timezone

from callengine.models import Call, Leg
from dashboard.overview.transcodings import Transcodings, transcodings

OFFER = ["OPUS", "PCMA"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("codec_b", "source", "days", "counted"),
    [
        ("PCMA", "outbound list of Alice", 0, (1, 1)),
        ("PCMU", "outbound list of Alice", 0, (1, 0)),  # the caller does not have it
        ("G722", "platform list", 0, (1, 0)),
        ("PCMA", "inbound list of Bob, forced on the caller", 0, (0, 0)),
        ("PCMA", "platform list", 2, (0, 0)),
    ],
)
def test_only_what_caller_and_list_would_have_allowed(
    codec_b: str, source: str, days: int, counted: tuple[int, int]
) -> None:
    started = timezone.now() - dt.timedelta(days=days)
    call = Call.objects.create(
        started=started, source="x", codec_a="OPUS", codec_b=codec_b, transcoded=True,
        plan={"vn_a_source": source},
    )  # fmt: skip
    Leg.objects.create(call=call, name="A", offered=OFFER, allowed=["OPUS", "PCMA", "PCMU"])
    Leg.objects.create(call=call, name="B", offered=[codec_b], allowed=[codec_b])
    assert transcodings() == Transcodings(*counted)
