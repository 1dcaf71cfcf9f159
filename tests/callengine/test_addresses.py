"""Text from a peer must not change the shape of the request line that another peer reads."""

import pytest

from callengine.core.directory import (
    ConnectionEntry,
    Destination,
    GatewayEntry,
    Platform,
    RouteEntry,
    Source,
    TrunkEntry,
)
from callengine.core.permissions import Usage
from callengine.core.plan import CallPlan
from callengine.core.planner import plan_call
from callengine.core.request import CallRequest
from callengine.edge.callers.invites import dialled
from callengine.edge.callers.registrar import read_register
from callengine.edge.messages.received import receive
from callengine.edge.messages.targets import contact_target
from tests.callengine.edge.fakes import Phone

TRUNK = TrunkEntry("carrier", gateways=(GatewayEntry("sip:192.0.2.5:5080;transport=tcp", 1),))


@pytest.mark.parametrize(
    ("uri", "sent"),
    [
        ("sip:+44%20x@h", "sip:+44%20x@192.0.2.5:5080;transport=tcp"),
        ("sip:+44%40evil.example@h", "sip:+44%40evil.example@192.0.2.5:5080;transport=tcp"),
        ("sip:+44%3E%3Cx@h", "sip:+44%3E%3Cx@192.0.2.5:5080;transport=tcp"),
        ("sip:+44*21%23@h", "sip:+44*21%23@192.0.2.5:5080;transport=tcp"),
        ("sip:+441632960961@h", "sip:+441632960961@192.0.2.5:5080;transport=tcp"),
    ],
)
def test_a_gateway_is_sent_an_escaped_user_part(uri: str, sent: str) -> None:
    request = CallRequest(
        call="c" * 32,
        call_id="c",
        from_user="alice",
        from_name="",
        to_user=dialled(uri),
        offered=("PCMU",),
        max_forwards=70,
        source=Source("connection", "192.0.2.1", connection=ConnectionEntry("alice", "Alice")),
    )
    plan = plan_call(
        request,
        destination=Destination(route=RouteEntry("+44", (TRUNK,))),
        platform=Platform(("PCMU",), available_codecs=("PCMU",)),
        usage=Usage(),
    )
    assert isinstance(plan, CallPlan)
    assert plan.waves[0].targets[0].uri == sent


@pytest.mark.parametrize(
    "contact", ["<sip:a b@192.0.2.1>", "<sip:a@192.0.2.1 SIP/2.0>", "sip:a b@192.0.2.1"]
)
def test_a_contact_with_white_space_is_no_uri(contact: str) -> None:
    phone = Phone("192.0.2.1", 5060)
    with pytest.raises(ValueError, match="not a SIP URI"):
        read_register(
            receive(phone.request("REGISTER", 1, contact=contact).encode()), user_agent=""
        )
    assert contact_target(receive(phone.request("INVITE", 1, contact=contact).encode())) == ""
