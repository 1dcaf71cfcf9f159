"""Connections and their registrations: rules, constraints, passwords."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from connections.models import Connection, Registration
from connections.services import (
    Unwritten,
    delete_expired_registrations,
    registered_count,
    set_password,
    store_registrations,
)
from trunks.models import Trunk

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("sip_user", ["alice", "a", "A.b_c+d-e", "1001", "x" * 64])
def test_a_sip_user_of_the_allowed_characters_is_accepted(sip_user):
    row = Connection(name="n", sip_user=sip_user)
    row.full_clean()
    row.save()
    assert Connection.objects.get().sip_user == sip_user


@pytest.mark.parametrize("sip_user", ["", "a b", "a@b", "alice\n", "ä", "x" * 65, "a;b", "<a>"])
def test_any_other_sip_user_is_refused(sip_user):
    with pytest.raises(ValidationError) as caught:
        Connection(name="n", sip_user=sip_user).full_clean()
    assert "sip_user" in caught.value.message_dict


GOOD_ADDRESSES = [
    "sip:127.0.0.1:5071",
    "sip:alice@pbx.example.org",
    "sip:[2001:db8::1]:5060;transport=tcp",
    "sip:+1202@192.0.2.1;transport=UDP;user=phone",
    "sip:a@b.example;transport=tls",
    "sips:a@b.example",
]
BAD_ADDRESSES = [
    "127.0.0.1:5071",
    "sips:a@b.example;transport=udp",
    "sip:a@b.example;transport=sctp",
    "sip:192.0.2.300",
    "sip:host:0",
    "sip:host:70000",
    "sip:a b@host",
    "sip:host\r\nEvil: 1",
    "sip:-bad-.example",
    "sip:[::g]",
    "sip:",
]


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
def test_a_fixed_address_is_a_sip_uri_we_can_call(address):
    row = Connection(name="n", sip_user="a", address=address)
    row.full_clean()
    row.save()
    assert Connection.objects.get().address == address


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_any_other_fixed_address_is_refused(address):
    with pytest.raises(ValidationError) as caught:
        Connection(name="n", sip_user="a", address=address).full_clean()
    assert "address" in caught.value.message_dict


@pytest.mark.parametrize(
    "values",
    [
        {"sip_user": ""},
        {"concurrent_calls": 0},
        {"ha1_md5": "0" * 32},
        {"ha1_realm": "r", "ha1_sha256": "0" * 64},
        {"ha1b_md5": "0" * 32, "ha1b_sha256": "0" * 64},
    ],
)
def test_the_database_refuses_what_may_not_be(values):
    with pytest.raises(IntegrityError):
        Connection.objects.create(**{"name": "n", "sip_user": "alice", **values})


def test_a_sip_user_is_unique():
    Connection.objects.create(name="n", sip_user="alice")
    with pytest.raises(ValidationError):
        Connection(name="m", sip_user="alice").full_clean()
    with pytest.raises(IntegrityError):
        Connection.objects.create(name="m", sip_user="alice")


def test_a_digest_user_name_has_one_owner_among_connections_and_trunks():
    Trunk.objects.create(name="carrier", in_username="shared")
    with pytest.raises(ValidationError, match="trunk carrier"):
        Connection(name="n", sip_user="shared").full_clean()


def test_a_password_is_kept_as_ha1_of_the_realm_and_nowhere_in_clear(settings):
    settings.VOIPNUMBER_REALM = "example"
    row = Connection(name="n", sip_user="alice")
    assert set_password(connection=row, password="correct horse")
    row.save()
    secret = b"alice:example:correct horse"
    assert row.ha1_md5 == hashlib.md5(secret).hexdigest()
    assert row.ha1_sha256 == hashlib.sha256(secret).hexdigest()
    with_realm = b"alice@example:example:correct horse"
    assert row.ha1b_md5 == hashlib.md5(with_realm).hexdigest()
    assert row.ha1b_sha256 == hashlib.sha256(with_realm).hexdigest()
    assert not set_password(connection=row, password="correct horse")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM connections_connection")
        assert "correct horse" not in str(cursor.fetchall())
    assert row.ha1_md5 not in repr(row)
    assert set_password(connection=row, password="")
    assert row.ha1_md5 == row.ha1_sha256 == row.ha1_realm == ""
    assert row.ha1b_md5 == row.ha1b_sha256 == ""


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def binding(contact: str, *, cseq: int = 1, expires: int = 60, instance: str = "") -> Registration:
    return Registration(
        contact=contact,
        call_id="c",
        cseq=cseq,
        expires_at=NOW + timedelta(seconds=expires),
        flow="udp:127.0.0.1:5071",
        instance=instance,
    )


def test_the_database_holds_one_binding_of_a_device():
    alice = Connection.objects.create(name="n", sip_user="alice")
    rows = [binding(contact, instance="<urn:x>") for contact in ("sip:a", "sip:b")]
    for row in rows:
        row.connection, row.registered_at = alice, NOW
    rows[0].save()
    with pytest.raises(IntegrityError):
        rows[1].save()


def store(sip_user: str, *rows: Registration) -> None:
    key = Connection.objects.get(sip_user=sip_user).pk
    for row in rows:
        row.connection_id, row.registered_at = key, NOW
    store_registrations({key: Unwritten(rows, {})})


def test_a_batch_costs_two_queries_and_one_for_what_it_writes(django_assert_num_queries):
    keys = [Connection.objects.create(name="n", sip_user=f"u{number}").pk for number in range(50)]
    for cseq in range(1, 4):
        rows = {key: binding("sip:a", cseq=cseq) for key in keys}
        for key, row in rows.items():
            row.connection_id, row.registered_at = key, NOW + timedelta(seconds=cseq)
        with django_assert_num_queries(5):  # a savepoint and its release among them
            store_registrations({key: Unwritten((row,), {}) for key, row in rows.items()})
        assert {row.cseq for row in Registration.objects.all()} == {cseq}


def test_a_batch_that_fails_leaves_what_was_there():
    alice = Connection.objects.create(name="n", sip_user="alice")
    store("alice", binding("sip:a"))
    half = [binding("sip:b"), Registration(contact="sip:c", cseq=None, expires_at=NOW)]
    with pytest.raises(IntegrityError), transaction.atomic():
        store("alice", *half)
    assert [row.contact for row in alice.registrations.all()] == ["sip:a"]


def test_counting_and_sweeping_look_at_the_expiry():
    for user in ("alice", "bob"):
        Connection.objects.create(name=user, sip_user=user)
    fresh = [binding("sip:a", expires=60), binding("sip:b", expires=60)]
    store("alice", *fresh)
    store("bob", binding("sip:c", expires=-1))
    assert registered_count(now=NOW) == 1
    assert delete_expired_registrations(now=NOW) == 1
    assert Registration.objects.count() == 2
