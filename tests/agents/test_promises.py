"""The page on voice agents says what holds; each line of it names tests that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## What holds"


def promises() -> list[tuple[str, list[str]]]:
    """Return the lines of the table, and the tests that each names."""
    page = (ROOT / "docs/voice-agents.md").read_text()
    section = page.partition(HEADING)[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if "::" in line]
    return [(row[0].strip(), re.findall(r"`([^`]+)`", row[1])) for row in rows]


def test_each_line_names_tests_that_there_are() -> None:
    assert len(promises()) >= 20
    for what, tests in promises():
        assert tests, what
        for test in tests:
            file, _, name = test.partition("::")
            tree = ast.parse((ROOT / "tests" / file).read_text())
            assert name in {getattr(node, "name", "") for node in ast.walk(tree)}, test
