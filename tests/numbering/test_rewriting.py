"""Dial plan patterns, what numbers become by them, and which calls they let through."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbering.filters import FilterError, read_filter, refused_by
from numbering.patterns import Pattern
from numbering.rewriting import MAX_NUMBER, RuleError, read_rule, rewrite


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("1001", ["1001"], ["1002", "100", "10011", ""]),
        ("NXXNXXXXXX", ["2025550100"], ["1025550100", "202555010", "20255501000"]),
        ("Z.", ["12", "9x"], ["1", "01", ""]),
        ("+44.", ["+441"], ["+44", "44123"]),
        ("+44!", ["+44", "+441"], ["+4"]),
        (".", ["1", "bob"], [""]),
        ("!", ["", "1"], []),
        ("*6X", ["*61"], ["*6", "61"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], does_not: list[str]) -> None:
    read = Pattern.read(pattern)
    assert [number for number in (*fits, *does_not) if read.matches(number)] == fits


RULES = [
    read_rule(text)
    for text in (
        "112 -> 112",
        "9|. -> $",
        "00|. -> +$",
        "0|Z. -> +44$",
        "+1|NXXNXXXXXX -> $",
        "1XXX -> +12025550100",
        "NXXXXXXXX. -> e164:GB",
        "+44. -> national:GB",
        "*|XX -> 7$9",
    )
]


@pytest.mark.parametrize(
    ("number", "becomes"),
    [
        ("112", "112"),
        ("902079460018", "02079460018"),  # the first that fits, and no other after it
        ("0012025550100", "+12025550100"),
        ("02079460018", "+442079460018"),
        ("+12025550100", "2025550100"),
        ("1001", "+12025550100"),
        ("2079460018", "+442079460018"),
        ("+442079460018", "02079460018"),
        ("*12", "7129"),
        ("bob", "bob"),
        ("", ""),
    ],
)
def test_what_a_number_becomes(number: str, becomes: str) -> None:
    assert rewrite(number, RULES, "").number == becomes


def test_the_rule_that_fitted_is_told() -> None:
    assert rewrite("902079", RULES, "").rule == "9|. -> $"
    assert not rewrite("bob", RULES, "").rule


def test_a_number_that_cannot_be_read_stays_and_says_so() -> None:
    rewritten = rewrite("12", [read_rule("X. -> e164")], "GB")
    assert (rewritten.number, rewritten.problem) == ("12", "12 cannot be read so: X. -> e164")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0. +44", "no rule"),
        ("", "no rule"),
        ("0|. -> a b", "no result"),
        ("0|. -> ", "no result"),
        ("0|. -> $$", "no result"),
        ("0| -> x", "after |"),
        ("0.|5 -> $", "no pattern"),
        ("(0+)+ -> $", "no pattern"),
        ("0|. -> e164:UK", "GB is meant?"),
        ("X" * 200 + " -> 1", "no rule"),
    ],
)
def test_a_rule_that_is_none_is_named(text: str, what: str) -> None:
    with pytest.raises(RuleError, match="allowed: ") as error:
        read_rule(text)
    assert what in str(error.value)


@given(st.text(max_size=3 * MAX_NUMBER))
def test_no_number_and_no_rule_is_too_odd(text: str) -> None:
    assert len(rewrite(text[:MAX_NUMBER], RULES, "GB").number) <= MAX_NUMBER
    for read in (read_rule, read_filter):
        with contextlib.suppress(RuleError, FilterError):
            read(text)


def test_a_long_table_and_a_hostile_number_cost_little() -> None:
    table = [read_rule("X" * 63 + ". -> $")] * 200
    begun = time.process_time()
    for _ in range(100):
        rewrite("1" * MAX_NUMBER, table, "")
    assert time.process_time() - begun < 5


FILTERS = [
    read_filter(text)
    for text in (
        "deny caller +881!",
        "allow called +4420.",
        "deny called +442079!",
        "allow called 1XXX",
    )
]


@pytest.mark.parametrize(
    ("caller", "called", "why"),
    [
        ("+12025550100", "+442079460018", ""),  # the first that fits decides
        ("+12025550100", "1001", ""),
        ("", "1001", ""),
        ("+8812345", "1001", "the filter `deny caller +881!` refuses +8812345"),
        ("+12025550100", "+33140000000", "no filter allows the called +33140000000"),
    ],
)
def test_filters(caller: str, called: str, why: str) -> None:
    assert refused_by(FILTERS, caller=caller, called=called) == why


@pytest.mark.parametrize(
    "text", ["", "allow", "permit called 1", "deny callee 1", "deny called (1)"]
)
def test_a_filter_that_is_none_is_named(text: str) -> None:
    with pytest.raises(FilterError, match="allowed: "):
        read_filter(text)
