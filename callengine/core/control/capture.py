"""What the engine and a call process say to each other of packets that are recorded. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal

from callengine.core.shapes import Most, Within

MAX_CAPTURE_S = 24 * 3600
MAX_CAPTURE_BYTES = 1 << 40


@dataclass(frozen=True, slots=True)
class RecordPackets:
    """Append RTP and RTCP of all legs, as blocks of pcapng, to the file that comes with it."""

    call: str
    key: Annotated[str, Most(36)]
    whole: bool
    "With payload; else RTP is cut behind its header."
    max_bytes: Annotated[int, Within(0, MAX_CAPTURE_BYTES)]
    "Of the file, which the engine appends to as well."
    for_s: Annotated[float, Within(0, MAX_CAPTURE_S)]


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Write what is there, and no more: `PacketsRecorded` follows."""

    call: str
    key: Annotated[str, Most(36)]


@dataclass(frozen=True, slots=True)
class PacketsRecorded:
    """It records no more, or cannot."""

    key: Annotated[str, Most(36)]
    why: Literal["", "time", "size", "failed", "no-extension"]
    """Empty: it was told to, or the call is over. `no-extension`: this process goes without the
    media extension, by which packets are seen."""
    packets: Annotated[int, Within(0, 1 << 48)]
    lost: Annotated[int, Within(0, 1 << 48)]
    "For which there was no room in memory."
