"""What a codec list means for a call, in one sentence. Pure."""

from collections.abc import Collection, Sequence

from audiocodecs.catalogue import CATALOGUE, Codec
from audiocodecs.chips import bandwidth_text


def meaning(codecs: Sequence[str], unavailable: Collection[str] = ()) -> str:
    """Return the best and worst audio a call on this list may get, and its bit rate.

    `codecs` and `unavailable` hold catalogue names; what the engine cannot do now is not counted,
    and the sentence says so. The bit rate is that of one leg and one direction, with headers.
    """
    usable = [CATALOGUE[name] for name in codecs if name not in unavailable]
    missing = [name for name in codecs if name in unavailable]
    if not codecs:
        return "Nothing is selected: no call could use this list."
    if not usable:
        return "The engine can do none of these now: every call on this list would be declined."
    without = f" Not counted: {', '.join(missing)}." if missing else ""
    return f"{_audio(usable)}; {_bit_rate(usable)} each way, headers included.{without}"


def _audio(codecs: Sequence[Codec]) -> str:
    ranked = sorted(codecs, key=lambda codec: codec.audio_bandwidth_hz)
    worst, best = bandwidth_text(ranked[0]), bandwidth_text(ranked[-1])
    return f"Always {best} audio" if worst == best else f"Best {best} audio, worst {worst}"


def _bit_rate(codecs: Sequence[Codec]) -> str:
    rates = [round(codec.wire_bit_rate_bps / 1000) for codec in codecs]
    low, high = min(rates), max(rates)
    return f"{low} kbit/s" if low == high else f"{low} to {high} kbit/s"
