"""What ICMP says of datagrams of ours that were not delivered (RFC 3261 section 18.4).

Linux keeps them for a socket that asks for them (IP_RECVERR of ip(7)), each with the beginning of
the datagram it is about. Anybody may forge one: whoever is told compares that with what was sent.
"""

import socket
import struct
from collections.abc import Callable

from callengine.edge.flow import UDP, Flow

OnUndelivered = Callable[[bytes, Flow, str], None]
"Take the beginning of a datagram, where it was to go, and why not, as the rest of a sentence."

_IP_RECVERR, _IPV6_RECVERR = 11, 25
"linux/in.h, linux/in6.h; Python does not name them."
_REPORTS = {(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)}
_EXTENDED_ERR = struct.Struct("=IBBBBII")
"struct sock_extended_err of linux/errqueue.h."
_FROM_ICMP, _FROM_ICMP6 = 2, 3
_QUOTED_BYTES = 2048
_ANCILLARY_BYTES = 512

_NO_PORT = "nothing listens at {} (ICMP: port unreachable)"
_NO_HOST = "no way leads to {} (ICMP: host unreachable)"
_NO_NETWORK = "no way leads to {} (ICMP: network unreachable)"
_NO_PROTOCOL = "{} takes no UDP (ICMP: protocol unreachable)"
_FORBIDDEN = "a firewall lets nothing through to {} (ICMP: prohibited)"
_WORDS = {
    (_FROM_ICMP, 3, 0): _NO_NETWORK,
    (_FROM_ICMP, 3, 1): _NO_HOST,
    (_FROM_ICMP, 3, 2): _NO_PROTOCOL,
    (_FROM_ICMP, 3, 3): _NO_PORT,
    (_FROM_ICMP, 3, 9): _FORBIDDEN,
    (_FROM_ICMP, 3, 10): _FORBIDDEN,
    (_FROM_ICMP, 3, 13): _FORBIDDEN,
    (_FROM_ICMP6, 1, 0): _NO_NETWORK,
    (_FROM_ICMP6, 1, 1): _FORBIDDEN,
    (_FROM_ICMP6, 1, 3): _NO_HOST,
    (_FROM_ICMP6, 1, 4): _NO_PORT,
}
"By origin, type and code (RFC 792, 1812, 4443): those that end a request; others are ignored."


def ask_for_errors(sock: socket.socket) -> None:
    """Have the kernel keep what ICMP says of datagrams from this socket."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def take_error(sock: socket.socket, on_undelivered: OnUndelivered) -> bool:
    """Take one error off a socket and tell of it if it ends a request; False: there is none."""
    try:
        quoted, ancillary, _, address = sock.recvmsg(
            _QUOTED_BYTES, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE
        )
    except OSError:
        return False
    for level, kind, data in ancillary:
        if (level, kind) in _REPORTS and len(data) >= _EXTENDED_ERR.size and address:
            _, origin, icmp_type, code, *_ = _EXTENDED_ERR.unpack_from(data)
            if words := _WORDS.get((origin, icmp_type, code)):
                flow = Flow(UDP, address[0], address[1])
                on_undelivered(quoted, flow, words.format(flow))
    return True
