"""The keys of one leg: which reports are presses, and in which clock ours are told."""

from typing import Any

import pjsua2 as pj

from callengine.core import sdp
from callengine.core.keys import KeyPresses
from callengine.worker import plugins

_UPDATE, _END = 1, 2
"PJMEDIA_STREAM_DTMF_IS_UPDATE and PJMEDIA_STREAM_DTMF_IS_END, which pjsua2 does not name."


class Digits:
    """What a leg knows of telephone-events."""

    def __init__(self) -> None:
        self._presses = KeyPresses()
        self._peers: dict[int, int] = {}
        "Payload type -> clock rate in Hz of the telephone-events the peer can hear."
        self.takes_info = True
        "Whether the peer may be told of keys by INFO: it has not said otherwise."
        self._stream: int | None = None
        self._transport: int | None = None

    def heard_of(self, audio: sdp.Audio) -> None:
        """Note the peer's description."""
        numbers = audio.telephone_events.items()
        self._peers = {audio.numbers.get(number, number): hz for hz, number in numbers}

    def allows(self, methods: str) -> None:
        """Note which methods the peer says it takes, if it does."""
        if methods:
            self.takes_info = "INFO" in methods.replace(",", " ").split()

    @property
    def stream(self) -> int | None:
        """The address of the pjmedia_stream in use."""
        return self._stream

    def open(self, stream: int) -> None:
        """Take the address of the pjmedia_stream in use."""
        self._stream = stream

    def close(self, stream: int) -> None:
        """Let go of a stream that is about to be freed."""
        if self._stream == stream:
            self._stream = None
        if self._transport is not None:
            plugins.forget_transport(self._transport)
            self._transport = None

    def is_new(self, prm: Any, codec_hz: int, packet: tuple[int, int] | None) -> bool:
        """Tell whether pjsua2's OnDtmfEventParam begins a press; one by INFO always does.

        `packet` is SSRC and timestamp of what it is of, as the media extension knows them; without
        it there is the timestamp alone, which pjmedia tells in milliseconds.
        """
        if prm.method != pj.PJSUA_DTMF_METHOD_RFC2833:
            return True
        return self._presses.is_new(
            prm.digit,
            duration_ms=prm.duration,
            is_update=bool(prm.flags & _UPDATE),
            is_end=bool(prm.flags & _END),
            clock_rate_hz=codec_hz,
            packet=packet or (0, prm.timestamp),
        )

    def prepare(self, codec_hz: int) -> None:
        """Have the next key told in the clock of its payload type; before it is sent."""
        scales = {n: (hz, codec_hz) for n, hz in self._peers.items() if hz != codec_hz}
        if scales and self._stream is not None:
            self._transport = plugins.scale_event_durations(self._stream, scales)
