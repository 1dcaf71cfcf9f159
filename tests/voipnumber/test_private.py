"""What is stored is for one user alone, whatever the umask and whoever left it open."""

import os
import stat
from pathlib import Path

import pytest
from django.test import override_settings

from tests.peers.engine import Engine
from tests.voipnumber.test_process import run
from voipnumber import private
from voipnumber.checks import check_private_files


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_a_running_engine_makes_nothing_that_others_may_read() -> None:
    before = os.umask(0)
    try:
        with Engine({}, own_migrations=True) as engine:
            found = modes(engine.folder / "data")
    finally:
        os.umask(before)
    assert {"voipnumber.sqlite3", "voipnumber.sqlite3-wal", "voipnumber.sqlite3-shm"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & private.OTHERS} == {}


def test_what_was_left_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    names = ["voipnumber.sqlite3", "voipnumber.sqlite3-wal", "secret-key", "engine.log"]
    for name in names:
        (tmp_path / name).touch(0o644)
        (tmp_path / name).chmod(0o664)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.touch()
    elsewhere.chmod(0o644)
    run(tmp_path, "manage.py", "check", SECRET_KEY="k" * 50)
    found = modes(tmp_path)
    assert [found[name] for name in names] == [0o600] * 4
    assert found["elsewhere.txt"] == 0o644, "not ours"


def test_a_database_elsewhere_is_closed_too(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "calls.db"
    for path in (file, tmp_path / "calls.db-wal"):
        path.touch()
        path.chmod(0o644)
    run(data, "manage.py", "check", DATABASE_URL=f"sqlite:///{file}")
    found = modes(tmp_path)
    assert (found["calls.db"], found["calls.db-wal"], found["data"]) == (0o600, 0o600, 0o700)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711])
def test_an_open_data_folder_is_warned_of_with_the_command(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    said = run(tmp_path, "manage.py", "check").stderr
    assert "voipnumber.W006" in said
    assert f"{tmp_path} has mode {mode:04o}" in said
    assert f"chmod 700 {tmp_path}" in said
    # What daphne's own command says, which runs no checks.
    said = run(tmp_path, "-c", "import voipnumber.asgi").stderr
    assert f"{tmp_path} has mode {mode:04o}: others may reach it. Run: chmod 700" in said


def test_a_closed_one_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with override_settings(VOIPNUMBER_DATA=tmp_path, SQLITE_FILE=""):
        assert check_private_files(None) == []
    assert "W006" not in run(tmp_path, "manage.py", "check").stderr


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "others.txt"
    other.touch()
    other.chmod(0o644)
    data = tmp_path / "data"
    data.mkdir()
    (data / "engine.log").symlink_to(other)
    private.close_files(data)
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
