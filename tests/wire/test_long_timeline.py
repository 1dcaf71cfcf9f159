"""Keys and holds again and again: the timeline of such a call stays short and true."""

from tests.peers.engine import Engine, Record
from tests.wire.conversation import Conversation, caller, converse, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["PCMU"]))
KEYS, HOLDS = 40, 103


async def test_many_keys_are_one_line_and_holds_beyond_a_hundred_are_counted(
    engine: Engine,
) -> None:
    async with registered(engine, "bob") as bob, caller(engine) as phone:
        call = await converse(engine, phone, bob, offer=["PCMU"])
        for _ in range(KEYS):
            await _press(call, "5")
        for version in range(2, 2 + 2 * HOLDS, 2):
            hold = phone.sdp(["PCMU"], direction="sendonly", version=version)
            assert (await call.a.reinvite(hold)).code == 200
            assert (await call.a.reinvite(phone.sdp(["PCMU"], version=version + 1))).code == 200
        await call.end()
        lines = engine.events((await engine.record(call.a.call_id))["id"])
    keys = _of(lines, "dtmf")
    assert len(keys) == 1
    assert f"pressed a key; passed on. {KEYS} times within " in keys[0]["text"]
    assert len(_of(lines, "hold")) == len(_of(lines, "resume")) == 100
    assert [line["text"] for line in _of(lines, "left-out")] == ["And 6 more not kept."]
    assert lines[-1]["kind"] == "ended"


async def _press(call: Conversation, key: str) -> None:
    request = call.a.request("INFO")
    request.headers.set("Content-Type", "application/dtmf")
    request.body = key.encode()
    assert (await call.a.send(request)).code == 200


def _of(lines: list[Record], kind: str) -> list[Record]:
    return [line for line in lines if line["kind"] == kind]
