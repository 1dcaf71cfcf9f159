"""The C declarations as a module of Python, so that a process need not parse them.

cffi parses them in a quarter of a second of processor time, and each fork server would. `build`
writes the module beside the media extension; its name holds the digest of what it was made of, so
that one of other declarations, or of another cffi, is never loaded: then they are parsed.
"""

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import _cffi_backend

from callengine.worker.native import declarations
from callengine.worker.native.builds import BUILT, TIMEOUT_S, NotBuiltError

_NAME = "declared"
_ROOT = Path(__file__).parents[3]
_TRY = "import sys; from callengine.worker.native import emitted; emitted.read(sys.argv[1])"


def file() -> Path:
    """Return where the module of the declarations as they are lies, written or not."""
    digest = hashlib.sha256(_cffi_backend.__version__.encode())
    for text in declarations.everything():
        digest.update(b"\0" + text.encode())
    return BUILT / f"{_NAME}-{digest.hexdigest()[:20]}.py"


def load() -> Any:
    """Return cffi's view of the declarations, or None if it was not written or cannot be read."""
    try:
        return read(file())
    except (OSError, ImportError, SyntaxError, AttributeError):
        return None


def read(path: Path | str) -> Any:
    """Return cffi's view of what such a module declares.

    Every structure is made now: cffi 2.1 aborts the process where the first thing asked for is a
    function that takes a structure, of which a member is such a function.
    """
    spec = importlib.util.spec_from_file_location(_NAME, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, structures, _ = module.ffi.list_types()
    for name in structures:
        module.ffi.typeof(f"struct {name}")
    return module.ffi


def write() -> Path:
    """Return the module, written if it is not there; OSError or NotBuiltError if it cannot be."""
    import cffi

    wanted = file()
    if wanted.exists():
        return wanted
    ffi = cffi.FFI()
    for text in declarations.everything():
        ffi.cdef(text)
    ffi.set_source(_NAME, None)
    BUILT.mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        made = Path(folder) / wanted.name
        ffi.emit_python_code(str(made))
        _try(made)
        made.chmod(0o644)
        made.replace(wanted)
    # And what Python has compiled of them. What lies in other folders another process is writing.
    for old in (*BUILT.glob(f"{_NAME}-*.py"), *BUILT.glob(f"__pycache__/{_NAME}-*.pyc")):
        if old != wanted:
            old.unlink(missing_ok=True)
    return wanted


def _try(made: Path) -> None:
    """Have it read in a process of its own: what cffi cannot read may be that process's end."""
    done = subprocess.run(  # noqa: S603 (our own interpreter and file)
        [sys.executable, "-B", "-c", _TRY, str(made)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        raise NotBuiltError(f"cffi cannot read what it has written:\n{done.stderr.strip()}")
