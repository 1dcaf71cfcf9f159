"""The media ends of all calls: 50 packets a second each way, spread over the 20 ms as phones are.

When a packet came is the kernel's word (SO_TIMESTAMPNS), so that how busy this thread is does not
count; how late it was in sending is counted on its own.
"""

import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable

from bench import signals
from bench.agentmarks import counted, counter_in
from bench.agentphones import SO_TIMESTAMPNS
from bench.formats import CODECS
from bench.lasting import processor
from bench.lasting.streams import LATE_NS, NS, Stream, Tally
from bench.processes import sleep_until
from tests.peers.background import Background
from tests.peers.ports import rtp_pair

SO_RCVBUFFORCE = 33
GROUPS = 10
"Of streams, each sent to at its own moment of the 20 ms."
GROUP_S = 0.02 / GROUPS
TAKEN_EACH = 4
"Groups, after which what has come is read."
SENT_LATE_S = 0.01
AFTERMATH_NS = 40_000_000
"What is late so soon after we were may be so by us."
QUIET_NS, FORGOTTEN_NS = 2 * NS, 10 * NS
"A call that is over is not sent to for ever."
SPEECH_S = 10.0
REMEMBERED = 4096
"Moments of sending, by number of the group: 8 s."
HEADER = struct.Struct("!BBHII")
STAMP = struct.Struct("qq")
Address = tuple[str, int]


class End:
    """One UDP socket, the media address of one side of every call of a kind."""

    def __init__(self, codec: str, *, marked: bool) -> None:
        traits = CODECS[codec]
        self.tally = Tally()
        self.streams: dict[Address, Stream] = {}
        self.marked = marked
        "Whether its frames carry a counter, as they pass the product unchanged."
        self._payloads = [] if marked else signals.payloads(codec, SPEECH_S)
        self._static = traits.static_type
        self._step, self._clock_hz = traits.timestamp_step, traits.timestamp_step * 50
        self._groups: list[dict[Address, Stream]] = [{} for _ in range(GROUPS)]
        self._unheard: list[Address] = []
        self.socket, self._reports = rtp_pair()  # reports are not read, but are for nobody else
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with contextlib.suppress(PermissionError):
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    def greet(self, addresses: Iterable[Address]) -> None:
        """Send to these though nothing came from them yet."""
        assert self._static is not None, "a dynamic payload type is learned from what comes"
        self._unheard = list(addresses)  # by the thread that sends

    def hang_up(self) -> None:
        self.socket.close()
        self._reports.close()

    def close(self) -> Tally:
        """Return what has come, once nothing more does, with the streams that are not over."""
        for stream in self.streams.values():
            _count(self.tally, stream)
        return self.tally

    def heard(self) -> int:
        """Return how many streams came within the last second."""
        now = time.time_ns()
        return sum(now - stream.last_ns < NS for stream in list(self.streams.values()))

    def send(self, number: int) -> int:
        """Send the packets of a group, by its running number; return how many."""
        streams = self._groups[number % GROUPS]
        if not streams:
            return 0
        turn, count, now = number // GROUPS, 0, time.time_ns()
        payload = counted(number) if self.marked else self._payloads[turn % len(self._payloads)]
        for address, stream in streams.items():
            stream.sent_at = stream.sent_at + self._step & 0xFFFFFFFF
            if now - stream.last_ns > QUIET_NS:
                continue
            stream.sent = stream.sent + 1 & 0xFFFF
            head = HEADER.pack(0x80, stream.payload_type, stream.sent, stream.sent_at, stream.at)
            count += 1
            with contextlib.suppress(OSError):
                self.socket.sendto(head + payload, address)
        return count

    def take(self, phones: "Phones") -> None:
        """Judge what has come."""
        unheard, self._unheard = self._unheard, []
        for address in unheard:
            if address not in self.streams:
                self._begun(address, 0, self._static or 0).first_ns = time.time_ns()
        receive, streams, tally = self.socket.recvmsg, self.streams, self.tally
        while True:
            try:
                data, ancillary, _, source = receive(2048, 64)
            except BlockingIOError:
                return
            except OSError:
                continue  # a port that was closed answered by ICMP
            if len(data) <= 12 or 72 <= data[1] & 127 <= 76:
                continue  # RTCP of the port below
            _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
            seconds, nanoseconds = STAMP.unpack_from(ancillary[0][2])
            at_ns = seconds * NS + nanoseconds
            stream = streams.get(source)
            if stream is None or stream.source != ssrc:
                stream = self._begun(source, ssrc, kind & 127)
            late_ns, missing = stream.late_ns(sequence, timestamp, at_ns)
            tally.frames += 1
            tally.lost += missing
            if late_ns > LATE_NS:
                with_us = phones.was_late(at_ns)
                tally.note_late(late_ns, at_ns, source[1], with_us=with_us)
            if self.marked:
                self._match(stream, data[12:], at_ns, phones)

    def _match(self, stream: Stream, payload: bytes, at_ns: int, phones: "Phones") -> None:
        number = counter_in(payload)
        if number is None or not 0 <= phones.number - number < REMEMBERED:
            return
        took_ns = at_ns - phones.sent_ns[number % REMEMBERED]
        self.tally.matched += 1
        self.tally.longest_held_ns = max(self.tally.longest_held_ns, took_ns)
        self.tally.held += stream.held.late_ns(took_ns, at_ns) > LATE_NS

    def _begun(self, source: Address, ssrc: int, payload_type: int) -> Stream:
        before = self.streams.get(source)
        stream = Stream(ssrc, payload_type, self._clock_hz)
        stream.at = ssrc ^ 0x5A5A5A5A
        if before:  # ours goes on: a switch that follows our changes would be followed in turn
            stream.at, stream.sent, stream.sent_at = before.at, before.sent, before.sent_at
            self._over(source)
        stream.last_ns = time.time_ns()
        self.tally.begun[stream.last_ns // NS] += 1
        self.streams[source] = stream
        min(self._groups, key=len)[source] = stream
        return stream

    def _over(self, source: Address) -> None:
        stream = self.streams.pop(source)
        for group in self._groups:
            group.pop(source, None)
        _count(self.tally, stream)

    def forget(self) -> None:
        """Let go of the streams of calls that are over."""
        now = time.time_ns()
        for source, stream in list(self.streams.items()):
            if now - stream.last_ns > FORGOTTEN_NS:
                self._over(source)


def _count(tally: Tally, stream: Stream) -> None:
    tally.came += stream.frames
    tally.due += round((stream.last_ns - stream.first_ns) / LATE_NS) + 1


class Phones(Background):
    """A thread that keeps all ends going; a context manager."""

    def __init__(self, ends: list[End]) -> None:
        super().__init__()
        self._ends = ends
        self.sent = self.sent_late = 0
        self.longest_late_s = 0.0
        self.number = 0
        self.sent_ns = [0] * REMEMBERED
        self._late: deque[tuple[int, int]] = deque(maxlen=200)
        "From when to when we were late, the newest last; Unix time."

    def finish(self) -> None:
        """Send and judge no more: what was counted stands."""
        self._over.set()
        self._thread.join()

    def reset(self) -> None:
        """Start counting."""
        self.sent = self.sent_late = 0
        self.longest_late_s = 0.0

    def was_late(self, at_ns: int) -> bool:
        """Tell whether we were late at a time, or just before."""
        return any(since <= at_ns <= until for since, until in reversed(self._late))

    def _close(self) -> None:
        for end in self._ends:
            end.hang_up()

    def _run(self) -> None:
        processor.come_first()
        due = time.monotonic()
        while not self._over.is_set():
            self._turn(due)
            self.number += 1
            if self.number % TAKEN_EACH == 0:
                for end in self._ends:
                    end.take(self)
            if self.number % (GROUPS * 50) == 0:
                for end in self._ends:
                    end.forget()
            due += GROUP_S
            sleep_until(due)

    def _turn(self, due: float) -> None:
        now_ns, late_s = time.time_ns(), time.monotonic() - due
        self.sent_ns[self.number % REMEMBERED] = now_ns
        if late_s > SENT_LATE_S:
            self._late.append((now_ns - round(late_s * NS), now_ns + AFTERMATH_NS))
        count = sum(end.send(self.number) for end in self._ends)
        self.sent += count
        if late_s > SENT_LATE_S and count:
            self.sent_late += count
            self.longest_late_s = max(self.longest_late_s, late_s)
