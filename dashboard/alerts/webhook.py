"""A POST of JSON to one URL: bounded in time and size, to an address that is allowed.

Nothing of the answer is read but its status, and no redirect is followed. What is said of a
failure names host and port alone: the rest of the URL may be a secret.
"""

import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from agents.hosts import FORBIDDEN, is_forbidden

CONNECT_S = 5.0
"For each address."
EXCHANGE_S = 10.0
"From the connection to the status line, TLS included."
MOST_ADDRESSES = 2
PORTS = {"https": 443, "http": 80}


class NotSentError(Exception):
    """A message that was not taken; its text is a clause that says why."""


def place_of(url: str) -> str:
    """Return host and port of a URL as a person reads them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or PORTS.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def post(url: str, message: Mapping[str, str], *, local: bool) -> None:
    """Send a message; `local`: this machine's loopback may be asked, there without TLS too.

    Raises NotSentError.
    """
    place = place_of(url)
    try:
        status = _exchange(urlsplit(url), json.dumps(message).encode(), local=local)
    except TimeoutError:
        raise NotSentError(f"{place} did not answer in time") from None
    except ssl.SSLCertVerificationError as error:
        raise NotSentError(f"the certificate of {place}: {error.verify_message}") from None
    except ssl.SSLError:
        raise NotSentError(f"{place} speaks no TLS that we do") from None
    except ConnectionRefusedError:
        raise NotSentError(f"{place} refused the connection") from None
    except (OSError, http.client.HTTPException):
        raise NotSentError(f"{place} gave no answer of HTTP within {EXCHANGE_S:g} s") from None
    if 300 <= status < 400:
        raise NotSentError(f"{place} answered {status}; redirects are not followed")
    if not 200 <= status < 300:
        raise NotSentError(f"{place} answered {status}")


def _exchange(parts: SplitResult, body: bytes, *, local: bool) -> int:
    connection = _Connection(parts, local=local)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "VoIPNumber"}
    with contextlib.closing(connection):
        connection.request("POST", path, body, {**headers, "Connection": "close"})
        return connection.getresponse().status


class _Connection(http.client.HTTPConnection):
    """To an address that was looked at before it was connected to, and cut off at its time."""

    def __init__(self, parts: SplitResult, *, local: bool) -> None:
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        super().__init__(host, port, timeout=CONNECT_S)
        self.default_port = PORTS[parts.scheme]
        self._is_tls = parts.scheme == "https"
        self._is_local = local
        self._raw: socket.socket | None = None
        self._deadline: threading.Timer | None = None

    def connect(self) -> None:
        """Connect to the first allowed address that answers. Raises NotSentError, OSError."""
        sock = self._reached()
        self._raw = sock.dup()  # what is wrapped may not be shut by another thread
        self._deadline = threading.Timer(EXCHANGE_S, self._cut_off)
        self._deadline.daemon = True
        self._deadline.start()
        if self._is_tls:
            context = ssl.create_default_context()
            sock = context.wrap_socket(sock, server_hostname=self.host)
        self.sock = sock

    def close(self) -> None:
        """Leave nothing behind."""
        super().close()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._raw is not None:
            self._raw.close()

    def _cut_off(self) -> None:
        if self._raw is not None:
            with contextlib.suppress(OSError):
                self._raw.shutdown(socket.SHUT_RDWR)

    def _reached(self) -> socket.socket:
        try:
            rows = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotSentError(f"the name {self.host[:253]} is not known") from None
        addresses = [str(row[4][0]) for row in rows]
        allowed = [one for one in addresses if self._may_be_at(one)][:MOST_ADDRESSES]
        if not allowed:
            raise NotSentError(self._refusal())
        for address in allowed[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection((address, self.port), CONNECT_S)
        return socket.create_connection((allowed[-1], self.port), CONNECT_S)

    def _may_be_at(self, address: str) -> bool:
        if is_forbidden(address):
            return False
        ip = ipaddress.ip_address(address.partition("%")[0])
        is_loopback = (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
        return self._is_local if is_loopback else self._is_tls

    def _refusal(self) -> str:
        if not self._is_tls:
            return f"{self.host} is not this machine, and http:// is for this machine alone"
        return f"{self.host} is {FORBIDDEN}, or this machine without VOIPNUMBER_ALERT_WEBHOOK_LOCAL"
