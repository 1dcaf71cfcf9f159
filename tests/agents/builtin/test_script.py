"""The words by which a system prompt tells the built-in agent what to do."""

import pytest

from agents.builtin.script import KeyTool, Misdeed, ScriptError, read


def test_a_prompt_for_people_tells_nothing_but_that_0_hangs_up() -> None:
    script = read("You are a friendly agent.\nNever misbehave. Press on, at 5: it works.")
    assert (dict(script.misdeeds), dict(script.keys)) == ({}, {"0": KeyTool("end_call")})


@pytest.mark.parametrize("misdeed", list(Misdeed))
def test_each_misdeed_is_told_by_its_word(misdeed: Misdeed) -> None:
    assert list(read(f"Be bad.\n  Misbehave: {misdeed.upper()}  ").misdeeds) == [misdeed]


def test_several_misdeeds_stand_in_one_line_and_in_many_with_their_seconds() -> None:
    script = read("misbehave: drop 0.5, chunks-300\nmisbehave: binary")
    assert dict(script.misdeeds) == {
        Misdeed.DROP: 0.5,
        Misdeed.CHUNKS_300: 0.0,
        Misdeed.BINARY: 0.0,
    }


def test_keys_call_tools() -> None:
    script = read("on 1: transfer_call sip user\non #: end_call\non 0: transfer_call +12025550100")
    assert dict(script.keys) == {
        "0": KeyTool("transfer_call", "+12025550100"),
        "1": KeyTool("transfer_call", "sip user"),
        "#": KeyTool("end_call"),
    }


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("misbehave: nicely", "'nicely' is not known; allowed: never-ready, "),
        ("misbehave: ", "'' is not known"),
        ("misbehave: drop soon", "'soon' after 'drop' is not allowed; allowed: seconds"),
        ("misbehave: binary 3", "'3' after 'binary' is not allowed"),
        ("on 11: end_call", "'11' is no key; allowed: one of 0 1 2"),
        ("on 1: end_call now", "'end_call now' is not allowed; allowed: end_call, or"),
        ("on 1: transfer_call", "'transfer_call' is not allowed"),
        ("on 1: sing", "'sing' is not allowed"),
    ],
)
def test_a_line_that_cannot_be_obeyed_is_named_with_what_is_allowed(line: str, named: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read(line)
    assert named in str(caught.value)
