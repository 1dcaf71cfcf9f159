"""Music on hold in a file: the WAV file that it names, beside it."""

from pathlib import Path

from audiocodecs.holdmusic import MAX_BYTES, Music, read_wav
from audiocodecs.models import HoldMusic
from provisioning.problems import Problems
from provisioning.reader import Entry
from provisioning.rows import Rows

SILENCE = "none"


def hold_music(
    name: str, entry: Entry | None, folder: Path | None, problems: Problems
) -> Music | None:
    """Return what a file's `hold_music` plays; None: nothing is named, or it cannot be played.

    It stands beside the configuration, in `folder`; without that none can be read.
    """
    if entry is None or name in ("", SILENCE):
        return None
    if folder is None:
        problems.add(entry, "a file is read by manage.py provision FILE alone", allowed=SILENCE)
        return None
    try:
        with (folder / name).open("rb") as file:
            return read_wav(file.read(MAX_BYTES + 1))
    except OSError as error:
        problems.add(entry, f"{name}: {error.strerror}")
    except ValueError as error:
        problems.add(entry, f"{error}")
    return None


def store_hold_music(rows: Rows, name: str, music: Music | None) -> None:
    """Have this be heard on hold, or silence; nothing is said of it where `name` is empty."""
    row = HoldMusic.objects.filter(pk=HoldMusic.SINGLETON_ID).first()
    if name == SILENCE and row is not None:
        row.delete()
        rows.tell_music("delete", row.name)
    elif music is not None:
        kept = Path(name).name
        if row is None or (row.name, HoldMusic.load()) != (kept, music):
            HoldMusic.keep(kept, music)
            rows.tell_music("update" if row else "create", kept)
