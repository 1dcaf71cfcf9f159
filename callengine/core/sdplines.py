"""How the lines of an audio format are written, whoever's description it is. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from callengine.core.payloadtypes import RtpMap

PTIME_MS = 20
ILBC_MODES = {20: "mode=20", 30: "mode=30"}
"fmtp of iLBC by the length of its frames in ms."
_ILBC_20 = re.compile(r"(?:.*;)?[ \t]*mode[ \t]*=[ \t]*20[ \t]*(?:;.*)?", re.IGNORECASE)


def ilbc_fmtp(value: str) -> str:
    """Return one of the two modes there are for an iLBC format (RFC 3952 section 5).

    pjmedia takes any other number for a fault of its own, and ends the process.
    """
    return ILBC_MODES[20 if _ILBC_20.fullmatch(value) else 30]


def format_attributes(
    numbers: Iterable[int], maps: Mapping[int, RtpMap], parameters: Mapping[int, str]
) -> Iterator[str]:
    """Yield the rtpmap and fmtp of each of these payload types."""
    for number in numbers:
        yield f"a=rtpmap:{number} {maps[number]}"
        if value := parameters.get(number):
            yield f"a=fmtp:{number} {value}"


def joined(lines: Iterable[str]) -> str:
    """Return lines as a description has them."""
    return "".join(f"{line}\r\n" for line in lines)
