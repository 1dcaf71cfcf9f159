"""Compile the media extension; bin/setup runs `python -m callengine.worker.native.build`.

One library a state of the sources: its name holds their digest, so what was built of others is
never loaded. Beside it `emitted` writes what cffi is to know. Prints why it could not be built, and
ends with status 1 then.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from callengine.worker.native.builds import BUILT, TIMEOUT_S, NotBuiltError

HERE = Path(__file__).resolve().parent
FLAGS = (
    *("-std=gnu11", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing"),
    *("-Wall", "-Wextra", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"),
)
LINK = ("-shared", "-pthread", "-Wl,-z,now", "-Wl,-z,relro", "-lm", "-ldl")


def sources() -> list[Path]:
    """Return the C files, in an order that does not change."""
    return sorted(HERE.rglob("*.c"))


def library() -> Path:
    """Return where the library of the sources as they are lies, built or not."""
    digest = hashlib.sha256(repr((FLAGS, LINK, platform.machine())).encode())
    for file in sorted(HERE.rglob("*.[ch]")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return BUILT / f"media-{digest.hexdigest()[:20]}.so"


def compiler() -> tuple[str, ...]:
    """Return the command of the system's compiler, else of ziglang if that is installed."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if name and (program := shutil.which(name)):
            return (program,)
    try:
        import ziglang  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise NotBuiltError(
            "no C compiler is here. As root: apt-get install --no-install-recommends gcc libc6-dev"
            "; or without: .venv/bin/python -m pip install ziglang"
        ) from None
    return (str(Path(ziglang.__file__).parent / "zig"), "cc")


def build() -> Path:
    """Return the library, compiled if it is not there; NotBuiltError with what failed."""
    wanted = library()
    if wanted.exists():
        return wanted
    BUILT.mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        made = Path(folder) / wanted.name
        compile_into(made, *FLAGS)
        made.chmod(0o755)
        made.replace(wanted)
    for old in BUILT.glob("media-*.so"):
        if old != wanted:
            old.unlink(missing_ok=True)
    return wanted


def compile_into(made: Path, *flags: str) -> None:
    """Compile and link all of it; NotBuiltError with what the compiler said."""
    command = [*compiler(), *flags, *map(str, sources()), "-o", str(made), *LINK]
    try:
        done = subprocess.run(  # noqa: S603 (the compiler, our own files)
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuiltError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise NotBuiltError(f"{command[0]} failed:\n{done.stderr.strip()}")


def main(arguments: list[str]) -> int | str:
    """Build it, and write the declarations as cffi reads them; return the status, or why not."""
    from callengine.worker.native import emitted

    if arguments == ["--is-built"]:
        return int(not (library().exists() and emitted.file().exists()))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # cffi says where it writes
            emitted.write()
        build()
    except (NotBuiltError, OSError) as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
