"""`manage.py provision`: what a file says is what holds, and holds when it is applied again."""

import pytest
from django.core.management import CommandError
from django.forms.models import model_to_dict

from audiocodecs.models import PlatformSettings
from connections.models import Connection
from sip.digest import kept_ha1
from tests.provisioning.files import DOCUMENTED, everything, exported, run
from trunks.models import Number, Route, Trunk

pytestmark = pytest.mark.django_db


def test_the_documented_file_is_applied(tmp_path, settings):
    assert run(tmp_path, DOCUMENTED).endswith("5 changes\n")
    platform = PlatformSettings.load()
    assert platform.codecs == ["OPUS", "G722", "AMR-WB", "PCMU", "PCMA"]
    assert platform.external_sip
    assert (platform.home_country, platform.time_zone) == ("US", "Europe/Oslo")
    alice = Connection.objects.get()
    values = model_to_dict(alice)
    assert values == {
        "id": alice.pk,
        "name": "Alice",
        "sip_user": "alice",
        "enabled": True,
        "inbound_codecs": ["G722", "PCMU", "PCMA"],
        "force_on_caller": False,
        "outbound_codecs": ["OPUS", "G722"],
        "address": "sip:127.0.0.1:5071",
        "concurrent_calls": 2,
        "caller_id": "rewrite",
        "agent": None,
        "agent_when": "not-registered",
        "template": None,
        "ring_timeout_s": 25,
        "holds_back_early_media": False,
        "srtp": "allowed",
        "avoids_transcoding": True,
        "international": "listed",
        "countries": ["GB", "NO"],
        "premium_rate": False,
        "calls_per_second": None,
        "daily_minutes": 600,
        "max_duration_s": None,
    }
    realm = settings.VOIPNUMBER_REALM
    hashes = kept_ha1(username="alice", realm=realm, password="correct horse")[1:3]
    assert (alice.ha1_realm, alice.ha1_md5, alice.ha1_sha256) == (realm, *hashes)
    trunk = Trunk.objects.get()
    assert trunk.in_allowed_addresses == ["127.0.0.9/32"]
    assert trunk.media_also_from == ["198.51.100.64/26"]
    assert trunk.concurrent_calls == 30
    assert trunk.srtp == "required"
    assert trunk.avoids_transcoding
    assert platform.avoids_transcoding
    assert (trunk.in_username, trunk.out_username, trunk.out_password) == ("u", "u", "p")
    assert trunk.in_ha1_md5 == kept_ha1(username="u", realm=realm, password="p").md5
    assert trunk.in_codecs == trunk.out_codecs == ["G722", "PCMU", "PCMA"]
    gateway = trunk.gateways.get()
    assert (gateway.uri, gateway.priority) == ("sip:127.0.0.1:5090;transport=udp", 1)
    assert Number.objects.get().connection == alice
    assert list(Route.objects.get().trunks.all()) == [trunk]


def test_applied_again_it_changes_nothing(tmp_path):
    run(tmp_path, DOCUMENTED)
    before = everything()
    assert run(tmp_path, DOCUMENTED) == "0 changes\n"
    assert everything() == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(tmp_path):
    out = run(tmp_path, DOCUMENTED, "--dry-run")
    assert "create connection alice" in out
    assert out.endswith("5 changes, not applied (--dry-run)\n")
    assert not any(everything().values())


def test_only_what_differs_is_written_and_said(tmp_path):
    run(tmp_path, DOCUMENTED)
    changed = (
        DOCUMENTED.replace("force_on_caller: false", "force_on_caller: true")
        .replace('"correct horse"', '"battery staple"')
        .replace("priority: 1", "priority: 2")
        .replace("external_sip: true", "external_sip: false")
    )
    assert run(tmp_path, changed).splitlines() == [
        "update settings of the platform: external_sip",
        "update connection alice: force_on_caller, password",
        "update trunk carrier-one: gateways",
        "3 changes",
    ]


def test_a_key_left_out_is_at_its_default_but_passwords_stay(tmp_path):
    run(tmp_path, DOCUMENTED)
    before = Connection.objects.get()
    Connection.objects.update(enabled=False)
    run(tmp_path, "connections: [{sip_user: alice}]")
    after = Connection.objects.get()
    assert (after.name, after.address, after.concurrent_calls) == ("alice", "", None)
    assert (after.inbound_codecs, after.outbound_codecs) == ([], [])
    assert after.ha1_md5 == before.ha1_md5
    assert after.enabled is False
    assert Trunk.objects.exists()
    run(tmp_path, "connections: [{sip_user: alice, enabled: true}]")
    assert Connection.objects.get().enabled is True


def test_what_a_file_does_not_name_is_left_alone_unless_pruned(tmp_path):
    run(tmp_path, DOCUMENTED)
    other = """\
connections: [{sip_user: bob, password: b}]
numbers: [{number: "7", to: "connection:bob"}]
"""
    run(tmp_path, other)
    assert Connection.objects.count() == Number.objects.count() == 2
    out = run(tmp_path, other, "--prune")
    assert "delete connection alice" in out
    assert "delete number +12025550100" in out
    assert Connection.objects.get().sip_user == "bob"
    assert Trunk.objects.count() == Route.objects.count() == 1


def test_pruning_what_is_still_used_is_refused(tmp_path):
    run(tmp_path, DOCUMENTED)
    with pytest.raises(CommandError, match="cannot be pruned"):
        run(tmp_path, "trunks: []", "--prune")
    assert Trunk.objects.exists()


@pytest.mark.parametrize("text", ["", "# nothing\n", "connections: []\nroutes: []\n"])
def test_a_file_that_says_nothing_changes_nothing(tmp_path, text):
    assert run(tmp_path, text) == "0 changes\n"


def test_a_number_may_lead_to_a_test_destination(tmp_path):
    file = 'numbers:\n  - {number: "600", to: "test:echo"}\n'
    run(tmp_path, file)
    assert Number.objects.get().selftest == "echo"
    assert '{number: "600", to: "test:echo"}' in exported()
    assert run(tmp_path, exported()).endswith("0 changes\n")
    with pytest.raises(CommandError, match="test:echo, test:tone, test:codec, test:delay"):
        run(tmp_path, file.replace("echo", "noise"))
    elsewhere = "connections: [{sip_user: bob}]\n" + file.replace("test:echo", "connection:bob")
    run(tmp_path, elsewhere)
    assert Number.objects.get().selftest == ""
