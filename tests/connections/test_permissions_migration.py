"""What was allowed before permissions were kept stays allowed; a new row begins with none of it."""

import pytest

from tests.migrating import empty_database, migrate, migrate_to_today

pytestmark = pytest.mark.thorough

__all__ = ["empty_database"]


@pytest.mark.usefixtures("empty_database")
@pytest.mark.parametrize(
    ("before", "model", "key"),
    [
        (("connections", "0006_agent"), "Connection", "sip_user"),
        (("trunks", "0006_refer"), "Trunk", "name"),
    ],
)
def test_an_update_takes_calls_abroad_from_nobody(
    before: tuple[str, str], model: str, key: str
) -> None:
    migrate(before).get_model(before[0], model).objects.create(**{key: "old"})
    rows = migrate_to_today(before[0]).get_model(before[0], model).objects
    row, new = rows.get(**{key: "old"}), rows.create(**{key: "new"})
    assert (row.international, row.premium_rate) == ("all", True)
    assert (new.international, new.premium_rate) == ("none", False)
