"""The rule, as a table: who wins, whose list counts, and what is said about it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiocodecs.catalogue import CATALOGUE, PLATFORM_CODECS
from audiocodecs.negotiation import (
    AgentLists,
    CodecVerdict,
    ConnectionLists,
    TrunkLists,
    negotiate,
    plan_lists,
)

CALLER = ("OPUS", "G722", "PCMA")
CALLEE = ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
INBOUND = ("G722", "PCMU", "PCMA")
TRUNK = TrunkLists("carrier", inward=INBOUND, outward=INBOUND)
ALICE = ConnectionLists("Alice", outbound=("OPUS", "G722"))
BOB = ConnectionLists("Bob", inbound=INBOUND)
BOB_FORCING = ConnectionLists("Bob", inbound=INBOUND, force_on_caller=True)

EXAMPLES = {
    "1 offnet to connection": (None, BOB, CALLER, "OPUS", "G722"),
    "2 offnet to connection, forced": (None, BOB_FORCING, CALLER, "G722", "G722"),
    "3 forced, nothing in common": (None, BOB_FORCING, ("OPUS",), None, "G722"),
    "4 connection to connection": (ALICE, BOB, CALLER, "OPUS", "G722"),
    "5 connection to connection, forced": (ALICE, BOB_FORCING, CALLER, "G722", "G722"),
    "6 through a trunk": (ALICE, TRUNK, CALLER, "G722", "G722"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_six_worked_examples(name):
    source, destination, offer, leg_a, leg_b = EXAMPLES[name]
    lists = plan_lists(source=source, destination=destination, platform=PLATFORM_CODECS)
    assert negotiate(lists.vn_a, offer).codec == leg_a
    assert negotiate(lists.vn_b, CALLEE).codec == leg_b


PLATFORM = ("PCMU", "OPUS")
SOURCES = {
    "nobody known": (None, PLATFORM, "platform list"),
    "connection": (ALICE, ("OPUS", "G722"), "outbound list of Alice"),
    "connection without list": (ConnectionLists("Alice"), PLATFORM, "platform list"),
    "trunk": (TrunkLists("in-co", inward=("PCMA",)), ("PCMA",), "TRUNK IN of in-co"),
    "trunk without list": (TrunkLists("in-co"), PLATFORM, "platform list"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_vn_a_to_a_connection_is_the_callers_own_list(name):
    source, vn_a, vn_a_source = SOURCES[name]
    lists = plan_lists(source=source, destination=BOB, platform=PLATFORM)
    assert (lists.vn_a, lists.vn_a_source) == (vn_a, vn_a_source)
    assert (lists.vn_b, lists.vn_b_source) == (INBOUND, "inbound list of Bob")


@pytest.mark.parametrize("name", SOURCES)
def test_vn_a_to_a_forcing_connection_is_its_inbound_list_whoever_calls(name):
    lists = plan_lists(source=SOURCES[name][0], destination=BOB_FORCING, platform=PLATFORM)
    assert lists.vn_a == lists.vn_b == INBOUND
    assert lists.vn_a_source == "inbound list of Bob, forced on the caller"


@pytest.mark.parametrize("name", SOURCES)
def test_vn_a_to_a_trunk_is_its_trunk_in_list_whoever_calls(name):
    trunk = TrunkLists("carrier", inward=("G722",), outward=("PCMA",))
    lists = plan_lists(source=SOURCES[name][0], destination=trunk, platform=PLATFORM)
    assert (lists.vn_a, lists.vn_b) == (("G722",), ("PCMA",))
    assert lists.vn_a_source == "TRUNK IN of carrier"
    assert lists.vn_b_source == "TRUNK OUT of carrier"


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    ("codecs", "untouched", "vn_a", "said"),
    [
        (("G722", "PCMU"), "", ("G722", "PCMU"), "list of support"),
        (("G722", "PCMU"), "PCMU", ("G722", "PCMU"), "list of support"),
        ((), "", PLATFORM, "platform list"),
        (
            (),
            PLATFORM[-1],
            (PLATFORM[-1], *PLATFORM[:-1]),
            f"platform list, {PLATFORM[-1]} first as support takes it untouched",
        ),
        ((), "G729", PLATFORM, "platform list"),
    ],
)
def test_vn_a_to_an_agent_is_its_list_whoever_calls(name, codecs, untouched, vn_a, said):
    """A list that a person put in order is kept; without one, untouched bytes go first."""
    agent = AgentLists("support", codecs, untouched)
    lists = plan_lists(source=SOURCES[name][0], destination=agent, platform=PLATFORM)
    assert (lists.vn_a, lists.vn_b) == (vn_a, ())
    assert lists.vn_a_source == said
    assert lists.vn_b_source == "none: support is a voice agent"


@pytest.mark.parametrize(
    "destination",
    [
        ConnectionLists("Bob"),
        ConnectionLists("Bob", force_on_caller=True),
        TrunkLists("carrier"),
    ],
)
def test_an_empty_list_means_the_platform_list(destination):
    lists = plan_lists(source=None, destination=destination, platform=PLATFORM)
    assert lists.vn_a == lists.vn_b == PLATFORM
    assert "platform list" in lists.vn_a_source
    assert lists.vn_b_source == "platform list"


def test_every_codec_of_both_lists_is_explained_once():
    result = negotiate(("G722", "PCMU", "PCMA"), ("OPUS", "PCMA", "PCMU"))
    assert [(step.codec, step.verdict) for step in result.steps] == [
        ("G722", CodecVerdict.NOT_OFFERED),
        ("PCMU", CodecVerdict.CHOSEN),
        ("PCMA", CodecVerdict.AFTER_MATCH),
        ("OPUS", CodecVerdict.NOT_ALLOWED),
    ]
    assert all(step.codec in step.sentence for step in result.steps)


codec_lists = st.lists(st.sampled_from(sorted(CATALOGUE)), unique=True).map(tuple)


@given(codec_lists, codec_lists)
def test_the_winner_is_the_first_of_ours_the_peer_has(ours, theirs):
    result = negotiate(ours, theirs)
    shared = [name for name in ours if name in theirs]
    assert result.codec == (shared[0] if shared else None)
    assert sorted(step.codec for step in result.steps) == sorted({*ours, *theirs})
    chosen = [step.codec for step in result.steps if step.verdict is CodecVerdict.CHOSEN]
    assert chosen == ([result.codec] if result.codec else [])


@given(codec_lists, codec_lists.flatmap(st.permutations))
def test_the_peers_order_does_not_matter(ours, theirs):
    assert negotiate(ours, theirs).codec == negotiate(ours, sorted(theirs)).codec


@given(codec_lists, codec_lists, codec_lists)
def test_only_a_codec_of_our_lists_is_ever_used(inbound, outbound, offer):
    destination = ConnectionLists("Bob", inbound=inbound)
    source = ConnectionLists("Alice", outbound=outbound)
    lists = plan_lists(source=source, destination=destination, platform=PLATFORM_CODECS)
    for leg_list, own in ((lists.vn_a, outbound), (lists.vn_b, inbound)):
        assert leg_list == (own or PLATFORM_CODECS)
        assert negotiate(leg_list, offer).codec in {*leg_list, None}


def test_six_examples_hold_for_every_order_of_the_callers_offer():
    for source, destination, offer, leg_a, _ in EXAMPLES.values():
        lists = plan_lists(source=source, destination=destination, platform=PLATFORM_CODECS)
        for order in itertools.permutations(offer):
            assert negotiate(lists.vn_a, order).codec == leg_a
