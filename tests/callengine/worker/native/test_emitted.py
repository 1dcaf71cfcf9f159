"""The declarations as they were written when the extension was built are those that C has."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import _cffi_backend
import cffi
import pytest

from callengine.worker.native import declarations, emitted
from callengine.worker.native.builds import NotBuiltError

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[4]

OPAQUE = (ValueError, cffi.FFIError, _cffi_backend.FFI.error)
"What is raised where the size of a type is asked that has none."


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder in place of the one that bin/setup fills."""
    monkeypatch.setattr(emitted, "BUILT", tmp_path)
    return tmp_path


def parsed() -> Any:
    ffi = cffi.FFI()
    for text in declarations.everything():
        ffi.cdef(text)
    return ffi


def is_complete(ffi: Any, kind: Any) -> bool:
    try:
        return bool(ffi.sizeof(kind))
    except OPAQUE:
        return False


def plain(kind: Any) -> str:
    """Return the name of a type; the two call some by their tag, some by their typedef."""
    return str(kind.cname).replace("struct ", "")


def laid_out(ffi: Any, kind: Any) -> Any:
    """Return all that there is to say of a type: sizes, places, and the same of what it holds."""
    if kind.kind == "struct" and is_complete(ffi, kind):
        fields = [
            (name, one.offset, one.bitshift, one.bitsize, laid_out(ffi, one.type))
            for name, one in kind.fields
        ]
        return kind.kind, ffi.sizeof(kind), ffi.alignof(kind), fields
    if kind.kind == "array":
        return kind.kind, kind.length, laid_out(ffi, kind.item)
    if kind.kind == "enum":
        return kind.kind, sorted(kind.elements.items())
    if kind.kind == "function":
        return kind.kind, plain(kind.result), [plain(one) for one in kind.args], kind.ellipsis
    return kind.kind, plain(kind)


def test_what_is_written_is_what_is_parsed(built: Path) -> None:
    ours, theirs = emitted.read(emitted.write()), parsed()
    typedefs, structures, _ = ours.list_types()
    named = [*typedefs, *(f"struct {name}" for name in structures)]
    assert {"struct vn_way", "struct pjmedia_codec", "pjmedia_codec_param", "vn_opus"} <= set(named)
    for name in named:
        # By a pointer, as some are functions.
        one, other = (ffi.typeof(f"{name} *") for ffi in (ours, theirs))
        assert one.kind == other.kind
        if one.kind == "pointer":
            one, other = one.item, other.item
        assert laid_out(ours, one) == laid_out(theirs, other), name
    assert sorted(ours.list_types()[0]) == sorted(theirs.list_types()[0])


def test_every_function_is_there_as_declared(built: Path) -> None:
    ours, theirs = (ffi.dlopen(None) for ffi in (emitted.read(emitted.write()), parsed()))
    functions = {name for name in dir(ours) if not name.startswith("VN_")}
    assert functions == {name for name in dir(theirs) if not name.startswith("VN_")}
    assert {"vn_relay_begin", "pjsua_call_get_count", "opus_encode"} <= functions


def test_one_of_other_declarations_is_not_loaded(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert emitted.load() is None
    emitted.write()
    assert emitted.load().sizeof("struct vn_way") == 40
    monkeypatch.setattr(declarations, "MEDIA", declarations.MEDIA + "\nint vn_another(void);")
    assert emitted.load() is None
    kept = emitted.write()
    assert list(built.rglob("declared-*")) == [kept]
    assert "vn_another" in dir(emitted.load().dlopen(None))


def test_what_another_process_is_writing_stays(built: Path) -> None:
    theirs = built / "tmp-of-another" / emitted.file().name
    theirs.parent.mkdir()
    theirs.write_text("half of it")
    emitted.write()
    assert theirs.exists()


@pytest.mark.parametrize("text", ["", "ffi = (", "import nowhere_to_be_found"])
def test_one_that_cannot_be_read_is_as_none(built: Path, text: str) -> None:
    emitted.file().write_text(text)
    assert emitted.load() is None


@pytest.mark.parametrize("is_written", [True, False])
def test_a_process_parses_only_what_was_not_written(built: Path, is_written: bool) -> None:
    if is_written:
        emitted.write()
    code = (
        "import sys; from pathlib import Path\n"
        "from callengine.worker.native import emitted; emitted.BUILT = Path(sys.argv[1])\n"
        "from callengine.worker.native import libraries\n"
        "libraries.declare(); libraries.warm()\n"
        "print('pycparser' in sys.modules, libraries.ffi.sizeof('pjmedia_codec_param'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(built)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    size = parsed().sizeof("pjmedia_codec_param")
    assert done.stdout.split() == [str(not is_written), str(size)]


def test_one_that_ends_the_process_is_not_kept(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitted, "_TRY", "import os; os.abort()")
    with pytest.raises(NotBuiltError, match="cffi cannot read"):
        emitted.write()
    assert list(built.iterdir()) == []
