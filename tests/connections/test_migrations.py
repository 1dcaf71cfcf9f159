"""Registrations stored before a rule held are made to fit it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def migrate(*targets: tuple[str, str]) -> Any:
    """Return the models as they are then; after the test the tables are those of today again."""
    return MigrationExecutor(connection).migrate(list(targets)).apps


def migrate_to_today(app: str | None = None) -> None:
    """Bring what is stored by now through all migrations that follow, or those of one app."""
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes(app))


@pytest.mark.django_db(transaction=True)
def test_of_a_device_stored_twice_the_latest_binding_stays() -> None:
    old = migrate(("connections", "0003_caller_id_and_reach"))
    owner = old.get_model("connections", "Connection").objects.create(sip_user="alice")
    for seconds, (contact, instance) in enumerate(
        [("sip:1", "<x>"), ("sip:2", "<x>"), ("sip:3", "<y>"), ("sip:4", ""), ("sip:5", "")]
    ):
        old.get_model("connections", "Registration").objects.create(
            connection=owner,
            contact=contact,
            instance=instance,
            cseq=1,
            expires_at=NOW,
            registered_at=NOW + timedelta(seconds=seconds),
        )
    new = migrate(("connections", "0004_one_binding_an_instance"))
    rows = new.get_model("connections", "Registration").objects
    stored = rows.order_by("contact").values_list("contact", flat=True)
    assert list(stored) == ["sip:2", "sip:3", "sip:4", "sip:5"]
    migrate_to_today("connections")
