"""Sends unauthenticated requests at a steady rate: `python -m bench.standing.flood HOST PORT ...`.

Arguments: host and port of the server, address to send from, requests a second, seconds. What
comes back is read and thrown away. Prints how many left.
"""

import itertools
import socket
import sys
import time

from bench.standing.messages import description, request

BURST_S = 0.01


def main() -> None:
    host, port, source, rate, seconds = sys.argv[1:]
    server = (host, int(port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((source, 0))
        sock.setblocking(False)
        here = sock.getsockname()
        sent, started = 0, time.monotonic()
        templates = [_prepared(method, server, here) for method in ("INVITE", "REGISTER")]
        for turn in itertools.count():
            due = started + turn * BURST_S
            if due - started > float(seconds):
                break
            time.sleep(max(0.0, due - time.monotonic()))
            while sent < (turn + 1) * BURST_S * float(rate):
                template, mark = templates[sent % len(templates)]
                sock.sendto(template.replace(mark, b"%012d" % sent), server)
                sent += 1
            _drain(sock)
    print(sent)


def _prepared(method: str, server: tuple[str, int], here: tuple[str, int]) -> tuple[bytes, bytes]:
    """Return a request, and what in it is made new for each: branch, tag and Call-ID."""
    body = description(40000) if method == "INVITE" else ""
    sender = f"sip:alice@{server[0]}:{server[1]}"
    to = "bob" if method == "INVITE" else "alice"
    data = request(method, server, here, to=to, sender=sender, body=body)
    return data, data.partition(b"branch=z9hG4bK")[2][:12]


def _drain(sock: socket.socket) -> None:
    try:
        while True:
            sock.recv(4096)
    except BlockingIOError:
        return


if __name__ == "__main__":
    main()
