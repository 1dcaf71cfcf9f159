"""What may go through a trunk, and how much of it."""

from typing import Any

from django.core.exceptions import ValidationError

from numbering.allowance import ALLOWANCE_FIELDS
from numbering.forms import CountriesToldOnce
from sip.forms import RevisedForm, typed
from trunks.models import Trunk


class TrunkPermissionsForm(CountriesToldOnce, RevisedForm[Trunk]):
    """Calls abroad, premium-rate numbers, and the limits of calls both ways."""

    shown_fields = ALLOWANCE_FIELDS

    class Meta:
        model = Trunk
        fields = ALLOWANCE_FIELDS
        widgets = {"countries": typed(placeholder="GB, FR, DE")}

    def add_error(self, field: str | None, error: Any) -> None:
        """Leave out what the model says of countries that were typed and could not be read."""
        if field is None and isinstance(error, ValidationError) and self.has_error("countries"):
            problems = getattr(error, "error_dict", {})
            problems.pop("countries", None)
            if hasattr(error, "error_dict") and not problems:
                return
        super().add_error(field, error)
