"""Flows as values, and as text in the database."""

import pytest

from callengine.edge.flow import TCP, TLS, TRANSPORTS, UDP, Flow

WRITTEN = [
    ("udp:192.0.2.1:5060", Flow(UDP, "192.0.2.1", 5060)),
    ("tcp:192.0.2.1:40000", Flow(TCP, "192.0.2.1", 40000)),
    ("udp:[2001:db8::1]:5060", Flow(UDP, "2001:db8::1", 5060)),
    ("tls:192.0.2.1:40000", Flow(TLS, "192.0.2.1", 40000)),
    ("tls:[2001:db8::1]:5061/sip.example", Flow(TLS, "2001:db8::1", 5061, "sip.example")),
]


@pytest.mark.parametrize(("text", "flow"), WRITTEN)
def test_a_flow_is_read_as_it_was_written(text: str, flow: Flow) -> None:
    assert Flow.parse(text) == flow
    assert str(flow) == f"{flow}" == text
    assert hash(Flow.parse(text)) == hash(flow)


@pytest.mark.parametrize(
    "text",
    ["", "udp", "udp:h", "sctp:h:1", "tcp:h:port", "h:5060", "udp::1", "udp:h:0", "tcp:h:65536"],
)
def test_what_is_no_flow_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a flow|invalid literal"):
        Flow.parse(text)


def test_transports_differ_as_rfc_3261_says() -> None:
    assert not Flow(UDP, "h", 1).is_reliable
    assert Flow(TCP, "h", 1).is_reliable
    assert Flow(UDP, "h", 1) != Flow(TCP, "h", 1)
    assert {item.via for item in TRANSPORTS.values()} == {"UDP", "TCP", "TLS"}
    assert [item for item in TRANSPORTS.values() if item.is_secure] == [TLS]
    assert [item.default_port for item in (UDP, TCP, TLS)] == [5060, 5060, 5061]
    assert (UDP.uri_parameter, TCP.uri_parameter) == ("", ";transport=tcp")


def test_a_connection_to_one_name_is_not_one_to_another_at_the_same_address() -> None:
    assert Flow(TLS, "192.0.2.1", 5061, "a.example") != Flow(TLS, "192.0.2.1", 5061, "b.example")
