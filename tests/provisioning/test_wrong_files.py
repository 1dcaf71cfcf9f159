"""A provision file with anything wrong in it changes nothing, and says all that is wrong."""

import pytest
from django.core.management import CommandError, call_command

from connections.models import Connection
from tests.provisioning.files import everything, run
from trunks.models import Trunk

pytestmark = pytest.mark.django_db

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


def test_a_file_that_is_not_there_or_not_text_is_an_error_of_one_line(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("provision", str(tmp_path / "none.yaml"))
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xff")
    with pytest.raises(CommandError, match=r"latin\.yaml:2: not UTF-8"):
        call_command("provision", str(tmp_path / "latin.yaml"))
