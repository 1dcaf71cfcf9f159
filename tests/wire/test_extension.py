"""Calls without the media extension; all other tests are with it."""

import re

from tests.peers.engine import Engine
from tests.peers.waiting import until
from tests.wire.conversation import caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator, text_of
from tests.wire.test_digits import (
    test_a_key_is_told_once_though_its_leg_is_described_anew_meanwhile,
)

__all__ = ["test_a_key_is_told_once_though_its_leg_is_described_anew_meanwhile"]

CONFIGURATION = configuration(
    connection("only-amr-wb", inbound=["AMR-WB"]), connection("pam", inbound=["PCMU"])
)
ENVIRONMENT = {"VOIPNUMBER_NATIVE": "off"}
WITHOUT = "without the media extension: VOIPNUMBER_NATIVE is off."


async def test_calls_go_on_without_it_and_settings_say_so(engine: Engine) -> None:
    """Each direction is heard across 8 and 16 kHz, through a codec that is plugged in."""
    async with registered(engine, "only-amr-wb") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        await call.hears_both_ways(codec_a="PCMU", codec_b="AMR-WB")
        assert {"media", "clock"} <= engine.threads()
        await call.end()
    operator = Operator(engine)
    await until(lambda: WITHOUT in text_of(operator.get("/settings/")), "Settings do not say so")
    assert WITHOUT in re.sub(r"\s+", " ", engine.dump())
