"""An empty database beside the tests' own, to bring through some migrations and no others."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoDbBlocker


@pytest.fixture
def empty_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Have the default connection lead to a database without tables until the test is over."""
    with django_db_blocker.unblock():
        usual = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = ":memory:"
        connection.connect()
        try:
            yield
        finally:
            connection.connection.close()  # Django keeps one in memory open
            connection.connection = None
            connection.settings_dict["NAME"] = usual


def migrate(*targets: tuple[str, str]) -> Any:
    """Go to these migrations and what they need; return the models as they are then."""
    return MigrationExecutor(connection).migrate(list(targets)).apps


def migrate_to_today(app: str) -> Any:
    """Bring what is stored through all migrations of an app that follow; return its models."""
    return migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes(app))
