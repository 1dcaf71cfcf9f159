"""A clock that tests drive, and messages to put before what is timed by it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from callengine.edge.flow import Flow
from callengine.edge.messages.received import Received, receive
from tests.callengine.edge.fakes import Phone


@dataclass
class Clock:
    """Runs callbacks when told that time has passed."""

    now: float = 0.0
    due: list[tuple[float, Callable[[], None], "Handle"]] = field(default_factory=list)

    def later(self, delay_s: float, call: Callable[[], None]) -> "Handle":
        handle = Handle()
        self.due.append((self.now + delay_s, call, handle))
        return handle

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while ready := sorted((d for d in self.due if d[0] <= end), key=lambda d: d[0]):
            at, call, handle = ready[0]
            self.due.remove(ready[0])
            self.now = at
            if not handle.cancelled:
                call()
        self.now = end


@dataclass
class Handle:
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


def message(method: str, flow: str = "udp:127.0.0.3:5062", **more: object) -> Received:
    text = Phone("127.0.0.3", 5062, call_id="c", tag="t").request(method, 1, **more)  # type: ignore[arg-type]
    parsed = receive(text.encode())
    parsed.flow = Flow.parse(flow)
    return parsed
