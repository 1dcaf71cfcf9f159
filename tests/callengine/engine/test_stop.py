"""Stopping: calls in progress get their grace period, and nothing is left behind."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.callengine.engine.forked import Restartable, alive, is_held
from tests.peers.deaf import deaf_peer
from tests.peers.nursery import ROOT
from tests.peers.waiting import until
from tests.wire.conversation import Conversation, caller, converse, next_call_works, registered
from tests.wire.directory import configuration, connection

CONFIGURATION = configuration(connection("bob", inbound=["G722"]))
GRACE_S, LONG_GRACE_S = 6, 60
AT_ONCE_S = 30.0
"What waits for no grace period takes so long at most, on a busy machine: half of a long one."


@pytest.fixture
def stopping() -> Iterator[Restartable]:
    """An engine whose grace period nobody waits for."""
    with Restartable(CONFIGURATION, environment={"VOIPNUMBER_GRACE_S": str(LONG_GRACE_S)}) as one:
        yield one


@pytest.fixture
def strict() -> Iterator[Restartable]:
    """An engine that soon hangs up calls which go on."""
    with Restartable(CONFIGURATION, environment={"VOIPNUMBER_GRACE_S": str(GRACE_S)}) as one:
        yield one


async def stops(engine: Restartable, timeout_s: float) -> float:
    """Tell an engine to stop, and wait as `exited` does."""
    below = engine.children()  # before: the first of them are gone a moment later
    engine.terminate()
    return await exited(engine, timeout_s, below)


async def exited(engine: Restartable, timeout_s: float, below: Sequence[int]) -> float:
    """Wait for a clean exit that leaves none of these processes behind; return its seconds."""
    assert len(below) > 1
    started = time.monotonic()
    status = await asyncio.to_thread(engine.serving.wait, timeout_s)
    taken = time.monotonic() - started
    assert status == 0, engine.dump()
    await until(lambda: not any(map(alive, below)), "a process was left behind")
    assert "Traceback" not in engine.dump()
    return taken


async def test_without_calls_it_stops_at_once(stopping: Restartable) -> None:
    print(f"measured: stop without calls {await stops(stopping, AT_ONCE_S):.2f} s")
    assert "ERROR" not in stopping.dump()


async def test_a_call_in_progress_may_end_by_itself_and_new_ones_are_refused(
    stopping: Restartable,
) -> None:
    async with registered(stopping, "bob") as bob, caller(stopping) as phone:
        call = await converse(stopping, phone, bob, offer=["PCMU"])
        below = stopping.children()
        stopping.terminate()
        await until(lambda: "Stopping" in stopping.dump(), "it does not stop")
        late = await phone.invite("bob", phone.sdp(["PCMU"]))
        refused = await late.wait_final()
        assert refused.code == 503
        assert int(refused.headers.get("Retry-After") or 0) > 0
        await call.hears_both_ways(codec_a="PCMU", codec_b="G722", seconds=1.5)
        assert stopping.serving.poll() is None
        assert bob.incoming.empty()
        assert (await call.a.hang_up()).code == 200
        await asyncio.wait_for(call.b.ended.wait(), 15)
        # Within less than the grace period: it does not wait for a call that is over.
        await exited(stopping, AT_ONCE_S, below)
        bob.server = phone.server = None
        record = await stopping.record(call.a.call_id)
        assert record["termination"]["by"] == "caller"
        await asyncio.to_thread(stopping.start_again)
        bob.server = phone.server = stopping.server
        await next_call_works(stopping, bob)


async def _both_get_a_bye(call: Conversation, timeout_s: float) -> None:
    for end in (call.a, call.b):
        await asyncio.wait_for(end.ended.wait(), timeout_s)
        assert end.bye is not None


async def test_calls_that_go_on_are_hung_up_when_the_grace_period_is_over(
    strict: Restartable,
) -> None:
    async with caller(strict, "bob") as bob, caller(strict) as phone:
        await bob.register()
        call = await converse(strict, phone, bob, offer=["PCMU"])
        asked = time.monotonic()
        leaving = asyncio.create_task(stops(strict, GRACE_S + AT_ONCE_S))
        await _both_get_a_bye(call, GRACE_S + AT_ONCE_S)
        assert time.monotonic() - asked > GRACE_S
        await leaving
        await _was_hung_up_by_the_stop(strict, call)


async def test_calls_that_go_on_are_hung_up_at_a_second_signal(stopping: Restartable) -> None:
    async with caller(stopping, "bob") as bob, caller(stopping) as phone:
        await bob.register()
        call = await converse(stopping, phone, bob, offer=["PCMU"])
        leaving = asyncio.create_task(stops(stopping, AT_ONCE_S))
        await until(lambda: "Stopping" in stopping.dump(), "it does not stop")
        stopping.serving.send_signal(signal.SIGTERM)
        await _both_get_a_bye(call, AT_ONCE_S)
        await leaving
        await _was_hung_up_by_the_stop(stopping, call)


async def _was_hung_up_by_the_stop(engine: Restartable, call: Conversation) -> None:
    record = await engine.record(call.a.call_id)
    assert record["termination"]["by"] == "engine"
    assert record["termination"]["reason"] == "shutting-down"
    assert record["answered"]


async def test_a_peer_that_does_not_read_costs_a_stop_nothing() -> None:
    generous = dict.fromkeys(("VOIPNUMBER_STRANGER_RATE", "VOIPNUMBER_ALL_STRANGERS_RATE"), "9999")
    environment = {"VOIPNUMBER_GRACE_S": "1", **generous}
    with Restartable(CONFIGURATION, environment=environment) as engine:
        async with caller(engine, "bob") as bob, caller(engine) as phone:
            await bob.register()
            call = await converse(engine, phone, bob, offer=["PCMU"])
            with deaf_peer(engine.server):
                engine.terminate()
                await _both_get_a_bye(call, AT_ONCE_S)
                assert await asyncio.to_thread(engine.serving.wait, AT_ONCE_S) == 0
        assert "not everything could be stopped" not in engine.dump()
        record = await engine.record(call.a.call_id)
        assert record["termination"]["reason"] == "shutting-down"
        assert _count(engine, "EngineNode.objects") == 0, "the node is still on the list"
        byes = f"SipMessage.objects.filter(call={record['id']!r}, summary__startswith='BYE')"
        assert _count(engine, byes) > 0, "the end of the call is not in its ladder"


def _count(engine: Restartable, rows: str) -> int:
    script = f"from callengine.models import *; print({rows}.count())"
    return int(engine.shell(script))


async def test_a_registered_phone_can_be_called_after_a_restart(stopping: Restartable) -> None:
    async with registered(stopping, "bob") as bob:
        await stops(stopping, AT_ONCE_S)
        heard = len(bob.received())
        await asyncio.to_thread(stopping.start_again)
        async with caller(stopping) as phone:
            call = await converse(stopping, phone, bob, offer=["PCMU"])
            await call.hears_both_ways(codec_a="PCMU", codec_b="G722")
            await call.end()
        said = [line.splitlines()[0] for line in bob.received()[heard:]]
        assert said[0].startswith("INVITE"), "it registered anew"


@pytest.mark.parametrize("command", ["serve", "callengine"])
@pytest.mark.parametrize("is_listening", [False, True])
async def test_signals_that_come_while_an_engine_starts_are_heeded(
    stopped: Restartable, command: str, is_listening: bool
) -> None:
    """Each would end it then and there; it takes calls before all of it is up."""
    stopped._spawn(command, str(ROOT / "manage.py"), command)
    starting = stopped.processes[command]
    if is_listening:
        await until(lambda: is_held(stopped.port), "it does not listen", every_s=0.003)
    else:
        await until(lambda: bool(stopped.children()), "it starts no process")
    below = stopped.children()
    starting.send_signal(signal.SIGHUP)
    starting.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(starting.wait, AT_ONCE_S) == 0, stopped.dump()
    await until(lambda: not any(map(alive, below)), "a process was left behind")
    assert "Traceback" not in stopped.dump()


@pytest.mark.parametrize("command", ["serve", "callengine"])
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_taken_sip_port_is_one_clear_sentence(
    stopped: Restartable, command: str, kind: str
) -> None:
    with socket.socket(
        socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
    ) as holder:
        holder.bind(stopped.server)
        if kind == "tcp":
            holder.listen()
        said = _refusal(stopped, command)
    assert f"{kind}:{stopped.host}:{stopped.port}" in said
    assert "VOIPNUMBER_SIP_LISTEN" in said
    assert json.dumps(said).count("taken") == 1


def test_a_taken_http_port_is_one_clear_sentence(stopped: Restartable) -> None:
    with socket.create_server((stopped.host, stopped.http_port)):
        said = _refusal(stopped, "serve")
    assert f"{stopped.host}:{stopped.http_port}" in said
    assert "VOIPNUMBER_HTTP" in said


def test_a_taken_port_for_sound_is_one_clear_sentence(
    stopped: Restartable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((stopped.host, 0)) as holder:
        place = f"{stopped.host}:{holder.getsockname()[1]}"
        monkeypatch.setitem(stopped._environment, "VOIPNUMBER_SOUND_LISTEN", place)
        said = _refusal(stopped, "callengine")
    assert f"VOIPNUMBER_SOUND_LISTEN {place}" in said
    assert "already in use. Choose" in said


@pytest.fixture(scope="module")
def stopped() -> Iterator[Restartable]:
    """An engine that is set up and not running."""
    with Restartable(CONFIGURATION) as engine:
        engine.stop()
        yield engine


def _refusal(engine: Restartable, command: str) -> str:
    done = engine.run(command)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert "Errno" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]
