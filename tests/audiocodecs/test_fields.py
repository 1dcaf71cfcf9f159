"""The codec list as a model field, and the one row of platform settings."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from audiocodecs.fields import CodecListFormField
from audiocodecs.models import PlatformSettings

pytestmark = pytest.mark.django_db


def test_a_list_is_stored_with_the_catalogues_names_in_its_order():
    PlatformSettings.objects.create(codecs=["pcma", "opus"])
    assert PlatformSettings.load().codecs == ["PCMA", "OPUS"]


def test_without_a_row_the_defaults_hold():
    row = PlatformSettings.load()
    assert row.codec_names == ("OPUS", "G722", "AMR-WB", "PCMU", "PCMA")
    assert row.external_sip is False


@pytest.mark.parametrize("codecs", [["G723"], ["PCMU", "PCMU"], "PCMU", {"PCMU": 1}, [None]])
def test_a_wrong_list_can_be_saved_by_no_way(codecs):
    with pytest.raises(ValidationError):
        PlatformSettings(codecs=codecs).full_clean()
    with pytest.raises(ValidationError), transaction.atomic():
        PlatformSettings.objects.create(codecs=codecs)
    PlatformSettings.objects.create()
    with pytest.raises(ValidationError):
        PlatformSettings.objects.update(codecs=codecs)


def test_the_error_names_the_value_and_what_is_allowed():
    with pytest.raises(ValidationError, match="'G723' is not a codec known here; allowed: OPUS"):
        PlatformSettings(codecs=["G723"]).full_clean()


def test_there_is_one_row_of_platform_settings_and_no_second():
    PlatformSettings.objects.create()
    with pytest.raises(IntegrityError):
        PlatformSettings.objects.create(id=2)


def test_loading_the_platform_settings_is_one_query(django_assert_num_queries):
    PlatformSettings.objects.create(codecs=["PCMU"])
    with django_assert_num_queries(1):
        assert PlatformSettings.load().codec_names == ("PCMU",)


def test_the_form_field_reads_and_shows_names_in_order():
    field = CodecListFormField(required=False)
    assert field.clean("pcma,  OPUS G722") == ["PCMA", "OPUS", "G722"]
    assert field.clean("") == []
    assert field.prepare_value(["PCMA", "OPUS"]) == "PCMA, OPUS"
    assert not field.has_changed(["PCMA", "OPUS"], "PCMA OPUS")
    assert field.has_changed(["PCMA", "OPUS"], "OPUS PCMA")
    with pytest.raises(ValidationError, match="G723"):
        field.clean("PCMA, G723")


def test_the_column_holds_json_text():
    PlatformSettings.objects.create(codecs=["PCMU"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT codecs FROM audiocodecs_platformsettings")
        assert cursor.fetchone()[0] in ('["PCMU"]', ["PCMU"])
