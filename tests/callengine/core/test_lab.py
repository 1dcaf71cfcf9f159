"""The codec lab's prediction: the planner's and the rule's own answers, for any lists."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.formats import Encoding
from audiocodecs.catalogue import PLATFORM_CODECS
from audiocodecs.negotiation import negotiate
from callengine.core.directory import (
    AgentPlace,
    ConnectionEntry,
    Contact,
    Destination,
    GatewayEntry,
    Platform,
    Source,
    TrunkEntry,
)
from callengine.core.lab import (
    LabCase,
    LabEnds,
    aimed,
    free_destination,
    free_source,
    predict,
    stand_in_connection,
    stand_in_trunk,
)
from dashboard.lab.form import EXAMPLES

EVERY = Platform(PLATFORM_CODECS, False, PLATFORM_CODECS)
TABLE = {
    1: ("OPUS", "G722"),
    2: ("G722", "G722"),
    3: (None, None),
    4: ("OPUS", "G722"),
    5: ("G722", "G722"),
    6: ("G722", "G722"),
}
CODECS = st.lists(st.sampled_from(PLATFORM_CODECS), unique=True).map(tuple)
SOME = CODECS.filter(bool)


def free_ends(case: LabCase) -> LabEnds:
    source = Source("external", "somebody") if case.source == "unknown" else free_source(case)
    return LabEnds(source, free_destination(case))


@pytest.mark.parametrize(
    ("codecs", "offer", "codec_a", "code"),
    [
        (("G722", "PCMU"), ("PCMU", "G722"), "G722", None),
        ((), ("OPUS", "PCMU"), "PCMU", None),
        (("PCMA",), ("OPUS",), None, 488),
    ],
)
def test_a_voice_agent_has_the_callers_leg_alone(
    codecs: tuple[str, ...], offer: tuple[str, ...], codec_a: str | None, code: int | None
) -> None:
    case = LabCase("free", "agent", caller=offer, callee=(), destination_name="support")
    place = AgentPlace("support", codecs=codecs, input=Encoding.PCMU)
    ends = LabEnds(free_source(case), Destination(agent=place))
    prediction = predict(case, ends, EVERY)
    summary = prediction.summary()
    assert (summary["codec_a"], summary["codec_b"], summary["code"]) == (codec_a, None, code)
    assert prediction.leg_b is None
    assert (case.destination_label, case.dialled) == ("lab:agent:support", "support")
    assert aimed(ends.destination, "sip:phone@127.0.0.1:5") == ends.destination


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"example-{e.number}")
def test_the_six_examples_come_out_as_in_the_table(example) -> None:
    prediction = predict(example.case, free_ends(example.case), EVERY)
    summary = prediction.summary()
    assert (summary["codec_a"], summary["codec_b"]) == TABLE[example.number]
    if example.number == 3:
        assert (summary["code"], summary["reason"]) == (488, "no-common-codec-caller")
        assert prediction.leg_b is None, "nobody is rung"
        assert prediction.termination is not None
        assert "Add OPUS to Lab callee's inbound list" in prediction.termination.advice


@given(offer=SOME, vn_a=CODECS, vn_b=CODECS, callee=SOME)
def test_each_leg_is_the_rules_answer_for_any_lists(offer, vn_a, vn_b, callee) -> None:
    case = LabCase("free", "free", offer, callee, source_codecs=vn_a, destination_codecs=vn_b)
    found = predict(case, free_ends(case), EVERY).summary()
    on_a = negotiate(vn_a or PLATFORM_CODECS, offer).codec
    on_b = negotiate(vn_b or PLATFORM_CODECS, callee).codec
    if on_a is None:
        assert (found["code"], found["reason"]) == (488, "no-common-codec-caller")
    elif on_b is None:
        assert (found["code"], found["reason"]) == (488, "no-common-codec-callee")
    else:
        assert found == {"codec_a": on_a, "codec_b": on_b, "code": None, "reason": ""}


def test_somebody_unknown_gets_to_no_trunk() -> None:
    case = LabCase("unknown", "free-trunk", ("PCMU",), ("PCMU",))
    prediction = predict(case, free_ends(case), EVERY)
    assert prediction.rejection is not None
    assert prediction.rejection.rule == "external-caller-to-trunk"
    assert prediction.plan is None


def test_a_codec_the_engine_lacks_is_on_no_list() -> None:
    case = LabCase("free", "free", ("OPUS", "PCMA"), ("PCMA",))
    without = dataclasses.replace(EVERY, available_codecs=("PCMU", "PCMA"))
    assert predict(case, free_ends(case), without).summary()["codec_a"] == "PCMA"


@given(
    case=st.builds(
        LabCase,
        source=st.sampled_from(["connection", "trunk", "unknown", "free"]),
        destination=st.sampled_from(["connection", "trunk", "free", "free-trunk"]),
        caller=SOME,
        callee=SOME,
        source_name=st.text(max_size=10),
        destination_name=st.text(max_size=10),
        source_codecs=CODECS,
        destination_codecs=CODECS,
        destination_in_codecs=CODECS,
        force=st.booleans(),
    )
)
def test_a_case_survives_the_channel_layer(case: LabCase) -> None:
    assert LabCase.from_dict(case.to_dict()) == case


@pytest.mark.parametrize(
    "change", [{"caller": ["MP3"]}, {"callee": ["PCMU", "PCMU"]}, {"colour": "red"}]
)
def test_what_is_no_case_is_not_taken(change: dict[str, object]) -> None:
    data = LabCase("unknown", "free", ("PCMU",), ("PCMU",)).to_dict()
    with pytest.raises(ValueError, match=r"MP3|twice|fields"):
        LabCase.from_dict({**data, **change})


def test_a_stand_in_keeps_the_lists_and_nothing_that_leads_to_the_real_phone() -> None:
    alice = ConnectionEntry(
        "alice",
        "Alice",
        enabled=False,
        inbound_codecs=("G722",),
        force_on_caller=True,
        address="sip:192.0.2.1",
        concurrent_calls=1,
        contacts=(Contact("sip:alice@192.0.2.2", "udp:192.0.2.2:5060"),),
    )
    stand_in = stand_in_connection(alice)
    assert (stand_in.inbound_codecs, stand_in.force_on_caller) == (("G722",), True)
    assert (stand_in.enabled, stand_in.concurrent_calls, stand_in.contacts) == (True, None, ())
    here = aimed(Destination(connection=stand_in), "sip:phone@127.64.0.1:5070")
    assert here.connection is not None
    assert here.connection.address == "sip:phone@127.64.0.1:5070"


def test_a_trunks_password_goes_to_no_phone_of_ours() -> None:
    gateway = GatewayEntry("sip:192.0.2.9", 1)
    carrier = TrunkEntry("c", gateways=(gateway,), out_username="us", out_password="secret")
    here = aimed(Destination(trunk=stand_in_trunk(carrier)), "sip:phone@127.64.0.1:5070")
    assert here.trunk is not None
    assert (here.trunk.out_username, here.trunk.out_password) == ("", "")
    assert [gateway.uri for gateway in here.trunk.gateways] == ["sip:phone@127.64.0.1:5070"]


def test_the_record_shows_that_it_is_a_call_of_the_lab() -> None:
    case = LabCase("connection", "trunk", ("PCMU",), ("PCMU",), "alice", "carrier")
    assert case.source_label == "lab:connection:alice"
    assert case.destination_label == "lab:trunk:carrier"
    assert LabCase("unknown", "free-trunk", ("PCMU",), ("PCMU",)).source_label == "lab:unknown"
