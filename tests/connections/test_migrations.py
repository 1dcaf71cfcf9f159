"""Registrations stored before a rule held are made to fit it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.migrating import empty_database, migrate

__all__ = ["empty_database"]

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.usefixtures("empty_database")
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
