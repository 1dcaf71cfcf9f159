"""What is made once for a run, and copied by each of its test processes: migrated databases."""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.peers.clerk import Clerk

SHARED = "TESTS_READYMADE"
"Names the folder to the test processes of a run; without one a process has its own."
_own: list["tempfile.TemporaryDirectory[str]"] = []


def share() -> Path:
    """Have the processes that this one starts share a folder until it ends; return it."""
    folder = _folder()
    os.environ[SHARED] = str(folder)
    return folder


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return what `make` has made, in this process or in another, at the path it was given."""
    ready = _folder() / name
    with (_folder() / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not ready.exists():
            unfinished = ready.with_name(f"{name}.unfinished")
            make(unfinished)
            unfinished.rename(ready)
    return ready


def migrated_sqlite(root: Path) -> Path:
    """Return a file of SQLite with the tables of a checkout."""

    def make(file: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="voipnumber-") as data:
            migrate(root, {"VOIPNUMBER_DATA": data})
            shutil.copy(Path(data) / "voipnumber.sqlite3", file)

    return made_once(f"{root.as_posix().replace('/', '-')}.sqlite3", make)


def migrate(root: Path, settings: dict[str, str]) -> None:
    """Make the tables of a checkout where these settings say."""
    ours = ("VOIPNUMBER_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    clerk = Clerk(root, {**inherited, "SECRET_KEY": secrets.token_hex(32), **settings})
    try:
        done = clerk.run("migrate", "--verbosity", "0")
    finally:
        clerk.stop()
    assert done.status == 0, f"{done.stdout}\n{done.stderr}"


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder with its owners."""
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=True)


def _folder() -> Path:
    if shared := os.environ.get(SHARED):
        return Path(shared)
    if not _own:
        _own.append(tempfile.TemporaryDirectory(prefix="voipnumber-ready-"))
    return Path(_own[0].name)
