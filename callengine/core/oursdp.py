"""A description of ours cut to a leg's list, as it is sent in place of what pjmedia wrote. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from callengine.core.description import Media, SdpError, SessionDescription, read
from callengine.core.payloadtypes import FIRST_DYNAMIC, TELEPHONE_EVENT, RtpMap
from callengine.core.sdplines import ILBC_MODES, PTIME_MS, format_attributes, joined

EVENT_RATE_HZ, EVENT_NUMBER = 8000, 101
"What telephone-event is for devices that know only one form of it."

_NO_FMTP: Mapping[str, Callable[[str], str]] = MappingProxyType({})


def restrict(
    sdp: str,
    allowed: Sequence[str],
    *,
    telephone_events: Sequence[int] | None = None,
    fmtp: Mapping[str, Callable[[str], str]] = _NO_FMTP,
) -> str:
    """Return a description of ours with its audio line cut and ordered to `allowed`.

    `allowed` holds catalogue names, ours in order. `telephone_events` are the clock rates in Hz to
    have telephone-event at; None: those of the codecs that stay, and 8000, as an offer wants it.
    `fmtp` maps codec names to what makes format parameters of those that are there (empty: none).
    Raises SdpError if no allowed codec is present.
    """
    description = read(sdp)
    used = description.audio_index
    if used is None:
        raise SdpError("There is no usable audio line.")
    media = description.media[used]
    all_maps = media.rtpmaps()
    kept = [n for name in allowed for n, m in all_maps.items() if m.codec == name]
    if not kept:
        raise SdpError(f"None of {', '.join(allowed)} is in the audio line.")
    fmtps = media.fmtps()
    maps: dict[int, RtpMap] = {}
    parameters: dict[int, str] = {}
    for number, own in zip(_numbers(kept), kept, strict=True):
        meaning = maps[number] = all_maps[own]
        written = fmtps.get(own, "")
        change = fmtp.get(meaning.codec or "")
        parameters[number] = change(written) if change else written
    if telephone_events is None:
        telephone_events = (EVENT_RATE_HZ, *(meaning.clock_rate_hz for meaning in maps.values()))
    for number, meaning in _events(telephone_events, tuple(maps)):
        maps[number], parameters[number] = meaning, "0-16"
    others = [line for line in media.lines if not line.startswith(_REWRITTEN)]
    head = [line for line in others if not line.startswith("a=")]
    tail = [line for line in others if line.startswith("a=")]
    formats = format_attributes(maps, maps, parameters)
    lines = (*head, *formats, f"a=ptime:{_packet_ms(maps, parameters)}", *tail)
    changed = replace(media, formats=tuple(map(str, maps)), lines=lines)
    return joined(_all_lines(description, used, changed))


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
