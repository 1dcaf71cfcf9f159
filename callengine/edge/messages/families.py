"""Which family of IP a leg's audio has: IPv4 as call processes know it, or IPv6 at the peer's end.

A peer is answered in the family it writes. Asked for an offer, it is offered what it signals over.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from callengine.core import standins
from callengine.core.description import SdpError, read
from callengine.core.obstacles import Obstacle, noted
from callengine.edge.flow import Flow
from sip.srtp import Srtp

OurAddress = Callable[[Flow, str], str]
"""Our IPv6 address for audio with a peer on this flow who has its own at that IPv6 address (empty:
at none that is known). An empty one: none of ours leads there."""
_ADDRESS = re.compile(rb"\bIN IP4 [0-9.]+")


def nowhere(_flow: Flow, _host: str) -> str:
    """Say that no IPv6 address leads anywhere."""
    return ""


@dataclass(slots=True)
class Family:
    """Of one leg."""

    find: OurAddress = nowhere
    _ours: str | None = None
    "Our IPv6 address, by what the peer described last; empty: IPv4; None: it has not yet."
    _shown: str = ""
    "The same of the description that the peer was sent last."

    def inward(self, text: str, flow: Flow, srtp: Srtp) -> str:
        """Take a peer's description; return it without the IPv6 audio that cannot be had."""
        try:
            address = _address(text, srtp)
        except SdpError:
            return text  # whoever reads it says why
        if not address:
            return text
        if not standins.is_ipv6(address):
            self._ours = ""
            return text
        is_held = address == "::"
        self._ours = (is_held and self._ours) or self.find(flow, "" if is_held else address)
        return text if self._ours else without_ipv6(text)

    def outward(self, body: bytes, flow: Flow) -> bytes:
        """Return a call process's description with the address that its peer is to send to."""
        self._shown = self._ours or ""
        if self._ours is None and is_over_ipv6(flow):
            self._shown = self.find(flow, flow.host)
        if not self._shown:
            return body
        return _ADDRESS.sub(b"IN IP6 " + self._shown.encode(), body)

    def take_over(self, before: "Family") -> None:
        """Go on in the family of a dialog that another leg had."""
        self._ours = before._ours

    @property
    def is_ipv6(self) -> bool:
        """Whether the peer is, or was last, shown an IPv6 address."""
        return bool(self._ours or self._shown)


def is_over_ipv6(flow: Flow) -> bool:
    """Tell whether a peer signals over IPv6; IPv4 on a socket for both looks like it."""
    return standins.is_ipv6(standins.plain(flow.host))


def without_ipv6(text: str) -> str:
    """Return a description whose audio lines over IPv6 are switched off, and say why.

    Raises SdpError.
    """
    description = read(text)
    lines = list(description.session)
    for media in description.media:
        address = description.address_of(media)
        if media.kind == "audio" and standins.is_ipv6(address):
            lines += [replace(media, port=0).text, *media.lines, noted(Obstacle.IPV6, address)]
        else:
            lines += [media.text, *media.lines]
    return "".join(f"{line}\r\n" for line in lines)


def _address(text: str, srtp: Srtp) -> str:
    """Return where the audio line wants its packets that is used; empty if none is."""
    description = read(text)
    index = description.audio_index_for(srtp)
    return "" if index is None else description.address_of(description.media[index])
