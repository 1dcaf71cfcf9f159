"""What cffi reads of C is read before call processes are forked, not by each of them again."""

import ast
from pathlib import Path

from callengine import worker
from callengine.worker.native import libraries

READERS = {"callback", "cast", "new", "sizeof", "typeof"}
CFFI = {"ffi", "libraries.ffi"}


def types_named(tree: ast.Module) -> set[str]:
    """Return the C types that a module names: `ffi.new("int *")`, `callback("...", ...)`."""
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and call.args
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        if _reads_c(call.func)
    }


def _reads_c(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "callback"
    return (
        isinstance(function, ast.Attribute)
        and function.attr in READERS
        and ast.unparse(function.value) in CFFI
    )


def test_every_type_is_read_before_call_processes_are_forked() -> None:
    folder = Path(worker.__file__).parent
    named = set().union(*(types_named(ast.parse(p.read_text())) for p in folder.rglob("*.py")))
    assert {"int *", "pjmedia_send_rtp *"} <= named
    assert named - set(libraries._TYPES) == set()
