"""What fails while pjsua2 or pjmedia calls us ends the call, and says whose fault it was."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from callengine import worker
from callengine.core.control.calls import (
    CallEnded,
    Idle,
    ProcessReady,
    StateReached,
    TakeCall,
    Unable,
)
from callengine.core.states import CallState
from callengine.worker.native.libraries import FAILED
from callengine.worker.plugins.callbacks import (
    TOLERATED_PACKETS,
    callback,
    failed,
    raised_so_far,
)
from tests.callengine.worker.loopback import Conversation, LoopbackEdge, call_process

FOLDER = Path(worker.__file__).parent


async def begin(talk: Conversation, edge: LoopbackEdge) -> None:
    ready = await talk.hears(ProcessReady)
    talk.tell(TakeCall(edge.order()))
    edge.invite(ready.sip_port)


async def answer(edge: LoopbackEdge) -> None:
    await edge.callee_rings.wait()
    edge.callee_answers()


@pytest.mark.parametrize(
    ("plug", "callback"),
    [
        ("leg._confirmed", "onCallState"),
        ("leg._find_audio", "onCallMediaState"),
        ("reoffers.answered", "onCallTsxState"),
        ("leg._restricted", "onCallSdpCreated"),
        ("guard.open", "onStreamCreated"),
    ],
)
async def test_a_callback_that_fails_ends_the_call_as_our_own_fault(
    plug: str, callback: str
) -> None:
    async with call_process(plug) as (talk, edge):
        await begin(talk, edge)
        if callback != "onCallSdpCreated":  # nobody has been rung then
            await answer(edge)
        end = (await talk.hears(CallEnded)).termination
        assert (end.by, end.reason, end.code) == ("engine", "leg-failed", 500)
        assert f"{callback} failed" in end.advice
        await talk.hears(Idle)
        text = talk.logged()
        assert f"{callback} of SipLeg failed" in text
        assert "Traceback" in text
        assert "RuntimeError: provoked" in text


async def test_a_leg_whose_end_could_not_be_reported_has_ended() -> None:
    """The callee's BYE: without its report the caller stayed in the call, alone."""
    async with call_process("endings.told_by_edge") as (talk, edge):
        await begin(talk, edge)
        await answer(edge)
        await talk.hears(StateReached, which=lambda reached: reached.state is CallState.ANSWERED)
        edge.callee_sends("BYE")
        end = (await talk.hears(CallEnded)).termination
        assert end.reason == "leg-failed"
        assert "onCallState failed" in end.advice
        await edge.hears("BYE")


async def test_an_invite_that_could_not_be_taken_is_given_to_another_process() -> None:
    async with call_process("runner.take") as (talk, edge):
        await begin(talk, edge)
        unable = await talk.hears(Unable, timeout_s=20.0)
        assert unable.reason == "no-working-call-process"
        assert unable.why == "onIncomingCall failed"
        assert talk.process.wait(20) == 0


async def test_a_key_that_could_not_be_read_ends_the_call() -> None:
    async with call_process("digits.is_new") as (talk, edge):
        await begin(talk, edge)
        await answer(edge)
        await talk.hears(StateReached, which=lambda reached: reached.state is CallState.ANSWERED)
        body = "Signal=5\r\nDuration=160\r\n"
        edge.callee_sends("INFO", "Content-Type: application/dtmf-relay", body=body)
        end = (await talk.hears(CallEnded)).termination
        assert "onDtmfEvent failed" in end.advice


@pytest.mark.parametrize("operation", ["encode", "open"])
async def test_a_codec_that_fails_on_and_on_ends_the_call(operation: str) -> None:
    async with call_process(f"opus.{operation}") as (talk, edge):
        edge.codec = "OPUS"
        await begin(talk, edge)
        await answer(edge)
        end = (await talk.hears(CallEnded)).termination
        assert (end.by, end.reason, end.code) == ("engine", "leg-failed", 500)
        assert f"OPUS.{operation} failed" in end.advice
        text = talk.logged()
        assert text.count(f"OPUS.{operation} failed") == 1
        assert "RuntimeError: provoked" in text


def test_a_packet_may_be_lost_but_not_every_one() -> None:
    def provoked(_: int) -> int:
        raise RuntimeError("provoked")

    now_and_then = callback("int(*)(int)", provoked, name="packets", per_packet=True)
    once = callback("int(*)(int)", provoked, name="rarely")
    since = raised_so_far()
    for _ in range(TOLERATED_PACKETS):
        assert now_and_then(1) == FAILED
    assert failed(since) == ""
    now_and_then(1)
    assert failed(since) == "packets"
    assert failed(raised_so_far()) == ""
    once(1)
    assert failed(since) in ("packets", "rarely")


# No other way in


@cache
def _classes() -> list[tuple[Path, ast.ClassDef]]:
    trees = [(path, ast.parse(path.read_text())) for path in sorted(FOLDER.rglob("*.py"))]
    return [(p, node) for p, tree in trees for node in ast.walk(tree) if _is_class(node)]


def _is_class(node: Any) -> bool:
    return isinstance(node, ast.ClassDef)


def test_whatever_pjsua2_calls_is_contained() -> None:
    """A class of pjsua2's that is derived from without `Contained` first."""
    derived = [
        (path.name, node.name, [ast.unparse(base) for base in node.bases])
        for path, node in _classes()
        if any(ast.unparse(base).startswith("pj.") for base in node.bases)
    ]
    assert {name for _, name, _ in derived} >= {
        "SipCall",
        "CallAccount",
        "PhoneCall",
        "PhoneAccount",
    }
    assert [one for one in derived if one[2][0] != "Contained"] == []


def test_whatever_cffi_calls_is_made_in_one_place() -> None:
    places = [
        path.relative_to(FOLDER).as_posix()
        for path in sorted(FOLDER.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("callback", "def_extern")
        if ast.unparse(node.value) == "ffi"
    ]
    assert places == ["plugins/callbacks.py"]
