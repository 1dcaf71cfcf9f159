"""The servers that tests share hold the same, whoever starts them."""

from pathlib import Path

import psycopg
import pytest

from tests.peers import readymade, services

pytestmark = pytest.mark.skipif(not services.available(), reason="needs PostgreSQL and Redis")
STORED = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"


@pytest.mark.parametrize("locale", ["C", "nowhere.UTF-8"])
def test_a_cluster_is_the_same_in_every_locale(
    locale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the caller's that has no letters but ASCII's, and one that is not installed."""
    monkeypatch.setenv(readymade.SHARED, str(tmp_path))
    monkeypatch.setenv("LC_ALL", locale)
    with services.Postgres() as postgres, psycopg.connect(postgres.url) as connection:
        stored = set(connection.execute(STORED).fetchall())
    assert stored == {("UTF8", "C.UTF-8", "C.UTF-8")}
