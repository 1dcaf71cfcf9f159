"""Ringing that a SIP leg hears while whoever it is to talk to next is rung: pjmedia's tones."""

from typing import Any

import pjsua2 as pj

from callengine.worker.legs.ringtone import AMPLITUDE, HZ, ON_S, PERIOD_S


class Ringing:
    """A ringing tone on the bridge, for one leg; made for it and ended by `stop`."""

    def __init__(self, rate_hz: int) -> None:
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.volume = HZ, 0, AMPLITUDE
        tone.on_msec, tone.off_msec = round(ON_S * 1000), round((PERIOD_S - ON_S) * 1000)
        tones = pj.ToneDescVector()
        tones.append(tone)
        self._generator = pj.ToneGenerator()
        self._generator.createToneGenerator(rate_hz, 1)
        self._generator.play(tones, True)

    def sound_to(self, audio: Any) -> None:
        """Sound on this port of the bridge; again does no harm."""
        self._generator.startTransmit(audio)

    def stop(self, audio: Any) -> None:
        """Sound there no more."""
        self._generator.stopTransmit(audio)
