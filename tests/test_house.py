"""The house as a whole: no circle of imports, no loose module beside a door, one name one class."""

import ast
import re
import tomllib
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
DOORS = {"__init__", "admin", "apps", "models", "routing", "urls"}
"What Django looks for at the top of an app; everything else has a room."
DJANGOS = {"Command", "Meta", "Migration"}
"Classes named so by Django, which looks for them."
DJANGOS_FOLDERS = {"commands", "management", "migrations", "templatetags"}
VAGUE = {"found", "known", "shown"}
STORED = {"Rejection"}
"A model, and the value whose row it is."


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import between our modules, those for the type checker alone included."""
    return grimp.build_graph(*ROOMS, cache_dir=None)


def test_every_room_stands_between_the_walls_and_has_its_types_checked() -> None:
    walls = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {*walls["root_packages"]} == ROOMS - {"demo"}
    rooms = next(wall["layers"] for wall in walls["contracts"] if "containers" not in wall)
    assert {room for layer in rooms for room in layer.split(" | ")} == ROOMS - {"demo"}
    typed = re.search(r"^packages=\((.*)\)$", (ROOT / "bin/check").read_text(), re.MULTILINE)
    assert typed is not None
    assert set(typed[1].split()) == ROOMS


def circle(graph: grimp.ImportGraph) -> list[str]:
    """Return the modules of one circle of imports, or nothing."""
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_by_way_of_others(graph: grimp.ImportGraph) -> None:
    assert not circle(graph)


def test_a_circle_would_be_noticed() -> None:
    graph = grimp.ImportGraph()
    for module, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")):
        graph.add_import(importer=module, imported=imported)
    assert set(circle(graph)) == {"a", "b", "c"}


@pytest.mark.parametrize("package", ["callengine", "callengine/worker", "dashboard"])
def test_only_doors_stand_at_the_top_of_a_large_package(package: str) -> None:
    assert {path.stem for path in (ROOT / package).glob("*.py")} <= DOORS


def test_every_room_says_what_it_is() -> None:
    """A newcomer who opens a folder reads it in the first file; Django's folders are Django's."""
    silent = {
        str(path.parent.relative_to(ROOT))
        for room in {*ROOMS, "bench"}
        for path in (ROOT / room).rglob("__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    }
    assert {name for name in silent if not DJANGOS_FOLDERS & {*name.split("/")}} == set()


class Said(NamedTuple):
    """What a module says of itself, as far as it is asked here."""

    classes: set[str]
    asked: list[int]
    kept: list[int]
    vague: list[str]


@pytest.fixture(scope="module")
def modules() -> dict[Path, Said]:
    """What each module of ours says: to read them all takes a second."""
    return {path: said(path) for room in ROOMS for path in (ROOT / room).rglob("*.py")}


def said(path: Path) -> Said:
    tree = ast.parse(path.read_text())
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return Said(classes, asked_at_import(tree), tasks_kept_by_hand(tree), vague(tree))


def vague(tree: ast.Module) -> list[str]:
    """Return variables that are named by how one came to what they hold, and their lines."""
    nodes = [*ast.walk(tree)]
    stored = [one for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    named = [(one.id, one.lineno) for one in stored]
    named += [(one.arg, one.lineno) for one in nodes if isinstance(one, ast.arg)]
    return [f"{name}, line {line}" for name, line in named if name in VAGUE]


@pytest.mark.thorough
def test_what_a_variable_holds_is_named_by_a_noun(modules: dict[Path, Said]) -> None:
    assert not {path.name: module.vague for path, module in modules.items() if module.vague}


def test_a_variable_that_is_named_vaguely_would_be_noticed() -> None:
    tree = ast.parse("def f(shown):\n    if (found := shown.found):\n        known: int = found")
    assert vague(tree) == ["found, line 2", "known, line 3", "shown, line 1"]


def test_no_two_classes_have_one_name(modules: dict[Path, Said]) -> None:
    """A reader who searches for a class comes to one place."""
    places: dict[str, set[str]] = defaultdict(set)
    for path, module in modules.items():
        for name in module.classes:
            places[name].add(str(path.relative_to(ROOT)))
    shared = {name: sorted(files) for name, files in places.items() if len(files) > 1}
    assert not {name: shared[name] for name in shared.keys() - DJANGOS - STORED}


def asked_at_import(tree: ast.Module) -> list[int]:
    """Return the lines where settings are read as a module is imported."""
    lines, parts = [], list[ast.AST | None](tree.body)
    for part in parts:
        match part:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                parts += [*part.decorator_list, *part.args.defaults, *part.args.kw_defaults]
            case ast.Lambda():
                parts += [*part.args.defaults, *part.args.kw_defaults]
            case ast.Attribute(value=ast.Name(id="settings"), attr=name, lineno=line):
                if name != "AUTH_USER_MODEL":  # is no matter of the environment
                    lines.append(line)
            case ast.AST():
                parts += ast.iter_child_nodes(part)
    return lines


def test_no_module_keeps_a_setting_as_it_is_imported(modules: dict[Path, Said]) -> None:
    """Tests fork servers that have imported them under other settings (peers/preloaded.py)."""
    servers = {ROOT / "voipnumber/asgi.py"}
    assert {path for path, module in modules.items() if module.asked} == servers


def test_a_setting_that_is_kept_would_be_noticed() -> None:
    kept = ("A = settings.A", "class A:\n    b = f(settings.A)", "def f(a=settings.A): pass")
    late = ("def f(): return settings.A", "f = lambda: settings.A")
    assert [asked_at_import(ast.parse(text)) for text in (*kept, *late)] == [[1], [2], [1], [], []]


def tasks_kept_by_hand(tree: ast.Module) -> list[int]:
    """Return the lines where a set is to forget a task once it is done."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_done_callback"
        and any(isinstance(it, ast.Attribute) and it.attr == "discard" for it in node.args)
    ]


def test_work_that_runs_beside_is_kept_by_those_who_log_its_failure(
    modules: dict[Path, Said],
) -> None:
    """What keeps tasks in a set of its own says nothing of one that failed (loop/tasks.py)."""
    assert {path for path, module in modules.items() if module.kept} == set()


def test_a_task_that_is_kept_by_hand_would_be_noticed() -> None:
    kept = "task = asyncio.create_task(work())\ntasks.add(task)\n"
    assert tasks_kept_by_hand(ast.parse(kept + "task.add_done_callback(self.tasks.discard)")) == [3]
    assert tasks_kept_by_hand(ast.parse(kept + "task.add_done_callback(self.done)")) == []
