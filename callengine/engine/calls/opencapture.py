"""One capture of a call's packets while it is on, and until its file is closed."""

import asyncio
from dataclasses import dataclass, field

from callengine.core.snapshot import CaptureSnapshot
from callengine.record.capturefile import CaptureFile
from callengine.record.captures import CaptureOrder


@dataclass(slots=True, eq=False)
class OpenCapture:
    """What is known of it."""

    order: CaptureOrder
    call: str
    "The call's 32-digit key."
    call_uuid: str
    file: CaptureFile
    snapshot: CaptureSnapshot
    until: float
    "Monotonic time."
    is_claimed: bool = False
    "Whether it is this engine's alone."
    is_open: bool = False
    "Whether packets may be written to its file."
    is_handed_over: bool = False
    why: str = ""
    "Why it ended; empty while it is on."
    is_closing: bool = False
    past: int = 0
    "How many messages of the call had passed before it began."
    told: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    "Set once its call process has said how much it recorded, or cannot any more."
    packets: int = 0
    lost: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
