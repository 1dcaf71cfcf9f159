"""The guides for who changes the code: each file and name they send a reader to is there."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/how-it-works.md", "docs/security.md")
NOT_OURS = {".git", ".venv", "node_modules", "data", "__pycache__"}
_CODE = re.compile(r"`([^`]+)`")
_PLACE = re.compile(r"[A-Za-z][\w.-]*(?:/[\w.-]+)*/?")
_ENDINGS = (".py", ".html", ".js", ".css", ".c", ".svg")


def names(text: str) -> Iterator[str]:
    """Yield what a guide names by its place: with a folder, or by the ending of a file."""
    for word in _CODE.findall(text):
        if _PLACE.fullmatch(word) and ("/" in word or word.endswith(_ENDINGS)):
            yield word.rstrip("/")


@pytest.fixture(scope="module")
def places() -> set[str]:
    """Every file and folder by each end of its path, files of Python also without their ending."""
    ends: set[str] = set()
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_OURS]
        parts = Path(folder).relative_to(ROOT).parts
        for name in (*below, *files):
            for path in {name, name.removesuffix(".py")}:
                whole = (*parts, path)
                ends |= {"/".join(whole[at:]) for at in range(len(whole))}
    return ends


@pytest.mark.parametrize("guide", GUIDES)
def test_every_file_that_a_guide_names_is_there(guide: str, places: set[str]) -> None:
    missing = set(names((ROOT / guide).read_text())) - places
    assert not missing


def test_a_file_that_moved_would_be_noticed(places: set[str]) -> None:
    text = "`callengine/directory/entries.py`, `core/gone` and `core/plan.py`, `edge/`, `a word`"
    assert set(names(text)) - places == {"callengine/directory/entries.py", "core/gone"}
