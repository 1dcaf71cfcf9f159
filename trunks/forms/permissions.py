"""What may go through a trunk, and how much of it."""

from numbering.allowance import ALLOWANCE_FIELDS
from sip.forms import RevisedForm, typed
from trunks.models import Trunk


class TrunkPermissionsForm(RevisedForm[Trunk]):
    """Calls abroad, premium-rate numbers, and the limits of calls both ways."""

    shown_fields = ALLOWANCE_FIELDS

    class Meta:
        model = Trunk
        fields = ALLOWANCE_FIELDS
        widgets = {"countries": typed(placeholder="GB, FR, DE")}
