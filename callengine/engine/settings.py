"""What one engine process is started with."""

from dataclasses import dataclass, field
from pathlib import Path

from callengine.core.capacity import CapacityLimits
from callengine.core.plan import MAX_DURATION_S
from callengine.edge.settings import EdgeSettings
from callengine.engine.processes.process import PoolSettings
from callengine.record.retention import RetentionSettings
from callengine.record.writer import WriterSettings


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """How much of a call's packets may be recorded, however much is asked for."""

    max_s: int = 30 * 60
    max_bytes: int = 50_000_000
    folder_bytes: int = 1_000_000_000
    "Of all captures of an engine together."


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of one engine process."""

    node: str
    edge: EdgeSettings
    pool: PoolSettings
    ring_timeout_s: float
    grace_s: float
    failover_timeout_s: float = 4.0
    "How long an address of a gateway may say nothing before the next is tried."
    max_duration_s: float = MAX_DURATION_S
    "How long a call may last from its answer."
    media_timeout_s: float = 60.0
    "How long neither party of a call may send anything; 0: for ever."
    media_also_from: tuple[str, ...] = ()
    "Networks from which media of any leg is taken, besides what its peer names."
    sound_listen: tuple[str, int] = ("127.0.0.1", 0)
    "Where web processes bring the sound of browsers; port 0: any."
    capacity: CapacityLimits = field(default_factory=CapacityLimits)
    shortages: tuple[str, ...] = ()
    "What the machine does not give it, and what that bounds; see `descriptors`."
    node_lost_s: float = 60.0
    "How long another engine may be silent before its calls are closed."
    data: Path | None = None
    "The folder that holds this engine's identity; None: one for this run."
    record: WriterSettings = field(default_factory=WriterSettings)
    captures: CaptureLimits = field(default_factory=CaptureLimits)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
