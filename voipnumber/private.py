"""Files of ours are for this user alone: database, write-ahead log, secret key, whatever is logged.

They hold digests of passwords, sessions, and who called whom.
"""

import logging
import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

UMASK = 0o077
OTHERS = stat.S_IRWXG | stat.S_IRWXO
OURS = (
    "*.sqlite3",
    "*.sqlite3-*",
    "*.log",
    "*.log.*",
    "unwritten-records*",
    "engine-id",
    "secret-key*",
    "*.yaml",
    "*.yml",
)
"Files in the data folder that are ours to close; what else lies there is its owner's."


told: "set[OpenPlace]" = set()
"What this process's system check has said: nothing is said twice."


class OpenPlace(NamedTuple):
    """A file or folder that others on this machine may enter, read or write."""

    path: Path
    mode: int

    @property
    def mend(self) -> str:
        """The command that closes it."""
        mode = "700" if self.path.is_dir() else "600"
        return f"chmod {mode} {shlex.quote(str(self.path))}"


def keep_private() -> None:
    """Have every file that this process and its children make be for this user alone."""
    os.umask(UMASK)


def close_files(folder: Path, database: str = "") -> None:
    """Take the rights of others from files that an earlier version, or somebody, left open."""
    for path in _files(folder, database):
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & OTHERS and not path.is_symlink():
                path.chmod(mode & ~OTHERS)
        except OSError as error:
            # Somebody else's, or gone again: the check tells what is still open.
            logger.debug("cannot close %s: %s", path, error)


def open_places(folder: Path, database: str = "") -> list[OpenPlace]:
    """Return what others may enter, read or write: the data folder, and our files in it."""
    paths: Iterable[Path] = (folder, *_files(folder, database))
    places = []
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & OTHERS:
            places.append(OpenPlace(path, mode))
    return places


def warn(folder: Path, database: str = "") -> None:
    """Log what is open, for servers that run no system checks; those that do have told it."""
    for place in open_places(folder, database):
        if place in told:
            continue
        logger.warning("%s has mode %04o: others may reach it. Run: %s", *place, place.mend)


def _files(folder: Path, database: str) -> Iterator[Path]:
    for pattern in OURS:
        yield from folder.glob(pattern)
    file = Path(database) if database and database != ":memory:" else None
    if file is not None and file.is_absolute() and file.parent != folder:
        # SQLite gives its companions the rights of the database itself.
        yield from (path for path in (file, *file.parent.glob(f"{file.name}-*")) if path.is_file())
