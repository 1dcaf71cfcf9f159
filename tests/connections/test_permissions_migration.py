"""What was allowed before permissions were kept stays allowed; a new row begins with none of it."""

from typing import Any

import pytest

from connections.models import Connection
from tests.connections.test_migrations import migrate, migrate_to_today
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
    migrate(before).get_model(before[0], model.__name__).objects.create(**{key: "old"})
    migrate_to_today()
    row, new = model.objects.get(**{key: "old"}), model.objects.create(**{key: "new"})
    assert (row.international, row.premium_rate) == ("all", True)
    assert (new.international, new.premium_rate) == ("none", False)
