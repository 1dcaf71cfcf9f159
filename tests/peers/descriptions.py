"""SDP texts for peers, and what stands in the ones they receive; knows nothing of our own code."""

from collections.abc import Iterable, Mapping, Sequence

from tests.peers.ports import LOOPBACK

RTPMAPS = {
    "OPUS": "opus/48000/2",
    "G722": "G722/8000",
    "AMR-WB": "AMR-WB/16000",
    "PCMU": "PCMU/8000",
    "PCMA": "PCMA/8000",
    "GSM": "GSM/8000",
    "AMR": "AMR/8000",
    "G729": "G729/8000",
    "ILBC": "iLBC/8000",
}
PAYLOAD_TYPES = {"OPUS": 96, "G722": 9, "AMR-WB": 97, "PCMU": 0, "PCMA": 8, "GSM": 3}
PAYLOAD_TYPES |= {"AMR": 98, "G729": 18, "ILBC": 99}
STATIC = {
    0: "PCMU/8000",
    3: "GSM/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    18: "G729/8000",
}
CLOCK_RATES = {"OPUS": 48000, "G722": 8000, "AMR-WB": 16000, "PCMU": 8000, "PCMA": 8000}
CLOCK_RATES |= dict.fromkeys(("AMR", "G729", "ILBC", "GSM"), 8000)
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

Codecs = Sequence[str | tuple[str, int]]
"Names, or names with payload types; a name with a slash is an rtpmap taken as it stands."


def numbered(codecs: Codecs) -> list[tuple[str, int]]:
    """Give each codec its usual payload type where none is named."""
    return [(c, PAYLOAD_TYPES[c]) if isinstance(c, str) else c for c in codecs]


def sdp(
    codecs: Codecs,
    *,
    port: int,
    address: str = LOOPBACK,
    telephone_event: Mapping[int, int] | None = None,
    direction: str = "sendrecv",
    fmtp: Mapping[int, str] | None = None,
    lower_case: bool = False,
    extra_media: str = "",
    leading_media: str = "",
    version: int = 1,
) -> str:
    """Return a description; `telephone_event` maps payload types to clock rates in Hz.

    `leading_media` and `extra_media` are whole media sections before and after the audio line.
    """
    events = dict(telephone_event or {})
    family = "IP6" if ":" in address else "IP4"
    numbers = [number for _, number in numbered(codecs)] + list(events)
    lines = [
        "v=0",
        f"o=peer 1000 {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        *leading_media.splitlines(),
        f"m=audio {port} RTP/AVP {' '.join(map(str, numbers))}",
    ]
    for name, number in numbered(codecs):
        rtpmap = RTPMAPS.get(name, name)
        lines.append(f"a=rtpmap:{number} {rtpmap.lower() if lower_case else rtpmap}")
    for number, rate in events.items():
        lines += [f"a=rtpmap:{number} telephone-event/{rate}", f"a=fmtp:{number} 0-15"]
    lines += [f"a=fmtp:{number} {value}" for number, value in (fmtp or {}).items()]
    lines += ["a=ptime:20", f"a={direction}", *extra_media.splitlines()]
    return "".join(f"{line}\r\n" for line in lines)


def media_sections(text: str) -> list[list[str]]:
    """Return each media section as its lines, the m= line first."""
    sections: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("m="):
            sections.append([])
        if sections:
            sections[-1].append(line)
    return sections


def audio_section(text: str) -> list[str]:
    """Return the first audio section with a port."""
    for section in media_sections(text):
        if section[0].startswith("m=audio ") and not section[0].startswith("m=audio 0 "):
            return section
    raise AssertionError(f"no usable audio line in:\n{text}")


def formats(text: str) -> list[tuple[int, str]]:
    """Return (payload type, rtpmap value) of the audio line, in its order."""
    section = audio_section(text)
    maps = dict(STATIC)
    for line in section:
        if line.startswith("a=rtpmap:"):
            number, _, value = line[9:].partition(" ")
            maps[int(number)] = value
    return [(int(n), maps.get(int(n), "?")) for n in section[0].split()[3:]]


def names(text: str) -> list[str]:
    """Return codec names of the audio line in its order, telephone-event left out."""
    known = {value.lower(): name for name, value in RTPMAPS.items()}
    found = [known.get(_plain(value), value) for _, value in formats(text)]
    return [name for name in found if not name.lower().startswith("telephone-event")]


def telephone_events(text: str) -> dict[int, int]:
    """Return payload type -> clock rate of the telephone-events in the audio line."""
    events = {}
    for number, value in formats(text):
        name, _, rate = value.partition("/")
        if name.lower() == "telephone-event":
            events[number] = int(rate.partition("/")[0])
    return events


def payload_type(text: str, codec: str) -> int:
    """Return the first payload type of a codec in the audio line."""
    for number, value in formats(text):
        if _plain(value) == RTPMAPS[codec].lower():
            return number
    raise AssertionError(f"{codec} is not in:\n{text}")


def fmtp(text: str, number: int) -> str:
    prefix = f"a=fmtp:{number} "
    found = (x.removeprefix(prefix) for x in audio_section(text) if x.startswith(prefix))
    return next(found, "")


def direction(text: str) -> str:
    for line in (*audio_section(text), *text.splitlines()):
        if line[2:] in DIRECTIONS and line.startswith("a="):
            return line[2:]
    return "sendrecv"


def rtp_address(text: str) -> tuple[str, int]:
    """Return where the audio line wants RTP."""
    section = audio_section(text)
    lines = [*section, *text.splitlines()]
    address = next((line[9:] for line in lines if line.startswith(("c=IN IP4 ", "c=IN IP6 "))), "")
    return address, int(section[0].split()[1])


def _first(lines: Iterable[str], prefix: str) -> str:
    return next((x.removeprefix(prefix).strip() for x in lines if x.startswith(prefix)), "")


def _plain(rtpmap: str) -> str:
    """Lower-case an rtpmap and leave out a channel count of one."""
    return rtpmap.strip().lower().removesuffix("/1")
