"""Databases of a test's own: a file, and a server that can be stopped."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.peers.engine import ROOT
from tests.peers.services import Postgres


@pytest.fixture
def database(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Any:
    """A database file of its own, so that another process can hold its lock."""
    file = tmp_path / "record.sqlite3"
    with django_db_blocker.unblock(), closing(sqlite3.connect(file)) as copied:
        connections["default"].ensure_connection()
        connections["default"].connection.backup(copied)
    values = {**connections["default"].settings_dict, "NAME": str(file)}
    options = {**values.get("OPTIONS", {}), "timeout": 0.2, "transaction_mode": "IMMEDIATE"}
    monkeypatch.setitem(connections.settings, "default", {**values, "OPTIONS": options})
    monkeypatch.setitem(settings.DATABASES, "default", connections.settings["default"])
    with django_db_blocker.unblock():
        before = connections["default"]
        del connections["default"]
        yield file
        connections["default"].close()
        connections["default"] = before


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres(tables_of=ROOT) as postgres:
        yield postgres


@pytest.fixture
def postgres(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[Postgres]:
    """A server with our tables, as the database of this process."""
    values = {**connections["default"].settings_dict, **dj_database_url.parse(server.url)}
    values["OPTIONS"] = {"connect_timeout": 2}
    monkeypatch.setitem(connections.settings, "default", values)
    monkeypatch.setitem(settings.DATABASES, "default", connections.settings["default"])
    with django_db_blocker.unblock():
        before = connections["default"]
        del connections["default"]
        call_command("flush", verbosity=0, interactive=False)
        yield server
        connections["default"].close()
        connections["default"] = before
