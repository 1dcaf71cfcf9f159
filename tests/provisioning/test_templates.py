"""Connection templates in files: written, read, followed, left."""

from pathlib import Path

import pytest

from connections.models import Connection
from connections.templates import ConnectionTemplate
from provisioning.apply import provision
from provisioning.csvform import table, to_yaml
from provisioning.problems import ProvisionError
from tests.provisioning.files import exported, run

pytestmark = pytest.mark.django_db
FILE = """\
connection_templates:
  - name: Desk phones
    inbound: {codecs: [G722, PCMU], force_on_caller: true}
    outbound: {codecs: [PCMA]}
connections:
  - {sip_user: ann, name: Ann, template: Desk phones}
  - {sip_user: ben, name: Ben}
"""


def lists(user: str) -> tuple[list[str], bool, list[str]]:
    row = Connection.objects.get(sip_user=user)
    return row.inbound_codecs, row.force_on_caller, row.outbound_codecs


def applied(text: str, **options: bool) -> list[str]:
    return [str(change) for change in provision(text=text, file="f", **options).changes]


def test_an_export_holds_templates_and_who_follows_them(tmp_path: Path) -> None:
    run(tmp_path, FILE)
    assert lists("ann") == (["G722", "PCMU"], True, ["PCMA"])
    text = exported()
    assert run(tmp_path, text, "--prune").endswith("0 changes\n")
    assert 'template: "Desk phones"' in text or "template: Desk phones" in text
    Connection.objects.all().delete()
    ConnectionTemplate.objects.all().delete()
    run(tmp_path, text)
    assert lists("ann") == (["G722", "PCMU"], True, ["PCMA"])
    assert exported() == text


def test_a_template_that_a_file_changes_changes_who_follows_it_alone() -> None:
    applied(FILE)
    changed = applied(FILE.replace("[PCMA]", "[OPUS]"))
    assert changed == ["update connection template Desk phones: outbound_codecs"]
    assert lists("ann")[2] == ["OPUS"]
    assert lists("ben") == ([], False, [])


def test_who_leaves_in_the_file_that_changes_the_template_has_what_the_file_says() -> None:
    applied(FILE)
    own = "inbound: {codecs: [G722, PCMU]}"
    text = FILE.replace("template: Desk phones", own).replace("codecs: [G722, PCMU], f", "f")
    applied(text)
    assert lists("ann") == (["G722", "PCMU"], False, [])


def test_a_template_that_a_file_leaves_out_is_pruned_and_leaves_nobody_without_lists() -> None:
    applied(FILE)
    text = "connection_templates: []\n" + FILE[FILE.index("connections:") :]
    with pytest.raises(ProvisionError, match="there is no template 'Desk phones'"):
        applied(text, prune=True)
    applied(text.replace(", template: Desk phones", ""), prune=True)
    assert ConnectionTemplate.objects.count() == 0
    assert lists("ann") == ([], False, [])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("template: Desk phones", "template: Sofas", "there is no template 'Sofas'"),
        (
            "template: Desk phones",
            "template: Desk phones, outbound: {codecs: [PCMU]}",
            "it follows a template, which gives it its lists",
        ),
        ("[PCMA]", "[G999]", "G999"),
        ("  - name: Desk phones\n    in", "  - in", "the key name is missing"),
        ("outbound: {codecs: [PCMA]}\n", "outboud: {}\n", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, words: str) -> None:
    with pytest.raises(ProvisionError, match=words):
        provision(text=FILE.replace(old, new), file="f")
    assert Connection.objects.count() == 0


def test_a_table_keeps_a_template_unless_it_has_other_lists() -> None:
    applied(FILE)
    sheet = "".join(",".join(map(str, cells)) + "\n" for cells in table())
    assert "ann,Ann,yes,G722 PCMU,yes,PCMA,,Desk phones\n" in sheet
    assert applied(to_yaml(sheet, "f")) == []
    without = sheet.replace(",template", "").replace(",Desk phones", "")
    assert applied(to_yaml(without.replace("ben,Ben,yes,,no,,,", "ben,Ben,yes,,no,,"), "f")) == []
    applied(to_yaml("sip_user,outbound\nann,OPUS\n", "f"))
    assert lists("ann") == (["G722", "PCMU"], True, ["OPUS"])
    assert Connection.objects.get(sip_user="ann").template is None


def test_a_table_has_connections_follow_and_leave() -> None:
    applied(FILE)
    applied(to_yaml("sip_user,template,inbound\nann,,G722 PCMU\nben,Desk phones,OPUS\n", "f"))
    assert [row.sip_user for row in ConnectionTemplate.objects.get().connections.all()] == ["ben"]
    assert lists("ann") == lists("ben") == (["G722", "PCMU"], True, ["PCMA"])
    with pytest.raises(ProvisionError, match="there is no template 'Sofas'"):
        applied(to_yaml("sip_user,template\nann,Sofas\n", "f"))
