"""A server as a slow line shows it: each page comes in pieces, with pauses between them.

A browser paints what it has of a page while the rest is on its way. On a fast machine it seldom
has to; behind this it does so every time.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

PIECE_BYTES = 3000
PAUSE_S = 0.12
"Some frames long: what has come is painted, if it may be."
CONNECTING_S = 10.0


@contextlib.contextmanager
def piecemeal(url: str) -> Iterator[str]:
    """Yield the address at which the server at `url` is reached over such a line."""
    there = urlsplit(url)
    assert there.hostname
    assert there.port
    address = (there.hostname, there.port)
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = listener.accept()
                server = socket.create_connection(address, CONNECTING_S)
                server.settimeout(None)
                for pump, ends in ((_onward, (browser, server)), (back, (server, browser))):
                    threading.Thread(target=pump, args=ends, daemon=True).start()

    def back(server: socket.socket, browser: socket.socket) -> None:
        slow = False
        with _one_end_for_both(server, browser):
            while data := server.recv(PIECE_BYTES):
                head = data.partition(b"\r\n\r\n")[0].lower()
                if head.startswith(b"http/1.1 "):
                    slow = b"content-type: text/html" in head
                browser.sendall(data)
                if slow:
                    over.wait(PAUSE_S)

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()


def _onward(browser: socket.socket, server: socket.socket) -> None:
    with _one_end_for_both(browser, server):
        while data := browser.recv(65536):
            server.sendall(data)


@contextlib.contextmanager
def _one_end_for_both(*ends: socket.socket) -> Iterator[None]:
    """Close both connections when nothing more comes over one."""
    with contextlib.suppress(OSError):
        yield
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
