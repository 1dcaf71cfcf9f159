"""Forms of trunks. They convert and validate; services save."""

from trunks.forms.inside import TrunkInForm
from trunks.forms.numbers import TrunkNumbersForm, TryNumberForm
from trunks.forms.outside import GatewayForm, TrunkOutForm
from trunks.forms.permissions import TrunkPermissionsForm
from trunks.forms.trunk import TrunkAddForm, TrunkForm, TrunkNameForm

__all__ = [
    "GatewayForm",
    "TrunkAddForm",
    "TrunkForm",
    "TrunkInForm",
    "TrunkNameForm",
    "TrunkNumbersForm",
    "TrunkOutForm",
    "TrunkPermissionsForm",
    "TryNumberForm",
]
