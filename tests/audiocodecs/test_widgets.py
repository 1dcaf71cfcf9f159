"""The picker as a form widget: a text input, and beside it what the browser makes of it."""

import pytest
from django import forms

from audiocodecs.fields import CodecListFormField
from audiocodecs.models import PlatformSettings
from audiocodecs.widgets import CodecListInput

pytestmark = pytest.mark.django_db


class ListForm(forms.Form):
    codecs = CodecListFormField(required=False)


def test_the_text_input_is_there_and_the_lists_wait_hidden() -> None:
    html = str(ListForm(initial={"codecs": ["G722", "PCMA"]})["codecs"])
    assert '<input type="text" name="codecs" value="G722, PCMA"' in html
    assert "data-field-lists hidden" in html
    lists = html[html.index('data-list="selected"') :]
    assert lists.index('data-codec="G722"') < lists.index('data-codec="PCMA"')


def test_nothing_but_the_text_is_sent() -> None:
    html = str(ListForm()["codecs"])
    assert html.count(' name="codecs"') == 1
    assert 'name="codec"' not in html
    assert 'name="follows"' not in html
    assert 'type="submit"' not in html


def test_an_empty_one_shows_the_list_it_falls_back_to() -> None:
    PlatformSettings.objects.create(codecs=["PCMA", "OPUS"])
    html = str(ListForm()["codecs"])
    assert 'data-preset="PCMA,OPUS" data-follow hidden' in html
    assert "Uses the platform list." in html
    platform = CodecListInput(is_platform=True).render("codecs", [])
    assert "Uses the built-in order." in platform
    assert 'data-preset="OPUS,G722,AMR-WB,PCMU,PCMA" data-follow hidden' in platform


@pytest.mark.parametrize("text", ["G722, MP3", "G722 G722", '"><script>'])
def test_text_that_is_no_list_is_left_to_the_person(text: str) -> None:
    form = ListForm({"codecs": text})
    assert not form.is_valid()
    html = str(form["codecs"])
    assert "data-picker" not in html
    assert "<script>" not in html


def test_its_files_come_with_the_form() -> None:
    media = str(ListForm().media)
    for name in ("css/codec.css", "css/picker.css", "js/picker.js", "Sortable.min.js"):
        assert name in media
