"""What a leg is given by its process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of a leg on pjsua2, the same for all of a process."""

    account: Any
    "The pjsua2 account it belongs to."
    bridge_rate_hz: int
    edge: str
    "Where it dials, `127.0.0.1:PORT`."
    wake: Callable[[], None]
    "Ends the wait of the call's thread."
    run_bridge: Callable[[], None]
    "Lets the bridge's clock tick."
    lend_media: Callable[[], None]
    "Has pjmedia leave the sockets of media alone."
    read_media: Callable[[], None]
    "Has pjmedia read them again."
