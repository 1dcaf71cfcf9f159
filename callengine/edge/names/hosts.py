"""The machine's own hosts file: what stands there comes before the DNS, as for other programs."""

from ipaddress import ip_address
from pathlib import Path

from callengine.core.naming import HostAddress

HOSTS = Path("/etc/hosts")
_MAX_BYTES = 1_000_000


class HostsFile:
    """Addresses by name, read anew when the file has changed."""

    def __init__(self, path: Path = HOSTS) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._known: dict[str, dict[str, tuple[HostAddress, ...]]] = {}

    def find(self, name: str, kind: str) -> tuple[HostAddress, ...] | None:
        """Return the A or AAAA records of a name; None: the file does not have it."""
        self._refresh()
        by_kind = self._known.get(name.lower().rstrip("."))
        return by_kind.get(kind, ()) if by_kind is not None else None

    def _refresh(self) -> None:
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp == self._read_at:
                return
            text = self._path.read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
        except OSError:
            return
        self._read_at, self._known = stamp, {}
        for line in text.splitlines():
            address, *names = line.partition("#")[0].split()[:50] or [""]
            try:
                kind = "A" if ip_address(address).version == 4 else "AAAA"
            except ValueError:
                continue
            for name in names:
                kinds = self._known.setdefault(name.lower(), {})
                kinds[kind] = (*kinds.get(kind, ()), HostAddress(address))
