"""The six worked examples over TCP and TLS, and encrypted: the call is the same."""

import asyncio
from dataclasses import replace

import pytest

from tests.peers.engine import Engine
from tests.peers.ports import free_sip_port
from tests.wire import examples, secured

PORTS = {"tcp": free_sip_port(), "tls": free_sip_port()}
CONFIGURATION = examples.directory(PORTS["tcp"], "tcp", secure_port=PORTS["tls"], srtp="allowed")
ENVIRONMENT = secured.ENVIRONMENT
PROFILES = {
    "leg A": ("RTP/SAVP", ""),
    "leg B": ("", "RTP/SAVP"),
    "both legs": ("RTP/SAVP", "RTP/SAVP"),
}
TOGETHER = [(1, 2, 6), (4, 5), (3,)]
"Numbers of examples whose phones are not in each other's way."


async def _play(
    engine: Engine, example: examples.Example, transport: str, srtp: tuple[str, str] = ("", "")
) -> None:
    if transport == "tls" and example.to == examples.GATEWAY_NUMBER:
        example = replace(example, to=examples.SECURE_NUMBER)
    phone = secured.phone(transport)
    await examples.play(engine, example, gateway_port=PORTS[transport], srtp=srtp, **phone)


@pytest.mark.parametrize("example", examples.EXAMPLES, ids=lambda e: f"example-{e.number}")
@pytest.mark.parametrize("transport", PORTS)
async def test_example_is_the_same_call_over(
    engine: Engine, example: examples.Example, transport: str
) -> None:
    await _play(engine, example, transport)


@pytest.mark.parametrize("numbers", TOGETHER, ids=lambda n: f"examples {n}")
@pytest.mark.parametrize("encrypted", PROFILES)
async def test_examples_are_the_same_calls_over_tls_encrypted_on(
    engine: Engine, numbers: tuple[int, ...], encrypted: str
) -> None:
    chosen = [example for example in examples.EXAMPLES if example.number in numbers]
    plays = (_play(engine, example, "tls", PROFILES[encrypted]) for example in chosen)
    await asyncio.gather(*plays)
