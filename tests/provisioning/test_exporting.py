"""What `manage.py provision --export` writes can be applied again, here and elsewhere."""

import pytest
import yaml
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from audiocodecs.models import PlatformSettings
from connections.models import Connection
from provisioning.apply import provision
from provisioning.export import export
from provisioning.problems import ProvisionError
from tests.provisioning.files import DOCUMENTED, everything, exported, run
from trunks.models import Number, Route, RouteTrunk, Trunk

pytestmark = pytest.mark.django_db


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
