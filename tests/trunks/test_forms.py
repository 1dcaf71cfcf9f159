"""What is saved from a trunk's forms while somebody else saves another one."""

import pytest
from django.http import QueryDict

from dashboard.parts.saving import is_stored
from sip.forms import RevisedForm
from tests.dashboard.carriers import carrier
from trunks.forms import TrunkInForm, TrunkOutForm
from trunks.models import Trunk
from trunks.services import HA1_FIELDS, set_in_password

pytestmark = pytest.mark.django_db


def posted(form: RevisedForm[Trunk], **values: str) -> QueryDict:
    """Return what a browser sends of a form that was shown."""
    data = QueryDict(mutable=True)
    shown = {name: form[name].value() for name in form.fields}
    data.update({name: value for name, value in shown.items() if value} | values)
    return data


def test_a_password_set_between_reading_and_saving_stays() -> None:
    mine = carrier()
    outward = TrunkOutForm(posted(TrunkOutForm(instance=mine)), instance=mine)
    theirs = Trunk.objects.get(pk=mine.pk)
    theirs.out_password = "theirs"
    theirs.save(update_fields=["out_password"])
    assert is_stored(outward)
    assert Trunk.objects.get(pk=mine.pk).out_password == "theirs"


def test_a_digest_set_between_reading_and_saving_stays() -> None:
    mine = carrier(in_allowed_addresses=["192.0.2.1/32"])
    shown = TrunkInForm(instance=mine)
    inward = TrunkInForm(posted(shown, in_allowed_addresses="192.0.2.1\n192.0.2.2"), instance=mine)
    theirs = Trunk.objects.get(pk=mine.pk)
    set_in_password(trunk=theirs, password="theirs theirs")
    theirs.save(update_fields=HA1_FIELDS)
    assert is_stored(inward), inward.errors
    stored = Trunk.objects.get(pk=mine.pk)
    assert stored.in_ha1_md5 == theirs.in_ha1_md5
    assert len(stored.in_allowed_addresses) == 2


def test_a_password_typed_is_saved() -> None:
    mine = carrier()
    data = posted(TrunkOutForm(instance=mine), new_out_password="new password")
    assert is_stored(TrunkOutForm(data, instance=mine))
    assert Trunk.objects.get(pk=mine.pk).out_password == "new password"
