"""A call's ladder as files: text for a mail to a carrier, and a capture that Wireshark opens.

Both hold what the page shows: secrets are masked, digits that were pressed left out.
"""

import datetime as dt
import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator, Sequence

from callengine.core.snapshot import MessageSnapshot
from dashboard.calls.ladder import present_message

_LINKTYPE_UPPER_PDU = 252
"""Each record is one message with tags that say its protocol and addresses: what lay below SIP, of
which nothing is kept, need not be invented (https://www.tcpdump.org/linktypes.html)."""
_SNAPLEN = 262_144
_END, _PROTOCOL, _PORT_TYPE, _SOURCE_PORT, _TARGET_PORT = 0, 12, 24, 25, 26
_SOURCE, _TARGET = {4: 20, 6: 22}, {4: 21, 6: 23}
_PORT_TYPES = {"tcp": 2, "tls": 2}
_UDP = 3
_CONTACT = re.compile(
    r"^(?:contact|m)[ \t]*:[^<\n]*<sips?:([^>;?\n]+)", re.IGNORECASE | re.MULTILINE
)
_VIA = re.compile(
    r"^(?:via|v)[ \t]*:[ \t]*SIP/2\.0/[A-Z]+[ \t]+([^\s;,]+)", re.IGNORECASE | re.MULTILINE
)
_Place = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]


def ladder_text(title: str, messages: Iterable[MessageSnapshot]) -> str:
    """Return the ladder for reading: a heading for each message with its time in UTC, then it."""
    parts = [f"{title}\nSecrets are masked, and digits that were pressed left out.\n"]
    for message in messages:
        at = dt.datetime.fromisoformat(message["at"]).astimezone(dt.UTC)
        peer = f" [{message['peer']}]" if message["peer"] else ""
        parts.append(
            f"---- {at:%Y-%m-%d %H:%M:%S.%f}Z {present_message(message).sentence}{peer}\n"
            f"{message['text']}".rstrip()
            + "\n"
        )
    return "\n".join(parts)


def capture(messages: Sequence[MessageSnapshot]) -> Iterator[bytes]:
    """Yield a pcap file, piece by piece: one exported PDU a message, protocol `sip`.

    Peers stand with their true addresses; we with the one that our messages on the leg name.
    """
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_UPPER_PDU)
    ours = {leg: _ours(messages, leg) for leg in {message["leg"] for message in messages}}
    for message in messages:
        if message["direction"] != "note":
            yield _record(message, ours[message["leg"]])


def _record(message: MessageSnapshot, ours: _Place | None) -> bytes:
    protocol, _, place = message["peer"].partition(":")
    theirs = _place(place)
    source, target = (theirs, ours) if message["direction"] == "in" else (ours, theirs)
    tags = [(_PROTOCOL, b"sip")]
    for tag, port_tag, end in ((_SOURCE, _SOURCE_PORT, source), (_TARGET, _TARGET_PORT, target)):
        if end is not None:
            tags += [(tag[end[0].version], end[0].packed), (port_tag, struct.pack("!I", end[1]))]
    tags.append((_PORT_TYPE, struct.pack("!I", _PORT_TYPES.get(protocol, _UDP))))
    head = b"".join(map(_tag, *zip(*tags, (_END, b""), strict=True)))
    data = head + _on_the_wire(message["text"])
    at = dt.datetime.fromisoformat(message["at"])
    seconds, microseconds = int(at.timestamp()), at.microsecond
    return struct.pack("<IIII", seconds, microseconds, len(data), len(data)) + data


def _tag(kind: int, value: bytes) -> bytes:
    padded = value + bytes(-len(value) % 4)
    return struct.pack("!HH", kind, len(padded)) + padded


def _on_the_wire(text: str) -> bytes:
    """Return a message with the line ends of SIP; they were made plain for reading."""
    head, _, body = text.partition("\n\n")
    return "\r\n".join((*head.split("\n"), "", *body.split("\n"))).encode()


def _ours(messages: Iterable[MessageSnapshot], leg: str) -> _Place | None:
    """Return the address by which we call ourselves on a leg, if a message of ours says one."""
    for message in messages:
        if message["leg"] == leg and message["direction"] == "out":
            is_request = not message["summary"][:1].isdigit()
            said = (_VIA if is_request else _CONTACT).search(message["text"])
            if said and (place := _place(said.group(1).rpartition("@")[2])):
                return place
    return None


def _place(text: str) -> _Place | None:
    """Return `host:port` or `[host]:port`, port 5060 if it names none; None if it is a name."""
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, "5060"
    try:
        return ipaddress.ip_address(host.strip("[]")), int(port) & 0xFFFF
    except ValueError:
        return None
