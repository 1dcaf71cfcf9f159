"""The six worked examples over TCP and TLS: nothing but the transport is another."""

from dataclasses import replace

import pytest

from tests.peers.engine import Engine
from tests.peers.ports import free_sip_port
from tests.wire import examples, secured

PORTS = {"tcp": free_sip_port(), "tls": free_sip_port()}
CONFIGURATION = examples.directory(PORTS["tcp"], "tcp", secure_port=PORTS["tls"])
ENVIRONMENT = secured.ENVIRONMENT


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: f"example-{e.number}")
@pytest.mark.parametrize("transport", PORTS)
async def test_example_is_the_same_call_over(
    engine: Engine, example: examples.Example, transport: str
) -> None:
    if transport == "tls" and example.to == examples.GATEWAY_NUMBER:
        example = replace(example, to=examples.SECURE_NUMBER)
    phone = secured.phone(transport)
    await examples.play(engine, example, gateway_port=PORTS[transport], **phone)
