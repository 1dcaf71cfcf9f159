"""Decoders of pjsua2 with a known memory fault: what a stranger sends must never reach them."""

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A decoder built into pjproject that a packet can make write or read beyond its memory."""

    encoding_name: str
    mended_in: Version
    why: str


FAULTS = (
    # spx_codec_parse puts every frame of a packet into an array of fixed size.
    Fault("speex", (2, 17), "one packet can corrupt memory in pjproject before 2.17"),
    # Its parse likewise, and its buffers for lost packets. The plug-in here shares none of it.
    Fault("opus", (2, 17), "the OPUS of pjproject before 2.17 lets one packet corrupt memory"),
)


def fault(codec_id: str, version: Version | None) -> str:
    """Return why a built-in codec (`speex/8000/1`) must not be used, or an empty string.

    A version that cannot be told counts as old.
    """
    name = codec_id.partition("/")[0].lower()
    of_codec = (fault for fault in FAULTS if fault.encoding_name == name)
    return next((f.why for f in of_codec if version is None or version < f.mended_in), "")


def read_version(text: str) -> Version | None:
    """Return what pj_get_version says (`2.15.1`, `2.17-dev`) as numbers, or None."""
    numbers = text.partition("-")[0].split(".")
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return None
    return tuple(int(number) for number in numbers)
