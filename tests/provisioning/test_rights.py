"""Passwords, user names and permissions in provision files that are applied over older ones."""

import re

import pytest
from django.core.management import CommandError

from connections.models import Connection
from sip.digest import kept_ha1
from tests.provisioning.files import DOCUMENTED, run
from trunks.models import Trunk

pytestmark = pytest.mark.django_db


def test_a_file_without_permissions_takes_calls_abroad_from_nobody(tmp_path):
    """Files from before there were any are applied again and again."""
    run(tmp_path, DOCUMENTED)
    Connection.objects.update(international="all", premium_rate=True)
    older = re.sub(r"\n    (international|countries):.*", "", DOCUMENTED)
    assert run(tmp_path, older) == "0 changes\n"
    alice = Connection.objects.get()
    assert (alice.international, alice.premium_rate, alice.countries) == ("all", True, ["GB", "NO"])


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ("    international: yes", "international", "none, listed, all"),
        ("    countries: [UK]", "countries", "two-letter country codes"),
        ("    daily_minutes: 0", "daily_minutes", "a whole number from 1"),
        ("home_country: NO", "home_country", "put it in quotes"),
        ("time_zone: Oslo", "time_zone", "tz database"),
    ],
)
def test_a_permission_that_is_none_is_named(tmp_path, line, key, allowed):
    head = "" if line.startswith(" ") else f"{line}\n"
    text = f"{head}connections:\n  - sip_user: alice\n{line if not head else ''}\n"
    with pytest.raises(CommandError) as error:
        run(tmp_path, text)
    assert key in str(error.value)
    assert allowed in str(error.value)


def test_changed_user_names_make_the_old_digest_worthless(tmp_path):
    run(tmp_path, DOCUMENTED)
    out = run(tmp_path, "trunks: [{name: carrier-one, in: {username: other}}]")
    assert "note: trunk carrier-one has an IN user name but no password" in out
    assert Trunk.objects.get().in_ha1_md5 == ""


def test_two_trunks_may_swap_their_user_names(tmp_path):
    first = """\
trunks:
  - {name: a, in: {username: ua, password: pa}}
  - {name: b, in: {username: ub, password: pb}}
"""
    run(tmp_path, first)
    swapped = first.replace("ua, password: pa", "X").replace("ub, password: pb", "ua, password: pa")
    run(tmp_path, swapped.replace("X", "ub, password: pb"))
    assert dict(Trunk.objects.values_list("name", "in_username")) == {"a": "ub", "b": "ua"}
    for trunk in Trunk.objects.all():
        password = "p" + trunk.in_username[1]
        realm = trunk.in_ha1_realm
        hashes = kept_ha1(username=trunk.in_username, realm=realm, password=password)[1:3]
        assert (trunk.in_ha1_md5, trunk.in_ha1_sha256) == hashes


def test_applying_a_password_again_keeps_what_an_older_version_did_not(tmp_path):
    file = """\
connections:
  - {sip_user: alice, password: correct horse}
trunks:
  - {name: a, in: {username: ua, password: pa}}
"""
    run(tmp_path, file)
    Connection.objects.update(ha1b_md5="", ha1b_sha256="")
    Trunk.objects.update(in_ha1b_md5="", in_ha1b_sha256="")
    assert "2 changes" in run(tmp_path, file)
    realm = Connection.objects.get().ha1_realm
    kept = kept_ha1(username="alice", realm=realm, password="correct horse")
    row = Connection.objects.get()
    assert (row.ha1b_md5, row.ha1b_sha256) == (kept.with_realm_md5, kept.with_realm_sha256)
    assert Trunk.objects.get().in_ha1b_md5
    assert "0 changes" in run(tmp_path, file)
