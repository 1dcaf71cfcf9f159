"""One codec on both legs: when the caller's leg takes the callee's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiocodecs.catalogue import CATALOGUE
from audiocodecs.negotiation import (
    AgentLists,
    CodecVerdict,
    ConnectionLists,
    SelfTestLists,
    TrunkLists,
    matching,
    negotiate,
    plan_lists,
)

PLATFORM = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
SOME = st.lists(st.sampled_from(sorted(CATALOGUE)), unique=True)


@given(SOME, SOME, st.sampled_from([None, *sorted(CATALOGUE)]))
def test_it_moves_one_codec_that_both_have_and_no_other(
    ours: list[str], theirs: list[str], other: str | None
) -> None:
    ordered = matching(ours, theirs, other)
    assert sorted(ordered) == sorted(ours)
    assert [name for name in ordered if name != other] == [name for name in ours if name != other]
    met = negotiate(ours, theirs, other=other)
    said = {step.codec: step.verdict for step in met.steps}
    if other in ours and other in theirs:
        assert met.codec == other
        assert said[other] in (CodecVerdict.CHOSEN, CodecVerdict.MATCHED)
        above = [name for name in ours[: ours.index(other)] if name in theirs]
        assert {said[name] for name in above} <= {CodecVerdict.GAVE_WAY}
    else:
        assert ordered == tuple(ours)
        assert met == negotiate(ours, theirs)


@pytest.mark.parametrize("where", ["platform", "source", "destination"])
@pytest.mark.parametrize("is_trunk", [False, True])
def test_one_side_or_the_platform_is_enough(where: str, is_trunk: bool) -> None:
    kind = TrunkLists if is_trunk else ConnectionLists
    lists = plan_lists(
        source=kind("a", avoids_transcoding=where == "source"),
        destination=kind("b", avoids_transcoding=where == "destination"),
        platform=PLATFORM,
        avoids_transcoding=where == "platform",
    )
    assert lists.avoids_transcoding
    assert lists.vn_a == lists.vn_b == PLATFORM


def test_it_is_off_and_never_where_a_list_is_forced_or_there_is_no_second_leg() -> None:
    usual = plan_lists(source=None, destination=ConnectionLists("b"), platform=PLATFORM)
    assert not usual.avoids_transcoding
    for destination in (
        ConnectionLists("b", force_on_caller=True, avoids_transcoding=True),
        AgentLists("support"),
        SelfTestLists("*echo"),
    ):
        source = ConnectionLists("a", avoids_transcoding=True)
        lists = plan_lists(
            source=source, destination=destination, platform=PLATFORM, avoids_transcoding=True
        )
        assert not lists.avoids_transcoding
