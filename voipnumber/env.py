"""Read settings from the environment: typed, and refusing bad values by name.

Every function takes the variable's name and a default, and raises ImproperlyConfigured with the
variable, the value found and what is allowed.
"""

import ipaddress
import os
import re
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
Transport = Literal["udp", "tcp", "tls"]
TRANSPORTS: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}
TRUE = ("1", "true", "yes", "on")
FALSE = ("0", "false", "no", "off")
LISTEN_FORM = "udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT, several with commas"
HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?\Z")
ALLOWED_HOST = re.compile(r"(\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])\Z")
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
MINIMUM_SECRET_LENGTH = 16


class HostPort(NamedTuple):
    """A TCP address to listen on; `host` is without brackets."""

    host: str
    port: int


class Listen(NamedTuple):
    """A SIP address to listen on."""

    transport: Transport
    host: str
    port: int


class PortRange(NamedTuple):
    """A range of UDP ports, both ends included."""

    first: int
    last: int


class Environment:
    """Typed access to one mapping of environment variables (default: the process's own)."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """Return the variable without surrounding white space; unset or empty is `default`."""
        return self._variables.get(name, "").strip() or default

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return true for 1/true/yes/on and false for 0/false/no/off, in any case."""
        value = self.text(name).lower()
        if not value:
            return default
        if value in TRUE + FALSE:
            return value in TRUE
        raise refusal(name, value, ", ".join(TRUE + FALSE))

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return a whole number between `minimum` and `maximum`, both included."""
        return _whole(name, self.text(name, str(default)), minimum, maximum)

    def seconds(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        """Return a number of seconds between `minimum` and `maximum`, both included."""
        value = self.text(name, str(default))
        allowed = f"seconds from {minimum:g} to {maximum:g}"
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value):
            raise refusal(name, value, allowed)
        if not minimum <= float(value) <= maximum:
            raise refusal(name, value, allowed)
        return float(value)

    def word(self, name: str, default: str, *, pattern: str, allowed: str) -> str:
        """Return text that matches the whole of `pattern`; `allowed` says it in words."""
        value = self.text(name, default)
        if not re.fullmatch(pattern, value):
            raise refusal(name, value, allowed)
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of `choices`, compared without case."""
        value = self.text(name, default)
        chosen = {choice.lower(): choice for choice in choices}.get(value.lower())
        if chosen is None:
            raise refusal(name, value, ", ".join(choices))
        return chosen

    def ip_address(self, name: str) -> str:
        """Return an IPv4 or IPv6 address that a peer can be told, or nothing if unset."""
        value = self.text(name)
        if not value:
            return ""
        allowed = "one IPv4 or IPv6 address that peers can reach, such as 203.0.113.7"
        address = _attempt(ipaddress.ip_address, value.strip("[]"))
        if address is None or address.is_unspecified or address.is_multicast:
            raise refusal(name, value, allowed)
        return str(address)

    def address_pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return `LOCAL=PUBLIC` pairs of IP addresses of one family; none if unset."""
        value = self.text(name)
        allowed = "at most 20 LOCAL=PUBLIC pairs of IP addresses of one family, comma-separated"
        pairs = [item.strip().partition("=")[::2] for item in value.split(",") if item.strip()]
        addresses: dict[str, str] = {}
        for pair in pairs:
            local, public = (_attempt(ipaddress.ip_address, part.strip(" []")) for part in pair)
            if local is None or public is None or local.version != public.version:
                raise refusal(name, value, allowed)
            if public.is_unspecified or public.is_multicast or str(local) in addresses:
                raise refusal(name, value, allowed)
            addresses[str(local)] = str(public)
        if len(addresses) > 20:
            raise refusal(name, value, allowed)
        return tuple(addresses.items())

    def optional_host_port(self, name: str) -> HostPort | None:
        """Return `HOST:PORT`, or None if unset."""
        return self.host_port(name, "") if self.text(name) else None

    def host_port(self, name: str, default: str) -> HostPort:
        """Return `HOST:PORT`; an IPv6 host stands in brackets."""
        value = self.text(name, default)
        host, port = _split_host_port(name, value, "HOST:PORT, such as 127.0.0.1:8000")
        return HostPort(host, port)

    def loopback(self, name: str, default: str) -> HostPort:
        """Return `HOST:PORT` of this machine alone, HOST being an IP address."""
        place = self.host_port(name, default)
        address = _attempt(ipaddress.ip_address, place.host)
        if address is None or not address.is_loopback:
            raise refusal(name, self.text(name, default), "a loopback address, as 127.0.0.1:8070")
        return place

    def sound_listen(self, name: str, default: str) -> HostPort:
        """Return `HOST:PORT`, HOST being one IP address that others can connect to."""
        place = self.host_port(name, default)
        address = _attempt(ipaddress.ip_address, place.host)
        if address is None or address.is_unspecified:
            allowed = "an IP address of this machine that web processes reach, and a port (0: any)"
            raise refusal(name, self.text(name, default), allowed)
        return place

    def sip_listen(self, name: str, default: str) -> tuple[Listen, ...]:
        """Return where to listen for SIP, from `udp:HOST:PORT,tcp:HOST:PORT,tls:...`."""
        value = self.text(name, default)
        listens: list[Listen] = []
        for item in value.split(","):
            word, _, address = item.strip().partition(":")
            transport = TRANSPORTS.get(word.lower())
            if transport is None:
                raise refusal(name, value, LISTEN_FORM)
            listen = Listen(transport, *_split_host_port(name, address, LISTEN_FORM))
            if _attempt(ipaddress.ip_address, listen.host) is None:
                raise refusal(name, value, f"{LISTEN_FORM}, where HOST is an IP address")
            if listen in listens and listen.port:
                raise refusal(name, value, "each address once")
            listens.append(listen)
        return tuple(listens)

    def port_range(self, name: str, default: str) -> PortRange:
        """Return `FIRST-LAST`, two UDP ports from 1024 to 65535."""
        value = self.text(name, default)
        allowed = "FIRST-LAST, both from 1024 to 65535, such as 10000-20000"
        first, dash, last = value.partition("-")
        if not dash:
            raise refusal(name, value, allowed)
        ports = [_attempt(int, part.strip()) for part in (first, last)]
        if None in ports or not 1024 <= int(ports[0] or 0) < int(ports[1] or 0) <= 65535:
            raise refusal(name, value, allowed)
        return PortRange(int(ports[0] or 0), int(ports[1] or 0))

    def networks(self, name: str) -> tuple[str, ...]:
        """Return IP addresses and networks in CIDR form, comma-separated; empty if unset."""
        value = self.text(name)
        items = [item.strip() for item in value.split(",") if item.strip()]
        networks = [_attempt(ipaddress.ip_network, item) for item in items]
        if None in networks or len(items) > 100:
            raise refusal(name, value, "at most 100 networks such as 192.0.2.0/24, comma-separated")
        return tuple(str(network) for network in networks)

    def name_servers(self, name: str) -> tuple[tuple[str, int], ...]:
        """Return IP addresses and ports of name servers, comma-separated; empty if unset."""
        value = self.text(name)
        allowed = (
            "at most 8 IP addresses, with :PORT if not 53, such as 192.0.2.53,[2001:db8::53]:5353"
        )
        servers: list[tuple[str, int]] = []
        for item in (item.strip() for item in value.split(",") if item.strip()):
            plain = _attempt(ipaddress.ip_address, item.strip("[]"))
            host, port = (str(plain), 53) if plain else _split_host_port(name, item, allowed)
            if _attempt(ipaddress.ip_address, host) is None or port == 0 or len(servers) == 8:
                raise refusal(name, value, allowed)
            servers.append((host, port))
        return tuple(servers)

    def hosts(self, name: str) -> tuple[str, ...]:
        """Return host names the web pages answer to, comma-separated; empty if unset."""
        value = self.text(name)
        names = tuple(item.strip() for item in value.split(",") if item.strip())
        for item in names:
            if not ALLOWED_HOST.match(item):
                raise refusal(name, item, "host names without scheme or port, comma-separated")
        return names

    def url(self, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
        """Return a URL with one of `schemes`. A refusal never shows the URL: it may hold secrets.

        Raises ImproperlyConfigured.
        """
        value = self.text(name, default)
        scheme = value.partition(":")[0].lower()
        if value and scheme not in schemes:
            raise refusal(name, f"{scheme}:...", "a URL of " + ", ".join(schemes))
        return value

    def mail_addresses(self, name: str) -> tuple[str, ...]:
        """Return addresses of people's mail, comma-separated; empty if unset."""
        value = self.text(name)
        addresses = tuple(item.strip() for item in value.split(",") if item.strip())
        wrong = [item for item in addresses if len(item) > 254 or not MAIL_ADDRESS.match(item)]
        if wrong or len(addresses) > 20:
            allowed = "at most 20 mail addresses such as anna@example.com, comma-separated"
            raise refusal(name, wrong[0] if wrong else value, allowed)
        return addresses

    def webhook(self, name: str, *, plain: bool) -> str:
        """Return an https:// URL, or with `plain` an http:// one too; nothing if unset.

        A refusal never shows the URL: it may hold secrets.
        """
        value = self.text(name)
        if not value:
            return ""
        parts = _attempt(_split_url, value)
        schemes = ("https", "http") if plain else ("https",)
        is_text = value.isascii() and value.isprintable() and " " not in value
        if (
            parts is None
            or parts.scheme not in schemes
            or not parts.hostname
            or parts.username is not None
            or parts.fragment
            or not is_text
            or len(value) > 2000
        ):
            words = " or ".join(f"{scheme}://HOST/PATH" for scheme in schemes)
            raise refusal(name, "(hidden)", f"{words} in ASCII, without user, password and #")
        return value

    def folder(self, name: str, default: Path) -> Path:
        """Return a folder, made with mode 0700 if it is missing; it must be writable."""
        path = Path(self.text(name, str(default))).expanduser().absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise refusal(name, str(path), f"a folder that can be made ({error})") from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise refusal(name, str(path), "a folder this user may write to")
        return path

    def file(self, name: str) -> Path | None:
        """Return the absolute path of a file, whether it is there or not; None if unset."""
        value = self.text(name)
        if not value:
            return None
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError as error:  # of a user that is not there
            raise refusal(name, value, f"the path of a file ({error})") from error

    def host_name(self, name: str) -> str:
        """Return one DNS name in small letters, or nothing if unset."""
        value = self.text(name)
        is_address = value and _attempt(ipaddress.ip_address, value) is not None
        if value and (is_address or not HOST.match(value)):
            raise refusal(name, value, "a host name, such as sip.example.com")
        return value.lower().rstrip(".")

    def secret(self, name: str, path: Path) -> str:
        """Return the variable, or a random secret kept in `path` with mode 0600."""
        value = self.text(name) or _kept_secret(name, path)
        if len(value) < MINIMUM_SECRET_LENGTH:
            raise refusal(name, "(hidden)", f"at least {MINIMUM_SECRET_LENGTH} characters")
        return value


def refusal(name: str, value: str, allowed: str) -> ImproperlyConfigured:
    """Return the error that names a variable, its value and what is allowed."""
    return ImproperlyConfigured(f"{name}={value!r} is not allowed; allowed: {allowed}")


def local_host_name() -> str:
    """Return this machine's name, fit to name an engine node."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:100] or "node"


def _attempt(convert: Callable[[str], T], value: str) -> T | None:
    try:
        return convert(value)
    except ValueError:
        return None


def _whole(name: str, value: str, minimum: int, maximum: int) -> int:
    allowed = f"a whole number from {minimum} to {maximum}"
    if not re.fullmatch(r"[0-9]{1,9}", value) or not minimum <= int(value) <= maximum:
        raise refusal(name, value, allowed)
    return int(value)


def _split_host_port(name: str, value: str, allowed: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise refusal(name, value, allowed)
    literal = _attempt(ipaddress.ip_address, host)
    if literal is not None and bracketed == (literal.version == 6):
        return str(literal), int(port)
    if bracketed or not HOST.match(host):
        raise refusal(name, value, allowed + "; an IPv6 HOST stands in brackets")
    return host, int(port)


def _split_url(value: str) -> SplitResult:
    parts = urlsplit(value)
    parts.port  # noqa: B018 (raises ValueError for one that is none)
    return parts


def _kept_secret(name: str, path: Path) -> str:
    """Read the secret in `path`; make it first if missing, safe against a second process."""
    try:
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
                new.write(secrets.token_urlsafe(50))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise refusal(name, "", f"a secret, or a {path} this user can read: {error}") from error
