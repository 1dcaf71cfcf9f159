"""A name of a class means one thing, wherever in the call engine it is read."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sip", "audiocodecs", "connections", "trunks", "callengine", "provisioning")
DJANGOS = {"Meta", "Command", "Migration"}
"Named so by Django, which looks for them."
STORED = {"Rejection"}
"A model, and the value whose row it is."


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for file in (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(file.relative_to(ROOT)))
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert not {name: shared[name] for name in shared.keys() - DJANGOS - STORED}
