"""Forms of trunks. They convert and validate; services save."""

from trunks.forms.inside import TrunkInForm
from trunks.forms.numbers import TrunkNumbersForm, TryNumberForm
from trunks.forms.outside import OUT_SETTINGS, GatewayForm, GatewayShareForm, TrunkOutForm
from trunks.forms.permissions import TrunkPermissionsForm
from trunks.forms.trunk import TrunkAddForm, TrunkForm, TrunkNameForm

__all__ = [
    "OUT_SETTINGS",
    "GatewayForm",
    "GatewayShareForm",
    "TrunkAddForm",
    "TrunkForm",
    "TrunkInForm",
    "TrunkNameForm",
    "TrunkNumbersForm",
    "TrunkOutForm",
    "TrunkPermissionsForm",
    "TryNumberForm",
]
