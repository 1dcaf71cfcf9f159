"""Calls as far as a test of the call state machine wants them, and what came of them."""

import functools

from callengine.core import effects as fx
from callengine.core.events import (
    LegAnswered,
    LegEnded,
    LegProgress,
)
from callengine.core.machine import CallMachine
from callengine.core.orders import CallOrder, LegOrder, WaveOrder


@functools.cache
def order(*waves: tuple[str, ...], ring_timeout_s: float = 30.0) -> CallOrder:
    return CallOrder(
        call="c",
        edge="127.0.0.1:5999",
        leg_a=LegOrder("A", "ta"),
        waves=tuple(
            WaveOrder(
                tuple(LegOrder(name, f"t{name}", label=f"Phone {name}") for name in wave),
                ("OPUS",),
                ("G722", "PCMU"),
            )
            for wave in waves
        ),
        offered=("OPUS",),
        ring_timeout_s=ring_timeout_s,
        max_duration_s=3600.0,
    )


def started(*waves: tuple[str, ...]) -> CallMachine:
    machine = CallMachine(order(*(waves or (("B",),))), now=100.0)
    machine.start()
    return machine


def ringing() -> CallMachine:
    machine = started()
    machine.handle(LegProgress("B", 180, early_media=False), 101.0)
    return machine


def talking(*waves: tuple[str, ...]) -> CallMachine:
    machine = started(*waves)
    machine.handle(LegAnswered("B"), 102.0)
    return machine


def ended(leg: str, code: int = 200, *, by_peer: bool = True) -> LegEnded:
    return LegEnded(leg, code, "why", by_peer)


def hung_up(effects: list[fx.Effect]) -> list[str]:
    return [effect.leg for effect in effects if isinstance(effect, fx.EndLeg)]


def kinds(effects: list[fx.Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects if not isinstance(effect, fx.Note)]


def termination(effects: list[fx.Effect]) -> tuple[str, str, int]:
    finish = next(effect for effect in effects if isinstance(effect, fx.Finish))
    return finish.termination.by, finish.termination.reason, finish.termination.code


def redirected(leg: str = "B", code: int = 302, *contacts: str) -> LegEnded:
    names = contacts or ("sip:carol@here",)
    return LegEnded(leg, code, "Moved Temporarily", by_peer=True, redirects=names)


CAROL = WaveOrder((LegOrder("B5", "t5", label="Carol"),), ("OPUS",), ("PCMA",))
