"""No test in a browser looks at a page that is not at rest, and none but once at what changes.

Apart from those tests: `bin/test --quick` does not collect them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.browser.pages import PAGES

HERE = Path(__file__).parent / "browser"
LOOKS = {
    *("all_inner_texts", "all_text_contents", "get_attribute", "inner_html", "inner_text"),
    *("input_value", "is_checked", "is_disabled", "is_enabled", "is_hidden", "is_visible"),
    "text_content",
}
"What tells how a page is at this moment, and for which `expect` has a word that waits."


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call of a method in a module, and the method's name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr


def test_the_pages_of_the_rail_are_looked_at() -> None:
    assert {"calls", "call", "settings", "users"} <= PAGES.keys()


def test_pages_are_come_to_by_way_of_what_waits_for_their_rest() -> None:
    ways = [
        f"{path.name}:{call.lineno} {name}"
        for path in sorted(HERE.glob("*.py"))
        if path.name != "settling.py"
        for call, name in calls(path)
        if name in ("goto", "reload")
    ]
    assert ways == [], "arrive and arrive_again wait until a page is at rest"


def hasty(source: str) -> list[str]:
    """Return the looks at a page which an assertion makes, at the one moment it is run."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Assert):
            continue
        for call in ast.walk(node.test):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                counts = call.func.attr == "count" and not call.args
                if counts or call.func.attr in LOOKS:
                    found.append(f"{node.lineno} {call.func.attr}")
    return found


def test_no_assertion_looks_at_a_page_but_once() -> None:
    found = {path.name: hasty(path.read_text()) for path in sorted(HERE.glob("*.py"))}
    assert {name: looks for name, looks in found.items() if looks} == {}, "expect(...) waits"


def test_an_assertion_that_looks_but_once_would_be_noticed() -> None:
    assert hasty("assert page.locator('p').inner_text() == 'a'") == ["1 inner_text"]
    assert hasty("assert not await button.is_visible()") == ["1 is_visible"]
    assert hasty("assert page.locator('p').count() == 2") == ["1 count"]
    assert hasty("assert text.count('a') == 2") == []
