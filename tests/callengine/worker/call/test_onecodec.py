"""When the caller's leg takes the callee's codec, and what is said of it."""

import pytest

from callengine.core.orders import LegOrder
from callengine.worker.call.onecodec import OneCodec
from tests.callengine.worker.memory import MemoryParty

OURS = ("OPUS", "G722", "PCMU")


def party(name: str, allowed: tuple[str, ...], offered: tuple[str, ...]) -> MemoryParty:
    one = MemoryParty(LegOrder(name, "t"), allowed, lambda *_: None)
    one.offered = offered
    return one


@pytest.mark.parametrize(
    ("offered", "answered", "preferred"),
    [
        (OURS, ("PCMU",), "PCMU"),
        (OURS, ("PCMA", "PCMU"), "PCMU"),  # the first of our list, which is re-offered
        (OURS, ("OPUS",), ""),
        (OURS, (), ""),
        (("OPUS",), ("PCMU",), ""),
        ((), ("PCMU",), ""),
    ],
)
def test_only_a_codec_of_both_that_is_not_first_anyway(
    offered: tuple[str, ...], answered: tuple[str, ...], preferred: str
) -> None:
    notes: list[str] = []
    legs = {"A": party("A", OURS, offered), "B": party("B", ("PCMU", "OPUS", "PCMA"), answered)}
    one = OneCodec(legs, lambda kind, leg, text: notes.append(f"{kind} {leg} {text}"))
    one.add(LegOrder("B", "t", avoids_transcoding=True))
    one.describe("B")
    assert legs["A"].preferred == preferred
    said = "matched A Matched: PCMU on both legs, so nothing is transcoded; "
    assert notes == ([f"{said}OPUS would have been first."] if preferred else [])


def test_the_caller_is_answered_once_and_only_as_the_leg_was_asked() -> None:
    legs = {name: party(name, OURS, ("PCMU",)) for name in ("B", "B2")}
    legs["A"] = party("A", OURS, OURS)
    one = OneCodec(legs, lambda *_: None)
    one.add(LegOrder("B", "t"))
    one.add(LegOrder("B2", "t", avoids_transcoding=True))
    one.describe("B")
    one.describe("B2")
    assert not legs["A"].preferred
