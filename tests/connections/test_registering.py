"""REGISTERs of one user at once lose no binding, on either database."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import services

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "SQLite":
        yield f"sqlite:///{tmp_path / 'database.sqlite3'}"
        return
    with services.Postgres() as postgres:
        yield postgres.url


def test_four_registers_at_once_are_all_kept(database_url: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "voipnumber.settings",
        "SECRET_KEY": "x" * 64,
        "VOIPNUMBER_DATA": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.connections.registering"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout) == [f"sip:alice@192.0.2.{number}" for number in range(4)]
