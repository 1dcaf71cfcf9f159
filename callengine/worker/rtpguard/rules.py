"""From where a leg's media may come, as it goes on. Pure: time is an argument, in seconds.

Shut until there is a description; then its hosts, any port; once the peer has been heard, its
address and stream alone. While it is silent, first its stream may come from elsewhere (a phone that
went from Wi-Fi to LTE), then its hosts may begin anew.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from callengine.worker.rtpguard.programs import DROP_ALL, MediaSource, Network, host_network

ROAMS_AFTER_S = 2.0
"Silence after which a known stream may come from any address."
RESTARTS_AFTER_S = 5.0
"Silence after which the expected hosts may send another stream."
LEARNING_LOOK_S = 0.05
LOOK_STEP_S = 0.01
"Legs of a call begin one after the other, and are looked at in one turn for all that."
HURRY_S = 3.0
"How long is looked that often after a description, or since another source was seen."


class Window(Enum):
    """What is let through."""

    SHUT = "nothing: there is no description yet"
    EXPECTED = "the expected hosts, any port"
    LEARNED = "the learned address, and its stream from another port of it"
    ROAMING = "also the learned stream from anywhere"
    RESTARTING = "also the expected hosts, any port"


@dataclass(frozen=True, slots=True)
class Seen:
    """What pjmedia has received on a stream so far."""

    host: str
    port: int
    "Where the last datagram came from."
    ssrc: int | None
    "None on a build of pjsua2 that does not tell."
    mark: int
    "Changes with every RTP packet."
    reports_from: str = ""
    "The host that the last RTCP datagram came from."


@dataclass(frozen=True, slots=True)
class _Learned:
    network: Network
    port: int
    ssrc: int | None


@dataclass(slots=True)
class SourceRules:
    """Decide for one leg. `also` are networks that its carrier sends media from."""

    also: Sequence[Network] = ()
    window: Window = Window.SHUT
    revision: int = 0
    "Changes whenever other sources may pass."
    _described: tuple[str, int] | None = None
    _named: Network | None = None
    "The host of the peer's description."
    _heard_from: Network | None = None
    "The host that the description was heard from."
    _learned: _Learned | None = None
    _candidate: _Learned | None = None
    _mark: int | None = None
    _arrived_at: float = 0.0
    _hurry_until: float = 0.0
    _looked_at: float = field(default=float("-inf"))

    def shut(self) -> None:
        """Let nothing in on new sockets, until a description is agreed on."""
        self._open(Window.SHUT)
        self._described = self._named = self._learned = self._candidate = None

    def described(self, host: str, port: int, now: float) -> None:
        """Take the address of a description on which a stream begins (RFC 3264)."""
        if self._described != (host, port):
            self._described = (host, port)
            self._named = host_network(host)
            self._learned = None
        self._mark = None
        self._expect(now)

    def heard_from(self, host: str, now: float) -> None:
        """Take the host that a description was heard from; it comes just before or after."""
        network = host_network(host)
        if network is None or network == self._heard_from:
            return
        self._heard_from = network
        if self.window is not Window.SHUT:
            self._expect(now)

    def _expect(self, now: float) -> None:
        self._open(Window.EXPECTED)
        self._candidate = None
        self._arrived_at = now
        self._hurry_until = now + HURRY_S
        self._looked_at = now

    def look(self, seen: Seen, now: float) -> None:
        """Take what has been received by now; two looks that agree are believed."""
        self._looked_at = now
        network = host_network(seen.host)
        before, self._mark = self._mark, seen.mark
        if before in (None, seen.mark) or network is None:
            self._silent(now - self._arrived_at)
            return
        self._arrived_at = now
        source = _Learned(network, seen.port, seen.ssrc)
        if source == self._candidate:
            if source != self._learned or self.window is not Window.LEARNED:
                self._learned = source
                self._open(Window.LEARNED)
        elif source != self._learned:
            self._hurry_until = now + HURRY_S
        self._candidate = source

    def _silent(self, silence_s: float) -> None:
        if self._learned is None:
            return
        if silence_s >= RESTARTS_AFTER_S:
            if self.window is not Window.RESTARTING:
                self._open(Window.RESTARTING)
        elif silence_s >= ROAMS_AFTER_S and self.window is Window.LEARNED:
            self._open(Window.ROAMING)

    def _open(self, window: Window) -> None:
        self.window = window
        self.revision += 1

    def next_look(self) -> float | None:
        """Return when to look if something may be learned any moment.

        None: looking once a second will do.
        """
        is_known = self._candidate is not None and self._candidate == self._learned
        if self.window is Window.SHUT or is_known or self._looked_at >= self._hurry_until:
            return None
        return math.floor((self._looked_at + LEARNING_LOOK_S) / LOOK_STEP_S) * LOOK_STEP_S

    # What may pass

    def rtp(self) -> tuple[MediaSource, ...]:
        """Return the sources of RTP that are let through now."""
        if self.window is Window.SHUT:
            return DROP_ALL
        sources: list[MediaSource] = []
        if self._learned is not None:
            network, port, ssrc = self._learned.network, self._learned.port, self._learned.ssrc
            sources = [MediaSource(network, port), MediaSource(network, ssrc=ssrc)]
        if self._learned is not None and self.roams:
            sources.append(MediaSource(ssrc=self._learned.ssrc))
        if self.window in (Window.EXPECTED, Window.RESTARTING):
            sources += self._expected()
        return tuple(sources)

    def rtcp(self) -> tuple[MediaSource, ...]:
        """Return the sources of RTCP that are let through now."""
        if self.window is Window.SHUT:
            return DROP_ALL
        learned = [MediaSource(self._learned.network)] if self._learned is not None else []
        return tuple(dict.fromkeys([*learned, *self._expected()]))

    def _expected(self) -> list[MediaSource]:
        hosts = (self._named, self._heard_from, *self.also)
        return [MediaSource(network) for network in dict.fromkeys(hosts) if network is not None]

    def is_elsewhere(self, host: str) -> bool:
        """Tell whether nothing from this host is let through, but for a stream that roams."""
        wanted = host_network(host)
        return wanted is not None and not any(
            source.network is not None
            and source.network.version == wanted.version
            and source.network.supernet_of(wanted)  # type: ignore[arg-type]
            for source in (*self.rtp(), *self.rtcp())
        )

    @property
    def roams(self) -> bool:
        """Whether a stream that is known may come from any address now."""
        is_learned = self._learned is not None and self._learned.ssrc is not None
        return is_learned and self.window in (Window.ROAMING, Window.RESTARTING)
