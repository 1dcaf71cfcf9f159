"""What pages ask of an engine: a bug in one command costs nobody else anything."""

import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from channels.layers import get_channel_layer

from callengine.core.outcomes import Termination
from callengine.engine.messages.commands import Commands
from callengine.notices import groups
from callengine.notices.commands import HangUpCall, LiftBan, Transfer
from callengine.notices.lab import AskForLab, PlaceLabCall
from tests.peers.waiting import until

CALL = "0123456789abcdef0123456789abcdef"
UUID = "01234567-89ab-cdef-0123-456789abcdef"


class Engine:
    """An engine with one call, whose transfers and laboratory have a bug."""

    def __init__(self) -> None:
        self.calls = {CALL: "the call"}
        self.notes: list[tuple[str, str]] = []
        self.hung_up: list[str] = []
        self.lifted: list[tuple[str, str]] = []
        self.refusals: list[tuple[object, str]] = []

    def note(self, call: str, *, kind: str, leg: str, text: str, at: float) -> None:
        assert (call, leg) == ("the call", "")
        assert abs(at - time.time()) < 60
        self.notes.append((kind, text))

    def hang_up(self, call: str, termination: Termination) -> None:
        assert termination.by == "operator"
        self.hung_up.append(termination.advice)

    def begin(self, call: str, *, to: str, by: str) -> None:
        raise RuntimeError(f"a bug with {to}")

    def lift_ban(self, source: str, user: str) -> None:
        self.lifted.append((source, user))

    def offer(self, asked: AskForLab, *, channel: str) -> None:
        raise KeyError(channel)

    def place(self, asked: PlaceLabCall) -> None:
        raise AssertionError

    def refuse(self, asked: object, why: str) -> None:
        self.refusals.append((asked, why))


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    part = cast("Any", engine)
    commands = Commands(
        book=part,
        assignment=part,
        transfers=part,
        agents=part,
        edge=part,
        lab=part,
        trials=part,
        auditions=part,
        captures=part,
        browsers=part,
    )
    await commands.start()
    layer: Any = get_channel_layer()
    await until(lambda: bool(layer.groups.get(groups.ENGINES)), "it does not listen")
    yield engine
    await commands.stop()


async def test_a_bug_in_a_command_is_told_and_the_next_is_heard(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await groups.tell(groups.ENGINES, Transfer(UUID, to="bob", by="olga"))
    await groups.tell(groups.ENGINES, LiftBan("192.0.2.1", "alice"))
    await groups.tell(groups.ENGINES, HangUpCall(UUID, by="olga"))
    await until(lambda: bool(engine.hung_up), "it hears no more")
    assert engine.lifted == [("192.0.2.1", "alice")]
    assert engine.notes == [
        ("failed", "The engine failed to do what olga asked for; its log says why.")
    ]
    assert "the command Transfer of a page failed" in caplog.text
    assert "a bug with bob" in caplog.text, "the traceback"
    assert "Redis" not in caplog.text


async def test_a_bug_in_the_laboratory_is_told_to_the_page(engine: Engine) -> None:
    asked = AskForLab("page"), PlaceLabCall("page", {}, {}, "olga", 3.0)
    for command in asked:
        await groups.tell(groups.ENGINES, command)
    await until(lambda: len(engine.refusals) == 2, "nobody is told")
    assert engine.refusals == [(each, "The engine failed; its log says why.") for each in asked]


async def test_commands_for_other_engines_and_odd_ones_are_left_alone(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    layer: Any = get_channel_layer()
    await groups.tell(groups.ENGINES, HangUpCall(UUID.replace("0", "f"), by="olga"))
    for odd in ({"command": "hangup"}, {"command": "reboot"}, {}):
        await layer.group_send(groups.ENGINES, {"type": "engine.command", **odd})
    await groups.tell(groups.ENGINES, HangUpCall(UUID, by="olga"))
    await until(lambda: bool(engine.hung_up), "it hears no more")
    assert len(engine.hung_up) == 1
    assert "'hangup': call is missing" in caplog.text
    assert not engine.notes
    assert "Redis" not in caplog.text


async def test_a_channel_layer_that_fails_is_told_from_a_bug(
    engine: Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer: Any = get_channel_layer()

    async def failing(_: str) -> Any:
        raise ConnectionError("gone")

    monkeypatch.setattr(layer, "receive", failing)
    await groups.tell(groups.ENGINES, LiftBan("192.0.2.1", ""))
    await until(lambda: "is Redis up?" in caplog.text, "nothing is said")
    monkeypatch.undo()
    await groups.tell(groups.ENGINES, HangUpCall(UUID, by="olga"))
    await until(lambda: bool(engine.hung_up), "it hears no more")
