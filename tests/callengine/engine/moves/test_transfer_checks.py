"""Which calls are not transferred now, each with its own rule."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from callengine.engine.moves import transfers


def call(**more: Any) -> Any:
    facts = {
        "process": object(),
        "snapshot": {"state": "answered"},
        "plan": SimpleNamespace(lab=None),
        "transfer_ended_at": float("-inf"),
        "labels": {"A": "", "B": ""},
    }
    return SimpleNamespace(**{**facts, **more})


def rule_against(one: Any) -> str:
    """Return what refuses to have it transferred, or nothing."""
    try:
        transfers._check(one)
    except transfers._RefusedError as refused:
        return str(refused).rpartition("Rule: ")[2].removesuffix(".")
    return ""


REFUSED = {
    "call-not-answered": {"snapshot": {"state": "ringing"}},
    "lab-call": {"plan": SimpleNamespace(lab={"by": "somebody"})},
    "transfers-too-fast": {},
    "too-many-transfers": {"labels": {f"B{n}": "" for n in range(transfers.MAX_LEGS)}},
}


@pytest.mark.parametrize(("rule", "facts"), REFUSED.items(), ids=REFUSED)
def test_a_call_that_is_not_transferred_now(rule: str, facts: dict[str, Any]) -> None:
    if rule == "transfers-too-fast":  # this test's own time, however long ago the module was read
        facts = {"transfer_ended_at": time.monotonic()}
    assert rule_against(call(**facts)) == rule


def test_a_call_that_talks_is_transferred() -> None:
    assert rule_against(call()) == ""
