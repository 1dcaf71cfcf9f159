"""A name server of dnspython: UDP and TCP on one port, its zone changed while it runs."""

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

UDP_BYTES = 512


class NameServer:
    """Answers from `zone`; what it does not have is NXDOMAIN, with a SOA of one second."""

    def __init__(self, port: int = 0) -> None:
        self.zone: dict[tuple[str, str], dns.rrset.RRset] = {}
        self.fails = False
        "Whether it says SERVFAIL to everything."
        self.is_silent = False
        self.failing: set[tuple[str, str]] = set()
        "Names and kinds that it says SERVFAIL to."
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp = 0
        self._servers: list[socketserver.BaseServer] = []
        self.port = port

    def has(self, name: str, kind: str, *records: str, ttl: int = 300) -> None:
        """Have these records for a name, and no others of their kind."""
        self.zone[name, kind] = dns.rrset.from_text_list(f"{name}.", ttl, "IN", kind, records)

    def lacks(self, name: str, kind: str) -> None:
        """Have no such records any more."""
        self.zone.pop((name, kind), None)

    def answer(self, wire: bytes, *, is_udp: bool) -> bytes | None:
        """Return what is said to a query; None: nothing."""
        if self.is_silent:
            return None
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = str(question.name).rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        self.over_tcp += not is_udp
        response = dns.message.make_response(query, recursion_available=True)
        if self.fails or (name, kind) in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (rrset := self.zone.get((name, kind))) is not None:
            response.answer.append(rrset)
        else:
            soa = "ns. root. 1 60 60 60 1"
            response.authority.append(dns.rrset.from_text(".", 1, "IN", "SOA", soa))
            if not any(known == name or known.endswith(f".{name}") for known, _ in self.zone):
                response.set_rcode(dns.rcode.NXDOMAIN)
        data = response.to_wire()
        if is_udp and len(data) > UDP_BYTES:
            cut = dns.message.make_response(query)
            cut.flags |= dns.flags.TC
            return cut.to_wire()
        return data

    def start(self) -> None:
        """Listen at 127.0.0.1, on a free port unless it was told one."""
        outer = self

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, sock = self.request
                if (said := outer.answer(data, is_udp=True)) is not None:
                    sock.sendto(said, self.client_address)

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                size = int.from_bytes(self.rfile.read(2), "big")
                if (said := outer.answer(self.rfile.read(size), is_udp=False)) is not None:
                    self.wfile.write(len(said).to_bytes(2, "big") + said)

        for _ in range(20):
            udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Datagram)
            udp.daemon_threads = True
            self.port = udp.server_address[1]
            try:
                tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Stream)
            except OSError:
                udp.server_close()
                self.port = 0
                continue
            tcp.daemon_threads = True
            self._servers = [udp, tcp]
            break
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def address(self) -> tuple[str, int]:
        """Where it is asked."""
        return "127.0.0.1", self.port


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Run a name server with an empty zone."""
    server = NameServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
