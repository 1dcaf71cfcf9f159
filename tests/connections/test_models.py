"""Connections and their registrations: rules, constraints, passwords."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from connections.models import Connection, Registration
from connections.services import (
    change_registrations,
    delete_expired_registrations,
    registered_count,
    set_password,
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


def replace_registrations(*, registrations: list[Registration], **what) -> None:
    change_registrations(change=lambda _: registrations, **what)


def test_replacing_registrations_keeps_exactly_the_given_ones():
    alice = Connection.objects.create(name="n", sip_user="alice")
    replace_registrations(
        sip_user="alice", registrations=[binding("sip:a"), binding("sip:b")], now=NOW
    )
    later = NOW + timedelta(seconds=30)
    replace_registrations(
        sip_user="alice",
        registrations=[binding("sip:a", cseq=2), binding("sip:c"), binding("sip:b")],
        now=later,
    )
    rows = {row.contact: row.registered_at for row in alice.registrations.all()}
    assert rows == {"sip:a": later, "sip:b": NOW, "sip:c": later}
    replace_registrations(sip_user="alice", registrations=[], now=later)
    assert not alice.registrations.exists()


def test_a_registration_refreshed_in_time_keeps_since_when_it_is_there():
    alice = Connection.objects.create(name="n", sip_user="alice")
    expected = {30: NOW, 80: NOW, 200: NOW + timedelta(seconds=200)}
    replace_registrations(sip_user="alice", registrations=[binding("sip:a")], now=NOW)
    for cseq, (after_s, since) in enumerate(expected.items(), start=2):
        again = binding("sip:a", cseq=cseq, expires=after_s + 60)
        now = NOW + timedelta(seconds=after_s)
        replace_registrations(sip_user="alice", registrations=[again], now=now)
        row = alice.registrations.get()
        assert (row.since, row.registered_at) == (since, now)


def test_two_phones_behind_two_routers_may_write_the_same_address():
    alice = Connection.objects.create(name="n", sip_user="alice")
    phones = [binding("sip:a@10.0.0.1", instance=f"<urn:{name}>") for name in "xy"]
    replace_registrations(sip_user="alice", registrations=phones, now=NOW)
    assert alice.registrations.count() == 2


def test_a_device_that_moves_keeps_since_when_it_is_there_and_devices_may_swap_addresses():
    alice = Connection.objects.create(name="n", sip_user="alice")
    places = {"<urn:x>": "sip:a", "<urn:y>": "sip:b"}
    for now, order in ((NOW, 1), (NOW + timedelta(seconds=30), -1)):
        rows = [
            binding(contact, cseq=2 - order, expires=90, instance=instance)
            for instance, contact in zip(places, [*places.values()][::order], strict=True)
        ]
        replace_registrations(sip_user="alice", registrations=rows, now=now)
    stored = {row.instance: (row.contact, row.since) for row in alice.registrations.all()}
    assert stored == {"<urn:x>": ("sip:b", NOW), "<urn:y>": ("sip:a", NOW)}


def test_the_database_holds_one_binding_of_a_device():
    alice = Connection.objects.create(name="n", sip_user="alice")
    rows = [binding(contact, instance="<urn:x>") for contact in ("sip:a", "sip:b")]
    for row in rows:
        row.connection, row.registered_at = alice, NOW
    rows[0].save()
    with pytest.raises(IntegrityError):
        rows[1].save()


def test_a_refresh_costs_three_queries_and_one_for_what_it_writes(django_assert_num_queries):
    Connection.objects.create(name="n", sip_user="alice")
    for cseq in range(1, 4):
        rows = [binding("sip:a", cseq=cseq), binding("sip:b")]
        with django_assert_num_queries(5):  # a savepoint and its release among them
            replace_registrations(sip_user="alice", registrations=rows, now=NOW)
        assert Registration.objects.get(contact="sip:a").cseq == cseq


def test_registrations_of_nobody_are_a_lookup_error():
    with pytest.raises(LookupError, match="bob"):
        replace_registrations(sip_user="bob", registrations=[], now=NOW)


def test_a_failed_replacement_leaves_the_old_ones():
    alice = Connection.objects.create(name="n", sip_user="alice")
    replace_registrations(sip_user="alice", registrations=[binding("sip:a")], now=NOW)
    half = [binding("sip:b"), Registration(contact="sip:c", cseq=None, expires_at=NOW)]
    with pytest.raises(IntegrityError), transaction.atomic():
        replace_registrations(sip_user="alice", registrations=half, now=NOW)
    assert [row.contact for row in alice.registrations.all()] == ["sip:a"]


def test_counting_and_sweeping_look_at_the_expiry():
    for user in ("alice", "bob"):
        Connection.objects.create(name=user, sip_user=user)
    fresh = [binding("sip:a", expires=60), binding("sip:b", expires=60)]
    replace_registrations(sip_user="alice", registrations=fresh, now=NOW)
    replace_registrations(sip_user="bob", registrations=[binding("sip:c", expires=-1)], now=NOW)
    assert registered_count(now=NOW) == 1
    assert delete_expired_registrations(now=NOW) == 1
    assert Registration.objects.count() == 2
