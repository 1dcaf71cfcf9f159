"""The table of terminations and rejections is the code's, and each row names a test there is."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from callengine.core.reasons import BANS, REJECTIONS, TERMINATIONS, TRANSFERS, Reason, Rule

ROOT = Path(__file__).resolve().parents[3]
WORDS = {*TERMINATIONS, *REJECTIONS, *TRANSFERS, *BANS}
COMPOSED = {"connection-disabled", "trunk-disabled", "caller-without-media", "callee-without-media"}
COMPOSED |= {f"{who}-{how}" for who in ("caller", "callee") for how in ("hung-up", "lost")}
"Written as f-strings: who stands first."


def tables() -> dict[str, list[list[str]]]:
    """Return the rows of the page, by heading."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in (ROOT / "docs/terminations.md").read_text().splitlines():
        heading = line.removeprefix("## ") if line.startswith("## ") else heading
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found.setdefault(heading, []).append(cells)
    return found


def words(rows: list[list[str]]) -> list[str]:
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[0])]


@cache
def nodes() -> tuple[ast.Attribute | ast.Constant, ...]:
    """Return what the code names and writes out."""
    return tuple(
        node
        for file in (ROOT / "callengine").rglob("*.py")
        if file.name != "reasons.py" and "migrations" not in file.parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute | ast.Constant)
    )


def said() -> set[str]:
    """Return the words the code gives to terminations, rejections and their like."""
    enums = {"Reason": Reason, "Rule": Rule}
    return {
        enums[node.value.id][node.attr].value
        for node in nodes()
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and node.value.id in enums
    }


def constants() -> set[str]:
    return {
        node.value
        for node in nodes()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def names(file: str) -> set[str]:
    """Return the names of what a module of tests defines."""
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {getattr(node, "name", "") for node in ast.walk(tree)}


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Terminations", TERMINATIONS),
        ("Rejections", REJECTIONS),
        ("Transfers", TRANSFERS),
        ("Bans", BANS),
    ],
)
def test_the_page_has_a_row_for_each_word_and_no_other(heading, expected):
    assert sorted(words(tables()[heading])) == sorted(expected)


def test_every_word_stands_in_a_table():
    assert {*Reason, *Rule, *BANS} == WORDS


@pytest.mark.thorough
def test_whatever_stands_in_the_table_is_said_by_the_code():
    assert said() | constants() & {*BANS} >= WORDS - COMPOSED, WORDS - COMPOSED - said()


def test_no_word_is_written_out_where_it_is_said():
    # Also a kind of line on the timeline; also when an agent stands in for a connection.
    told = {Reason.TRANSFER_FAILED, Rule.NOT_REGISTERED}
    assert not constants() & {word for word in (*Reason, *Rule) if "-" in word} - told


def test_codes_of_the_page_are_those_of_the_list():
    for row in tables()["Rejections"]:
        for word in words([row]):
            code = 0 if row[1] == "none" else int(row[1])
            assert REJECTIONS[word] == (code,), word


def test_each_row_names_a_test_that_exists():
    for rows in tables().values():
        for row in rows:
            file, _, name = row[-1].strip("`").partition("::")
            assert name in names(file), row[-1]
