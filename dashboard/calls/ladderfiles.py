"""A call's ladder as files: text for a mail to a carrier, and a capture that Wireshark opens.

Both hold what the page shows: secrets are masked, digits that were pressed left out.
"""

import datetime as dt
import re
import struct
from collections.abc import Iterable, Iterator, Sequence

from callengine.core.pcapng import LINKTYPE_UPPER_PDU, Place, exported, place
from callengine.core.snapshot import MessageSnapshot
from callengine.record.masking import on_the_wire
from dashboard.calls.ladder import present_message

_SNAPLEN = 262_144
_CONTACT = re.compile(
    r"^(?:contact|m)[ \t]*:[^<\n]*<sips?:([^>;?\n]+)", re.IGNORECASE | re.MULTILINE
)
_VIA = re.compile(
    r"^(?:via|v)[ \t]*:[ \t]*SIP/2\.0/[A-Z]+[ \t]+([^\s;,]+)", re.IGNORECASE | re.MULTILINE
)


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
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPLEN, LINKTYPE_UPPER_PDU)
    ours = {leg: _ours(messages, leg) for leg in {message["leg"] for message in messages}}
    for message in messages:
        if message["direction"] != "note":
            yield _record(message, ours[message["leg"]])


def _record(message: MessageSnapshot, ours: Place | None) -> bytes:
    transport, _, at_peer = message["peer"].partition(":")
    theirs = place(at_peer)
    source, target = (theirs, ours) if message["direction"] == "in" else (ours, theirs)
    data = exported(on_the_wire(message["text"]), transport=transport, source=source, target=target)
    at = dt.datetime.fromisoformat(message["at"])
    seconds, microseconds = int(at.timestamp()), at.microsecond
    return struct.pack("<IIII", seconds, microseconds, len(data), len(data)) + data


def _ours(messages: Iterable[MessageSnapshot], leg: str) -> Place | None:
    """Return the address by which we call ourselves on a leg, if a message of ours says one."""
    for message in messages:
        if message["leg"] == leg and message["direction"] == "out":
            is_request = not message["summary"][:1].isdigit()
            said = (_VIA if is_request else _CONTACT).search(message["text"])
            if said and (at := place(said.group(1).rpartition("@")[2])):
                return at
    return None
