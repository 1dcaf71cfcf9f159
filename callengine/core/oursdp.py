"""A description of ours cut to a leg's list, as it is sent in place of what pjmedia wrote. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from callengine.core import payloadtypes
from callengine.core.description import Media, SdpError, SessionDescription, read
from callengine.core.payloadtypes import FIRST_DYNAMIC, REMEMBERED, TELEPHONE_EVENT, RtpMap
from callengine.core.sdplines import ILBC_MODES, PTIME_MS, format_attributes, joined

EVENT_RATE_HZ, EVENT_NUMBER = 8000, 101
"What telephone-event is for devices that know only one form of it."

Parameters = Callable[[str, str], str]
"""Makes format parameters (empty: none) of a codec's catalogue name and those there are. Two that
are equal make the same: what they made is remembered."""


def as_written(_codec: str, own: str) -> str:
    """Return format parameters as they are."""
    return own


def restrict(
    sdp: str,
    allowed: Sequence[str],
    *,
    telephone_events: Sequence[int] | None = None,
    fmtp: Parameters = as_written,
) -> str:
    """Return a description of ours with its audio line cut and ordered to `allowed`.

    `allowed` holds catalogue names, ours in order. `telephone_events` are the clock rates in Hz to
    have telephone-event at; None: those of the codecs that stay, and 8000, as an offer wants it.
    `fmtp` makes the format parameters of what stays. Raises SdpError if no allowed codec is
    present.
    """
    description = read(sdp)
    used = description.audio_index
    if used is None:
        raise SdpError("There is no usable audio line.")
    media = description.media[used]
    events = None if telephone_events is None else tuple(telephone_events)
    said = payloadtypes.of_formats(media.lines)
    formats, described = _formats(media.formats, said, tuple(allowed), events, fmtp)
    others = [line for line in media.lines if not line.startswith(_REWRITTEN)]
    head = [line for line in others if not line.startswith("a=")]
    tail = [line for line in others if line.startswith("a=")]
    changed = Media(media.kind, media.port, media.transport, formats, (*head, *described, *tail))
    return joined(_all_lines(description, used, changed))


# pjmedia writes the same formats in each call, between ports and numbers that are new.
@lru_cache(maxsize=REMEMBERED)
def _formats(
    formats: tuple[str, ...],
    said: tuple[str, ...],
    allowed: tuple[str, ...],
    telephone_events: tuple[int, ...] | None,
    fmtp: Parameters,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the formats that stay, and the lines that say what they are. Raises SdpError.

    `said` is what is said of formats so far, as `payloadtypes.of_formats` has it.
    """
    all_maps = payloadtypes.rtpmaps(formats, said)
    kept = [n for name in allowed for n, m in all_maps.items() if m.codec == name]
    if not kept:
        raise SdpError(f"None of {', '.join(allowed)} is in the audio line.")
    fmtps = payloadtypes.fmtps(said)
    maps: dict[int, RtpMap] = {}
    parameters: dict[int, str] = {}
    for number, own in zip(_numbers(kept), kept, strict=True):
        meaning = maps[number] = all_maps[own]
        parameters[number] = fmtp(meaning.codec or "", fmtps.get(own, ""))
    if telephone_events is None:
        telephone_events = (EVENT_RATE_HZ, *(meaning.clock_rate_hz for meaning in maps.values()))
    for number, meaning in _events(telephone_events, tuple(maps)):
        maps[number], parameters[number] = meaning, "0-16"
    lines = format_attributes(maps, maps, parameters)
    return tuple(map(str, maps)), (*lines, f"a=ptime:{_packet_ms(maps, parameters)}")


def _packet_ms(maps: Mapping[int, RtpMap], parameters: Mapping[int, str]) -> int:
    """Return how long we ask packets to be: frames of 30 ms cannot come every 20."""
    first = next(iter(maps))
    slow = maps[first].codec == "ILBC" and parameters[first] == ILBC_MODES[30]
    return 30 if slow else PTIME_MS


_REWRITTEN = ("a=rtpmap:", "a=fmtp:", "a=ptime:", "b=")


def _numbers(numbers: Sequence[int]) -> list[int]:
    """Return these payload types, but for the one that telephone-event is known by."""
    spare = next(n for n in range(127, FIRST_DYNAMIC, -1) if n not in numbers)
    return [spare if number == EVENT_NUMBER else number for number in numbers]


def _events(rates_hz: Iterable[int], taken: Iterable[int]) -> Iterator[tuple[int, RtpMap]]:
    """Yield a payload type for telephone-event at each of these rates."""
    used = {EVENT_NUMBER, *taken}
    for rate in dict.fromkeys(rates_hz):
        number = EVENT_NUMBER
        if rate != EVENT_RATE_HZ:
            number = next(n for n in range(EVENT_NUMBER + 1, 128) if n not in used)
        used.add(number)
        yield number, RtpMap(TELEPHONE_EVENT, rate)


def _all_lines(description: SessionDescription, used: int, audio: Media) -> Iterator[str]:
    for line in description.session:
        if not line.startswith("b="):
            yield "s=-" if line.startswith("s=") else line
    for index, media in enumerate(description.media):
        section = audio if index == used else media
        yield section.text
        yield from section.lines
