"""G.711: 16-bit samples to and from mu-law (PCMU) and A-law (PCMA), by table. Pure."""

from array import array
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise


def linear(codec: str, payload: bytes) -> "array[int]":
    """Return the samples of a payload; `codec` is PCMU or PCMA."""
    lower, upper = _halves(codec)
    # Two tables of bytes: a twentieth of what an index for each sample takes.
    samples = bytearray(2 * len(payload))
    samples[0::2], samples[1::2] = payload.translate(lower), payload.translate(upper)
    return array("h", bytes(samples))


def compressed(codec: str, samples: Iterable[int]) -> bytes:
    """Return the payload of 16-bit samples; each becomes the nearest there is."""
    return bytes(map(_encoding(codec).__getitem__, samples))


@cache
def between(source: str, target: str) -> bytes:
    """Return the table, for `bytes.translate`, that makes payloads of one codec the other's."""
    return compressed(target, linear(source, bytes(range(256))))


def _sample_of_mulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _sample_of_alaw(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = mantissa + 0x08 if exponent == 0 else mantissa + 0x108 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


_LAWS: dict[str, Callable[[int], int]] = {"PCMU": _sample_of_mulaw, "PCMA": _sample_of_alaw}


@cache
def _decoding(codec: str) -> "array[int]":
    return array("h", map(_LAWS[codec], range(256)))


@cache
def _halves(codec: str) -> tuple[bytes, bytes]:
    """Return the first and the second byte of each sample, in this machine's order."""
    samples = _decoding(codec).tobytes()
    return samples[0::2], samples[1::2]


@cache
def _encoding(codec: str) -> bytes:
    """Return a code for each sample; a negative one counts from the end, as Python's indices do."""
    # Of two codes of one value, zero in mu-law, the higher is kept: 0xFF is silence.
    codes = {sample: code for code, sample in enumerate(_decoding(codec))}
    values = sorted(codes)
    # Of two as near the upper one: A-law has no zero, and its silence is 0xD5, a little above.
    begins = [-32768, *((below + above + 1) // 2 for below, above in pairwise(values)), 32768]
    ordered = b"".join(
        bytes((codes[value],)) * (end - begin)
        for value, (begin, end) in zip(values, pairwise(begins), strict=True)
    )
    return ordered[32768:] + ordered[:32768]
