"""What engines tell pages of trunks."""

from dataclasses import dataclass

from callengine.notices.wire import notice


@notice("trunk.changed")
@dataclass(frozen=True, slots=True)
class TrunkChanged:
    """What is known of a trunk's gateways or of its registration has been written anew."""

    trunk: str
    "Its name."
