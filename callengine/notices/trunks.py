"""What engines tell pages of carriers."""

from dataclasses import dataclass

from callengine.notices.wire import notice


@notice("trunks.changed")
@dataclass(frozen=True, slots=True)
class TrunksChanged:
    """A trunk's gateways or its registration stand otherwise now; the database says how."""

    trunk: str
    "Its name."
