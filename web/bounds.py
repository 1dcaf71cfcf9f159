"""How much one browser, and all together, may ask of this process; what is refused is said."""

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from web.addresses import site_of

logger = logging.getLogger(__name__)

BODIES_AT_ONCE = 32
"Times the bound of one body: what all bodies that are being received may hold in memory."
SAY_AGAIN_S = 60.0
MOST_SOURCES = 1000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of the HTTP side of one process."""

    body_bytes: int
    request_s: float
    "From the first byte of a request to its last."
    connections: int
    "All that are open, websockets included."
    connections_per_address: int | None
    "HTTP alone; None behind a proxy, which has one address for all."
    websocket_message_bytes: int


class WebRejections:
    """Tell what was refused, each rule and source at most once a minute, with how often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_s: dict[tuple[str, str], float] = {}
        self._unsaid: Counter[tuple[str, str]] = Counter()

    def note(self, source: str, rule: str, advice: str) -> None:
        """Log one refusal, or count it for the next line."""
        now, key = self._clock(), (source, rule)
        if now - self._said_s.get(key, -SAY_AGAIN_S) < SAY_AGAIN_S:
            self._unsaid[key] += 1
            return
        if len(self._said_s) >= MOST_SOURCES:
            self._forget(now)
        if len(self._said_s) >= MOST_SOURCES and key not in self._said_s:
            source, key = "many others", ("many others", rule)
            if now - self._said_s.get(key, -SAY_AGAIN_S) < SAY_AGAIN_S:
                self._unsaid[key] += 1
                return
        self._said_s[key] = now
        more = self._unsaid.pop(key, 0)
        logger.warning(
            "refused a browser at %s: %s%s. %s",
            source or "a UNIX socket",
            rule,
            f" ({more} more times since it was last said)" if more else "",
            advice,
        )

    def _forget(self, now: float) -> None:
        for key in [key for key, said in self._said_s.items() if now - said >= SAY_AGAIN_S]:
            del self._said_s[key]
            self._unsaid.pop(key, None)


class Connections:
    """The open connections, by address and together, and the bytes of bodies they hold."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.refused = WebRejections()
        self.total = 0
        self.body_bytes = 0
        self._http: Counter[str] = Counter()

    def may_open(self, host: str) -> bool:
        """Tell whether one more fits; what does not is noted."""
        bounds, source = self.bounds, site_of(host)
        if self.total >= bounds.connections:
            self.refused.note(
                source,
                f"{self.total} connections are open, the most of VOIPNUMBER_HTTP_CONNECTIONS",
                "Raise it if these are yours.",
            )
            return False
        most = bounds.connections_per_address
        if most is not None and source and self._http[source] >= most:
            self.refused.note(
                source,
                f"it has {most} connections open, the most of "
                "VOIPNUMBER_HTTP_CONNECTIONS_PER_ADDRESS",
                "Raise it if many people share this address.",
            )
            return False
        return True

    def opened(self, host: str) -> None:
        """Count an HTTP connection."""
        self.total += 1
        self._http[site_of(host)] += 1

    def upgraded(self, host: str) -> None:
        """Count one as a websocket, which sessions are limited by and not addresses."""
        self._drop(site_of(host))

    def closed(self, host: str, *, upgraded: bool = False) -> None:
        """Count one no longer."""
        self.total -= 1
        if not upgraded:
            self._drop(site_of(host))

    def _drop(self, source: str) -> None:
        self._http[source] -= 1
        if self._http[source] <= 0:
            del self._http[source]

    def may_hold(self, more: int) -> bool:
        """Tell whether so many more bytes of bodies fit into memory."""
        return self.body_bytes + more <= BODIES_AT_ONCE * self.bounds.body_bytes
