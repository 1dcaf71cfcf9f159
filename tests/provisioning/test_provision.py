"""`manage.py provision`: what a file says is what holds, twice over, or nothing changes."""

import io
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.forms.models import model_to_dict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from audiocodecs.models import PlatformSettings
from connections.models import Connection
from provisioning.apply import provision
from provisioning.export import export
from provisioning.problems import ProvisionError
from sip.digest import kept_ha1
from trunks.models import Gateway, Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db

DOCUMENTED = """\
platform_codecs: [OPUS, G722, AMR-WB, PCMU, PCMA]     # optional
external_sip: true        # optional
home_country: US
time_zone: Europe/Oslo
connections:
  - sip_user: alice
    name: Alice
    password: "correct horse"
    inbound: {codecs: [G722, PCMU, PCMA], force_on_caller: false}
    outbound: {codecs: [OPUS, G722]}
    address: "sip:127.0.0.1:5071"      # optional
    concurrent_calls: 2                # optional
    ring_timeout_s: 25
    srtp: allowed
    international: listed
    countries: [GB, "NO"]
    daily_minutes: 600
trunks:
  - name: carrier-one
    in:  {allowed_addresses: [127.0.0.9/32], username: u, password: p, codecs: [G722, PCMU, PCMA]}
    out: {gateways: [{uri: "sip:127.0.0.1:5090;transport=udp", priority: 1}], username: u, password: p, codecs: [G722, PCMU, PCMA]}
    concurrent_calls: 30               # optional
    media_also_from: [198.51.100.64/26]
    srtp: required
numbers:
  - {number: "+12025550100", to: "connection:alice"}
routes:
  - {prefix: "+44", trunks: [carrier-one]}
"""  # noqa: E501


def run(tmp_path: Path, text: str, *options: str) -> str:
    file = tmp_path / "office.yaml"
    file.write_text(text)
    out = io.StringIO()
    call_command("provision", str(file), *options, stdout=out)
    return out.getvalue()


def everything() -> dict:
    models = (PlatformSettings, Connection, Trunk, Gateway, Number, Route, RouteTrunk)
    return {
        model.__name__: [
            {field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields}
            for row in model.objects.order_by("pk")
        ]
        for model in models
    }


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
        "ring_timeout_s": 25,
        "srtp": "allowed",
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
    assert (trunk.in_username, trunk.out_username, trunk.out_password) == ("u", "u", "p")
    assert trunk.in_ha1_md5 == kept_ha1(username="u", realm=realm, password="p").md5
    assert trunk.in_codecs == trunk.out_codecs == ["G722", "PCMU", "PCMA"]
    gateway = trunk.gateways.get()
    assert (gateway.uri, gateway.priority) == ("sip:127.0.0.1:5090;transport=udp", 1)
    assert Number.objects.get().connection == alice
    assert list(Route.objects.get().trunks.all()) == [trunk]


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


WRONG = {
    "unknown key": ("conections: []", "1: conections: unknown key; allowed: platform_codecs,"),
    "unknown inner key": (
        "connections:\n  - sip_user: a\n    pasword: hunter2",
        "3: connections[0].pasword = (hidden): unknown key; allowed: sip_user, name,",
    ),
    "unknown codec": (
        "connections:\n  - sip_user: a\n    inbound:\n      codecs: [PCMU,\n        G723]",
        "5: connections[0].inbound.codecs[1] = 'G723': 'G723' is not a codec known here; "
        "allowed: OPUS,",
    ),
    "codec twice": ("platform_codecs: [PCMU, pcmu]", "1: platform_codecs[1] = 'pcmu': PCMU is in"),
    "empty codecs": ("platform_codecs: []", "1: platform_codecs: a codec list cannot be empty"),
    "null codecs": ("platform_codecs:", "1: platform_codecs = None: not a list"),
    "duplicate key": (
        "external_sip: true\nexternal_sip: true",
        "2: external_sip: duplicate key; it stands on line 1 already",
    ),
    "duplicate user": (
        "connections:\n  - sip_user: a\n  - sip_user: a",
        "3: connections[1].sip_user = 'a': duplicate sip_user; it stands on line 2 already",
    ),
    "duplicate number": (
        'numbers:\n  - {number: "1", to: "trunk:t"}\n  - {number: "1", to: "trunk:t"}\n'
        "trunks: [{name: t}]",
        "3: numbers[1].number = '1': duplicate number",
    ),
    "dangling number": (
        'connections: [{sip_user: bob}]\nnumbers:\n  - {number: "1", to: "connection:al"}',
        "3: numbers[0].to = 'connection:al': there is no connection 'al'; allowed: bob, kept",
    ),
    "dangling route": (
        'routes:\n  - {prefix: "+44", trunks: [x]}',
        "2: routes[0].trunks[0] = 'x': there is no trunk 'x'; allowed: none yet",
    ),
    "route to nothing": (
        'routes: [{prefix: "1", trunks: []}]',
        "1: routes[0].trunks: a route needs",
    ),
    "strange target": (
        'numbers: [{number: "1", to: alice}]',
        "1: numbers[0].to = 'alice': not allowed here; allowed: connection:SIP_USER, trunk:NAME, "
        "agent:NAME, test:echo, test:tone, test:codec, test:delay",
    ),
    "number unquoted": (
        "numbers: [{number: +1202, to: 'connection:a'}]",
        "1: numbers[0].number = 1202: a number where text belongs; put it in quotes",
    ),
    "wrong type": ("external_sip: 1", "1: external_sip = 1: a number; allowed: true, false"),
    "section not a list": ("connections: {a: b}", "1: connections: not a list"),
    "not a mapping": ("- a", "1: not a mapping; allowed: keys platform_codecs"),
    "missing key": ("connections:\n  - name: A", "2: connections[0]: the key sip_user is missing"),
    "bad user": ("connections: [{sip_user: a b}]", "= 'a b': not allowed here; allowed: 1 to 64"),
    "bad address": ("connections: [{sip_user: a, address: x}]", "'x' is not a SIP URI"),
    "no calls": (
        "connections: [{sip_user: a, concurrent_calls: 0}]",
        "concurrent_calls = 0: not allowed here; allowed: a whole number from 1",
    ),
    "true calls": ("connections: [{sip_user: a, concurrent_calls: true}]", "a whole number from 1"),
    "bad network": (
        "trunks: [{name: t, in: {allowed_addresses: [10.0.0.1/8]}}]",
        "'10.0.0.1/8' is not allowed: the network is written 10.0.0.0/8; allowed: an IP address",
    ),
    "host name for media": (
        "trunks: [{name: t, media_also_from: [media.example]}]",
        "'media.example' is not allowed; allowed: an IP address or a network",
    ),
    "password without user": (
        "trunks: [{name: t, out: {password: hunter2}}]",
        "trunks[0].out.password = (hidden): a password without username",
    ),
    "number as password": (
        "connections: [{sip_user: a, password: 12345}]",
        "password = (hidden): a number where text belongs",
    ),
    "user name of two": (
        "connections: [{sip_user: u}]\ntrunks:\n  - {name: t, in: {username: u, password: p}}",
        "3: trunks[0].in.username = 'u': the user name belongs to connection u already",
    ),
    "not YAML": ("a: [b\nc: d: e", "not YAML: "),
    "tab": ("a:\n\tb: c", "2: not YAML: "),
    "control character": ("a: \x07", "not YAML"),
    "two documents": ("external_sip: true\n---\nexternal_sip: true", "2: not YAML: "),
    "endless alias": ("connections: &a [*a]", "1: "),
    "python object": ("external_sip: !!python/object/apply:os.system [id]", "external_sip"),
    "bad date": ("external_sip: 2026-13-45", "not YAML that can be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_file_line_key_value_and_allowed(tmp_path, name):
    Connection.objects.create(name="Kept", sip_user="kept")
    before = everything()
    text, said = WRONG[name]
    with pytest.raises(CommandError) as caught:
        run(tmp_path, text)
    message = str(caught.value)
    assert said in message
    assert message.startswith(str(tmp_path / "office.yaml") + ":")
    assert "hunter2" not in message
    assert "12345" not in message
    assert message.endswith("Nothing was changed.")
    assert everything() == before


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_lines(tmp_path):
    text = "external_sip: 7\nconnections:\n  - {sip_user: a b}\n  - {sip_user: c, x: y}\n"
    with pytest.raises(CommandError) as caught:
        run(tmp_path, text)
    lines = [line.split(":")[1] for line in str(caught.value).splitlines()[:-1]]
    assert lines == ["1", "3", "4"]


def test_a_user_name_in_the_database_is_seen_too(tmp_path):
    Trunk.objects.create(name="t", in_username="u")
    with pytest.raises(CommandError, match="IN user name of trunk t"):
        run(tmp_path, "connections: [{sip_user: u}]")


@pytest.mark.parametrize("text", ["", "# nothing\n", "connections: []\nroutes: []\n"])
def test_a_file_that_says_nothing_changes_nothing(tmp_path, text):
    assert run(tmp_path, text) == "0 changes\n"


def test_a_file_that_is_not_there_or_not_text_is_an_error_of_one_line(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("provision", str(tmp_path / "none.yaml"))
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xff")
    with pytest.raises(CommandError, match=r"latin\.yaml:2: not UTF-8"):
        call_command("provision", str(tmp_path / "latin.yaml"))


def exported() -> str:
    out = io.StringIO()
    call_command("provision", "--export", stdout=out)
    return out.getvalue()


def test_an_export_holds_everything_but_secrets_and_changes_nothing(tmp_path):
    run(tmp_path, DOCUMENTED)
    Connection.objects.create(name='"B\\ob" ü 😀', sip_user="bob", enabled=False)
    trunk = Trunk.objects.create(name="bare", in_allowed_addresses=["gw.example.org", "::/0"])
    Number.objects.create(number="100", trunk=trunk)
    Route.objects.create(prefix="00")
    text = exported()
    for secret in ("correct horse", "password: p", Connection.objects.first().ha1_md5):
        assert secret not in text
    before = everything()
    assert run(tmp_path, text).endswith("0 changes\n")
    assert run(tmp_path, text, "--prune").count("delete") == 1  # the route that leads nowhere
    before["Route"] = [row for row in before["Route"] if row["prefix"] != "00"]
    assert everything() == before


def test_an_export_can_be_taken_elsewhere_and_asks_for_passwords(tmp_path):
    run(tmp_path, DOCUMENTED)
    text = exported()
    for model in (Number, RouteTrunk, Route, Trunk, Connection, PlatformSettings):
        model.objects.all().delete()
    out = run(tmp_path, text)
    assert "note: trunk carrier-one has an IN user name but no password" in out
    assert exported().replace("\n", "") == "".join(
        line for line in text.splitlines() if not line.strip().startswith("# password")
    )


def test_an_export_to_a_file_never_overwrites_one(tmp_path):
    file = tmp_path / "out.yaml"
    call_command("provision", str(file), "--export")
    assert yaml.safe_load(file.read_text())["external_sip"] is False
    with pytest.raises(CommandError, match="exists"):
        call_command("provision", str(file), "--export")


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30
)


class AnyNameSurvives(HypothesisTestCase):
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(names, st.lists(st.sampled_from(["OPUS", "G722", "PCMU"]), unique=True))
    def test_export_and_import(self, name, codecs):
        Connection.objects.create(sip_user="a", name=name, inbound_codecs=codecs)
        assert provision(text=export(), file="f").changes == []

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(st.text(max_size=60))
    def test_no_text_breaks_the_reader(self, text):
        try:
            outcome = provision(text=text, file="f")
        except ProvisionError as error:
            assert all(str(problem).startswith("f:") for problem in error.problems)  # noqa: PT017
        else:
            assert outcome.changes == []


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
