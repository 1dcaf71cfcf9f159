"""What may stand in a connection's fields."""

import re

from django.apps import apps
from django.core.exceptions import ValidationError

from sip.addresses import sip_uri_problem

NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}\Z")
NAME_FORM = "1 to 100 characters on one line"
"What a connection or a template is called, also in files."


def validate_sip_address(value: str) -> None:
    """Raise ValidationError unless this is a `sip:` URI this engine can call."""
    problem = sip_uri_problem(value)
    if problem:
        raise ValidationError(problem, code="invalid")


def validate_unclaimed_by_trunk(value: str) -> None:
    """Raise ValidationError if a trunk already authenticates with this user name.

    Digest credentials are found by user name alone, so a name has one owner.
    """
    # By name: connections and trunks do not import each other.
    trunks = apps.get_model("trunks", "Trunk").objects.filter(in_username=value)
    owner = trunks.first()
    if owner is not None:
        raise ValidationError(
            f"{value!r} is already the IN user name of trunk {owner}", code="claimed"
        )
