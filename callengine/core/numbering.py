"""Payload types a call process is shown in place of a peer's own. Pure.

pjmedia knows a codec that has a static number (RFC 3551) by that alone: it takes no answer that
names it at another, and of numbers below 96 it takes no rtpmap. A peer may well write so: an answer
says in which numbers it wants to hear, whatever was offered (RFC 3264 section 6.1). So the edge
writes numbers that pjmedia takes, and beside them those of the peer, which are on the wire.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from audiocodecs import catalogue
from callengine.core.payloadtypes import FIRST_DYNAMIC, RtpMap

Numbers = Mapping[int, int]
"Payload types as pjmedia has them -> those on the wire, where they differ."
SAME: Numbers = MappingProxyType({})

_TOLD = re.compile(r"a=x-numbers:((?: ?\d{1,3}=\d{1,3})+)\r?\n", re.ASCII)
_FORMATS = re.compile(rb"(m=audio \d+ [^ ]+)((?: \d+)+)")
_OF_FORMAT = re.compile(rb"a=(rtpmap|fmtp):(\d+) ")


def shown(maps: Mapping[int, RtpMap], *, is_answer: bool) -> dict[int, int]:
    """Return what payload types of a peer's are for pjmedia -> what they are on the wire.

    In their order; of two that come to the same the first stays.
    """
    kept: dict[int, int] = {}
    for number, meaning in maps.items():
        ours = _number(number, meaning, (*maps, *kept), is_answer=is_answer)
        if ours is not None:
            kept.setdefault(ours, number)
    return kept


def _number(number: int, meaning: RtpMap, taken: tuple[int, ...], *, is_answer: bool) -> int | None:
    static = meaning.entry.static_payload_type if meaning.entry else None
    if static == number:
        return number
    # pjmedia knows the clock rate of G722 by its own number alone.
    needs_own = is_answer or number < FIRST_DYNAMIC or meaning.codec == catalogue.G722.name
    if static is not None and needs_own:
        return static
    if number >= FIRST_DYNAMIC:
        return number
    return next((n for n in range(FIRST_DYNAMIC, 128) if n not in taken), None)


def told(numbers: Numbers) -> str | None:
    """Return the line that tells a call process of these, or None if none differs."""
    pairs = [f"{ours}={wire}" for ours, wire in numbers.items() if ours != wire]
    return f"a=x-numbers:{' '.join(pairs)}" if pairs else None


def numbers_in(text: str) -> Numbers:
    """Return what a description the edge has written tells."""
    match = _TOLD.search(text)
    if match is None:
        return SAME
    pairs = (pair.split("=") for pair in match[1].split())
    return {int(ours): int(wire) for ours, wire in pairs}


def changed(before: Numbers, now: Numbers) -> Numbers:
    """Return what numbers on the wire come to, where one description follows another."""
    return {before.get(ours, ours): now.get(ours, ours) for ours in (*before, *now)}


def renumbered(body: bytes, numbers: Numbers) -> bytes:
    """Return a description of ours with the payload types of the wire."""
    if not numbers:
        return body

    def wire(number: bytes) -> bytes:
        return b"%d" % numbers.get(int(number), int(number))

    body = _FORMATS.sub(lambda m: m[1] + b"".join(b" " + wire(n) for n in m[2].split()), body)
    return _OF_FORMAT.sub(lambda m: b"a=%s:%s " % (m[1], wire(m[2])), body)
