"""An operator transfers a live call: real phones, the real page, a tone both ways."""

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.peers import descriptions
from tests.peers.engine import Engine
from tests.peers.phone import Phone
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection
from tests.wire.operator import Operator

CONFIGURATION = configuration(
    connection("alice", outbound=["G722", "PCMU"]),
    connection("bob", inbound=["PCMU"]),
    connection("carol", inbound=["PCMA"]),
    connection("strict", inbound=["PCMU", "PCMA"], force=True),
    connection("opus", inbound=["OPUS"], force=True),
)
ENVIRONMENT = {"VOIPNUMBER_RING_TIMEOUT_S": "3"}


@pytest.fixture(scope="module")
def operator(engine: Engine) -> Operator:
    return Operator(engine)


@asynccontextmanager
async def talking(engine: Engine, *users: str) -> AsyncIterator[tuple[Conversation, list[Phone]]]:
    """Have alice talk to bob in G722 and PCMU; the other users' phones are registered."""
    async with (
        registered(engine, "bob") as bob,
        caller(engine, "alice") as alice,
    ):
        others = [registered(engine, user) for user in users]
        phones = [await other.__aenter__() for other in others]
        try:
            talk = await converse(engine, alice, bob, offer=["PCMA", "G722", "PCMU"])
            assert descriptions.names(talk.a.answer_sdp) == ["G722"]
            yield talk, phones
        finally:
            for other in others:
                await other.__aexit__(None, None, None)


async def test_the_caller_talks_to_another_connection_in_another_codec(
    engine: Engine, operator: Operator
) -> None:
    async with talking(engine, "carol") as (talk, (carol,)):
        path = await operator.transfer("carol")
        target = await carol.wait_call()
        assert descriptions.names(target.offer_sdp) == ["PCMA"]
        assert target.invite.from_address.uri.user == "alice"
        await target.ring()
        await operator.reads(path, "B2 ringing", "Carol is ringing")
        await talk.hears_both_ways(codec_a="G722", codec_b="PCMU", seconds=1.0)
        assert talk.b.bye is None
        await target.answer_in("PCMA")
        await asyncio.wait_for(talk.b.ended.wait(), 3)
        assert talk.b.bye is not None
        assert talk.b.bye.headers.get("Reason") == "Q.850;cause=16"
        line = await operator.reads(path, "B2 transferred")
        assert "The caller now talks to Carol instead of Bob." in line
        after = Conversation(talk.a, target, engine)
        await after.hears_both_ways(codec_a="G722", codec_b="PCMA")
        assert talk.a.reoffers.empty()
        record = await after.end()
    assert (record["source"], record["destination"]) == ("connection:alice", "connection:carol")
    assert [leg["name"] for leg in record["legs"]] == ["A", "B", "B2"]
    assert [leg["codec"] for leg in record["legs"]] == ["G722", "PCMU", "PCMA"]
    assert record["termination"]["reason"] == "caller-hung-up"
    assert record["transcoded"] is True
    page = html.unescape(await asyncio.to_thread(operator.get, path))
    assert "Our list: <bdi>inbound list of Carol</bdi>." in page
    assert "Transcoding G722 ↔ PCMA" in page
