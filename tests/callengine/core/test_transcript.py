"""What caller and agent said: lines that grow keep their place, and all of it has a bound."""

import pytest

from callengine.core import transcript
from callengine.core.snapshot import SpokenSnapshot
from callengine.core.transcript import Transcript


def said(text: str, *, who: str = "agent", is_final: bool = True, at: str = "1") -> SpokenSnapshot:
    return {
        "number": 0,
        "at": at,
        "leg": "B",
        "who": who,
        "text": text,
        "is_final": is_final,
        "is_interrupted": False,
    }


def test_a_line_of_the_same_key_takes_the_place_of_the_former_until_it_is_final() -> None:
    lines = Transcript()
    first = lines.take(said("Hel", is_final=False, at="1"), key="r1")
    lines.take(said("What?", who="caller", at="2"), key="c1")
    grown = lines.take(said("Hello.", at="3"), key="r1")
    assert (first["number"], grown["number"]) == (1, 1)
    assert (grown["text"], grown["at"]) == ("Hello.", "1")
    assert lines.take(said("Again."), key="r1")["number"] == 3


def test_caller_and_agent_may_use_one_key() -> None:
    lines = Transcript()
    lines.take(said("one", is_final=False), key="1")
    other = lines.take(said("two", who="caller", is_final=False), key="1")
    assert (other["number"], other["text"]) == (2, "two")


def test_what_never_became_final_is_so_at_the_end() -> None:
    lines = Transcript()
    lines.take(said("I was about", is_final=False), key="1")
    lines.take(said("done"), key="2")
    assert [(line["text"], line["is_final"]) for line in lines.unfinished()] == [
        ("I was about", True)
    ]
    assert lines.unfinished() == []


def test_lines_beyond_the_bound_are_counted_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MAX_LINES", 2)
    lines = Transcript()
    open_ = lines.take(said("a", is_final=False), key="a")
    lines.take(said("b"), key="b")
    for word in ("c", "d"):
        lines.take(said(word, is_final=False), key=word)
        last = lines.take(said(word), key=word)
    assert (last["number"], last["who"], last["text"]) == (3, "left-out", "And 2 more not kept.")
    assert lines.take(said("a.", is_final=True), key="a")["number"] == open_["number"]
    assert lines.count == 3


def test_characters_have_a_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MAX_CHARACTERS", 10)
    lines = Transcript()
    for text in ("1", "12", "123456"):
        taken = lines.take(said(text, is_final=False), key="grows")
    assert taken["text"] == "123456"
    assert lines.take(said("x" * 9), key="next")["text"] == "xxxx"
    assert lines.take(said("more"), key="last")["who"] == "left-out"
