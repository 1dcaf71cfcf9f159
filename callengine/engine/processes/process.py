"""Call processes as the engine sees them."""

import asyncio
import socket
from dataclasses import dataclass, field
from enum import Enum


class NoProcessStartsError(Exception):
    """A call process was to be forked, and none came up."""


class GivenUpError(RuntimeError):
    """An engine was told to stop before it was up."""


class ProcessState(Enum):
    """Where a call process stands."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    DEAD = "dead"


@dataclass(eq=False, slots=True)
class CallProcess:
    """One call process, seen from the engine."""

    number: int
    bridge_rate_hz: int
    slot: int
    sock: socket.socket
    ready: asyncio.Future[None]
    state: ProcessState = ProcessState.STARTING
    pid: int = 0
    sip_port: int = 0
    call: str | None = None
    codecs: tuple[str, ...] = ()
    unavailable: dict[str, str] = field(default_factory=dict)
    waiting_thread: int = 0
    "That has its calls heard, if it said that this waits its turn like any other."
    heard_at: float = 0.0
    "Monotonic time of its last message."
    idle_since: float = 0.0
    "Monotonic time of when it was last ready for a call."
    has_served: bool = False
    "Whether it has had a call: what that made its own stays with it."
    ended_for: str = ""
    "Why it was ended, if we ended it with its call: a clause."

    @property
    def sip_address(self) -> tuple[str, int]:
        """Where it listens for SIP, on loopback."""
        return ("127.0.0.1", self.sip_port)

    def has(self, call: str) -> bool:
        """Tell whether it lives and has the call of this key, and not another by now."""
        return self.state is not ProcessState.DEAD and self.call == call


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How large the pool may be and what its processes are given."""

    max_calls: int
    rtp_ports: tuple[int, int]
    user_agent: str
    spare: tuple[tuple[int, int], ...] = ((8000, 2), (16000, 2), (48000, 1))
    "Bridge rate in Hz -> idle processes kept at least."
    calls_before_recycling: int = 100
    rest_s: float = 30.0
    "How long one that has had a call, or is more than will be needed, waits for another."
