"""Where responses and requests go."""

import pytest

from callengine.edge.flow import Flow
from callengine.edge.messages.replies import reply_vias
from callengine.edge.messages.targets import aim
from callengine.edge.transport.addresses import UnresolvableError, resolve
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


async def test_resolve() -> None:
    assert str(await resolve("sip:a@127.0.0.1;transport=TCP")) == "tcp:127.0.0.1:5060"
    assert str(await resolve("sip:a@localhost:5070")) == "udp:127.0.0.1:5070"
    for bad in ("sips:a@h", "sip:a@127.0.0.1;transport=ws", "mailto:x", "sip:a@no.invalid"):
        with pytest.raises(UnresolvableError):
            await resolve(bad)
