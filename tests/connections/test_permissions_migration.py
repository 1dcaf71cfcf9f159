"""What was allowed before permissions were kept stays allowed; a new row begins with none of it."""

from typing import Any

import pytest
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from connections.models import Connection
from tests.connections.test_migrations import migrate
from trunks.models import Trunk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("before", "model", "key"),
    [
        (("connections", "0006_agent"), Connection, "sip_user"),
        (("trunks", "0006_refer"), Trunk, "name"),
    ],
)
def test_an_update_takes_calls_abroad_from_nobody(
    before: tuple[str, str], model: Any, key: str
) -> None:
    latest = MigrationExecutor(database).loader.graph.leaf_nodes()
    try:
        old = migrate(before).get_model(before[0], model.__name__)
        old.objects.create(**{key: "old"})
    finally:
        migrate(*latest)
    row, new = model.objects.get(**{key: "old"}), model.objects.create(**{key: "new"})
    assert (row.international, row.premium_rate) == ("all", True)
    assert (new.international, new.premium_rate) == ("none", False)
