"""The file of one capture: made, and given the signalling of its call. Synchronous, one thread.

A call process appends RTP and RTCP to it through a descriptor of its own.
"""

import errno
import ipaddress
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self, TypedDict

from callengine.core.pcapng import (
    LINKTYPE_UPPER_PDU,
    MESSAGES,
    Place,
    datagram,
    exported,
    interface,
    opening,
    packet,
    place,
)
from callengine.core.snapshot import MessageSnapshot
from callengine.record.captures import stored_bytes
from callengine.record.ladder import SeenMessage
from callengine.record.masking import masked, on_the_wire

APPLICATION = "voipnumber"
NS_PER_S = 1_000_000_000


class _Message(TypedDict):
    leg: str
    at_ns: int
    is_inbound: bool
    flow: str


class NoRoomError(OSError):
    """All captures together have the size they may have."""


class CaptureFile:
    """Opened, appended to and closed by one thread."""

    def __init__(self, file: Path, *, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self.descriptor = -1
        self.messages = 0
        self._has_messages = False
        "Whether the interface of messages without their packets is in it."

    def open(self, comment: str, *, folder_bytes: int, others: Iterable[Self]) -> None:
        """Make it, for its owner alone; raises OSError, NoRoomError if the folder is full.

        `others` are those of the folder that may be open: each may still become as large as it may.
        """
        folder = self._file.parent
        folder.mkdir(mode=0o700, exist_ok=True)
        taken = stored_bytes(folder.parent) + sum(other.room_bytes for other in others)
        if taken + self._max_bytes > folder_bytes:
            raise NoRoomError("the folder of captures is full")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.descriptor = os.open(self._file, flags, 0o600)
        os.write(self.descriptor, opening(application=APPLICATION, comment=comment))

    @property
    def room_bytes(self) -> int:
        """How much may still be appended; nothing before it is open, and once it is closed."""
        if self.descriptor < 0:
            return 0
        return max(0, self._max_bytes - os.fstat(self.descriptor).st_size)

    def append(self, seen: SeenMessage, leg: str, ours: tuple[str, int]) -> bool:
        """Append a message of the call, masked; return whether there was room. Raises OSError."""
        message: _Message = {
            "leg": leg,
            "at_ns": round(seen.at * NS_PER_S),
            "is_inbound": seen.direction == "in",
            "flow": seen.flow.partition("/")[0],
        }
        return self._write(message, masked(seen.data).text, ours)

    def append_past(self, past: Sequence[tuple[MessageSnapshot, tuple[str, int]]]) -> bool:
        """Append messages of the call's ladder, each with our address; as `append`."""
        for row, ours in past:
            message: _Message = {
                "leg": row["leg"],
                "at_ns": round(datetime.fromisoformat(row["at"]).timestamp() * NS_PER_S),
                "is_inbound": row["direction"] == "in",
                "flow": row["peer"],
            }
            if not self._write(message, row["text"], ours):
                return False
        return True

    def close(self) -> int:
        """Close it; return its size. Again does no harm."""
        if self.descriptor < 0:
            return 0
        size = os.fstat(self.descriptor).st_size
        os.close(self.descriptor)
        self.descriptor = -1
        return size

    def _write(self, message: _Message, text: str, ours: tuple[str, int]) -> bool:
        if self.descriptor < 0:
            return True
        block = self._block(message, on_the_wire(text), (ipaddress.ip_address(ours[0]), ours[1]))
        if len(block) > self.room_bytes:
            return False
        if os.write(self.descriptor, block) != len(block):
            # Behind a part of a block nothing could be read.
            raise OSError(errno.ENOSPC, "there was room for a part of a message alone")
        self.messages += 1
        return True

    def _block(self, message: _Message, data: bytes, ours: Place) -> bytes:
        transport, _, at_peer = message["flow"].partition(":")
        theirs = place(at_peer)
        at_ns, is_inbound = message["at_ns"], message["is_inbound"]
        comment = f"leg {message['leg']}, secrets masked"
        if transport == "udp" and theirs is not None and theirs[0].version == ours[0].version:
            whole, _ = datagram(*((theirs, ours) if is_inbound else (ours, theirs)), data)
            return packet(whole, at_ns=at_ns, is_inbound=is_inbound, comment=comment)
        source, target = (theirs, ours) if is_inbound else (ours, theirs)
        whole = exported(data, transport=transport, source=source, target=target)
        block = packet(whole, at_ns=at_ns, is_inbound=is_inbound, comment=comment, on=MESSAGES)
        if not self._has_messages:
            self._has_messages = True
            block = interface(LINKTYPE_UPPER_PDU, "SIP over TCP and TLS") + block
        return block
