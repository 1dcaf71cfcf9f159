"""Where responses and requests go."""

import pytest

from callengine.edge.flow import Flow
from callengine.edge.messages.replies import reply_vias
from callengine.edge.messages.targets import aim
from callengine.edge.messages.uris import parse_uri
from callengine.edge.transport.addresses import UnresolvableError, literal_flow
from tests.callengine.edge.clock import message


def test_responses_carry_received_and_rport() -> None:
    request = message("OPTIONS", branch="z9hG4bKq")
    request.flow = Flow.parse("udp:198.51.100.7:999")
    assert reply_vias(request)[0] == (
        "SIP/2.0/UDP 127.0.0.3:5062;branch=z9hG4bKq;received=198.51.100.7;rport=999"
    )


@pytest.mark.parametrize(
    ("routes", "result"),
    [
        ((), ("sip:t", ())),
        (("<sip:p;lr>", "<sip:q;lr>"), ("sip:t", ("<sip:p;lr>", "<sip:q;lr>"))),
        (("<sip:p>", "<sip:q;lr>"), ("sip:p", ("<sip:q;lr>", "<sip:t>"))),
    ],
)
def test_loose_and_strict_routes(routes: tuple[str, ...], result: object) -> None:
    assert aim("sip:t", routes) == result


@pytest.mark.parametrize(
    ("uri", "flow"),
    [
        ("sip:a@127.0.0.1;transport=TCP", "tcp:127.0.0.1:5060"),
        ("sip:a@[::1]:5070", "udp:[::1]:5070"),
        ("sip:a@127.0.0.1;transport=TLS", "tls:127.0.0.1:5061/127.0.0.1"),
        ("sips:a@[::1]:5070;transport=tcp", "tls:[::1]:5070/::1"),
        ("sips:a@Name.Example;maddr=192.0.2.1", "tls:192.0.2.1:5061/name.example"),
        ("sip:a@name.example", "None"),
    ],
)
def test_what_an_address_leads_to_needs_no_look_up(uri: str, flow: str) -> None:
    assert str(literal_flow(parse_uri(uri))) == flow


@pytest.mark.parametrize(
    "uri", ["sips:a@h;transport=udp", "sip:a@127.0.0.1;transport=ws", "tel:+4930123456"]
)
def test_what_we_do_not_speak_leads_nowhere(uri: str) -> None:
    with pytest.raises(UnresolvableError):
        literal_flow(parse_uri(uri))
