"""The stream in use of one leg: what both described, and what that makes of it.

Its codec, keys of SRTP and payload types. Where it comes from and goes to says `MediaPath`.
"""

from functools import cache
from typing import Any

import pjsua2 as pj

from audiocodecs.catalogue import CATALOGUE
from callengine.core import sdp
from callengine.core.numbering import SAME, Numbers, changed
from callengine.worker import plugins
from callengine.worker.dualstack.path import MediaPath
from callengine.worker.legs.party import MediaFacts
from callengine.worker.native import relay
from callengine.worker.sip import payloads


class LegStream:
    """Of one leg; everything happens on the call's thread."""

    def __init__(self, path: MediaPath) -> None:
        self._path = path
        self.remote: sdp.Audio | None = None
        "What the peer described last."
        self.ours = ""
        "What we described last."
        self.written = ""
        "That as pjmedia wrote it, with codecs that are not on the list too."
        self.is_answer = False
        "Whether that answered an offer."
        self.numbers_sent: Numbers = SAME
        "Payload types of the peer's description, where they are others on the wire."
        self.numbers_heard: Numbers = SAME
        "The same of ours."

    @property
    def described(self) -> sdp.Audio | None:
        """What we described last, read; None if that was nothing."""
        try:
            return sdp.read_audio(self.ours) if self.ours else None
        except sdp.SdpError:
            return None

    @property
    def suite(self) -> str:
        """What both descriptions make of SRTP: an answer names the one key that holds."""
        ours = sdp.read_audio(self.ours) if "a=crypto:" in self.ours else None
        suites = [audio.suite if audio else "" for audio in (ours, self.remote)]
        if not all(suites):
            return ""
        return suites[0] if self.is_answer else suites[1]

    @property
    def telephone_events(self) -> dict[int, int]:
        """What a key may come as, payload type -> Hz: by our own description, or the peer's."""
        both = (self.remote, self.numbers_sent), (self.described, self.numbers_heard)
        return {
            wire.get(number, number): hz
            for audio, wire in both
            if audio is not None
            for hz, number in audio.telephone_events.items()
        }

    def begin(self, stream: int) -> None:
        """Take the address of a new pjmedia_stream, whose payload types are those described."""
        self.numbers_sent = self.numbers_heard = SAME
        self.renumber(stream)

    def renumber(self, stream: int | None) -> None:
        """Send and hear by what payload types of the peer's description are on the wire.

        pjmedia goes on with a stream that is for it what it was; None: there is none.
        """
        numbers = self._path.numbers
        heard = numbers if self.is_answer else SAME  # RFC 3264 section 6.1
        before = self.numbers_sent, self.numbers_heard
        if stream is None or before == (numbers, heard):
            return
        relay.cut(stream)
        payloads.renumber(
            stream,
            sent=changed(before[0], numbers),
            heard=changed(before[1], heard),
        )
        self.numbers_sent, self.numbers_heard = numbers, heard

    def facts(self, info: Any, *, is_lent: bool) -> MediaFacts:
        """Return what is told of the stream that this pjsua2.StreamInfo is of."""
        codec = _catalogue_name(info.codecName, info.codecClockRate)
        return MediaFacts(
            codec,
            self.numbers_sent.get(info.txPt, info.txPt),
            self._path.real(info.remoteRtpAddress),
            encryption=self.suite,
            sends=bool(info.dir & pj.PJMEDIA_DIR_DECODING),
            least_ms=0 if is_lent else plugins.least_packet_ms(codec or ""),
        )


@cache
def _catalogue_name(encoding_name: str, rate_hz: int) -> str | None:
    """Return the codec of a pjmedia stream, whose G722 and OPUS rates are not the RTP clock's."""
    wanted = encoding_name.lower()
    same = [codec for codec in CATALOGUE.values() if codec.encoding_name.lower() == wanted]
    exact = [codec for codec in same if codec.audio_rate_hz == rate_hz]
    return next((codec.name for codec in exact + same), None)
