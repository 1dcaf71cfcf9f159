"""What call processes are kept from, should a packet take one over: files, programs, privileges.

A call process needs the code it runs, its sockets, and nothing of the engine's: not the database,
not the secret key, not the data folder. The fork server gives all that up once it has loaded what
call processes need; what it forks inherits it and may not even fork.
"""

import ctypes
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from callengine.worker.process import landlock, seccomp

CALL_UID = 65_530
"""Nobody's: systemd leaves 65520 to 65533 unused, and user namespaces map up to 65535."""
_CODE = Path(__file__).resolve().parents[3]
_OURS = ("callengine", "audiocodecs", "agents")
_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache")
_NEEDED = ("/etc/localtime", "/usr/share/zoneinfo", "/proc", "/dev/urandom", "/dev/null")

ENVIRONMENT = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    "VOIPNUMBER_NATIVE",
    "VOIPNUMBER_RELAY",
    *("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "VIRTUAL_ENV"),
)
"The variables that call processes are given; what opens a database or signs a session is not."

_HELD_S = 1
"""Of a processor by a thread that goes first, without a wait: a tick takes some ms, and one that
does not end would keep others from that processor."""
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_SET_DUMPABLE = 38, 24, 4
_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522


def environment() -> dict[str, str]:
    """Return the variables of this process that call processes may have."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def confine(*, uid: int = CALL_UID) -> list[str]:
    """Give up, for this process and all it forks, whatever a call process does not need.

    Returns one sentence for each thing that could not be given up here; the rest holds anyway.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    left: list[str] = []
    paths = list(code_paths())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_holding()
    if os.geteuid() == 0:
        left += _drop_privileges(libc, uid, [Path(__file__), *paths])
    else:
        left.append("they run as the engine's own user")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return [*left, "the kernel knows no no_new_privs"]
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        landlock.restrict(paths)
    except landlock.NoLandlockError as error:
        left.append(f"files are not closed to them ({error})")
    try:
        seccomp.forbid(forking=True)
        seccomp.prepare(forking=False)
    except seccomp.NoSeccompError as error:
        left.append(f"system calls are not refused to them ({error})")
    return left


def confine_further() -> None:
    """Give up forking too, in a call process; what cannot be held was told by `confine`."""
    try:
        seccomp.forbid(forking=False)
    except seccomp.NoSeccompError:
        return


def code_paths() -> Iterator[Path]:
    """Yield what a call process may read: Python, its packages, ours of them, shared libraries.

    Never the folder all of ours lie in: the data folder may be there as well.
    """
    yield from (_CODE / name for name in _OURS)
    for entry in (*sys.path, sys.prefix, sys.base_prefix):
        path = Path(entry or ".").resolve()
        if path.exists() and path != _CODE and path not in _CODE.parents and path != Path("/usr"):
            yield path
    yield from map(Path, (*_SYSTEM, *_NEEDED))


def _limit_holding() -> None:
    """Have the kernel end who goes first and holds a processor for longer than _HELD_S."""
    _, most_us = resource.getrlimit(resource.RLIMIT_RTTIME)
    held_us = _HELD_S * 1_000_000
    if most_us == resource.RLIM_INFINITY or most_us > held_us:
        resource.setrlimit(resource.RLIMIT_RTTIME, (held_us, held_us))


def _drop_privileges(libc: ctypes.CDLL, uid: int, paths: Sequence[Path]) -> list[str]:
    """Become another user if it could read the code; else stay, without root's capabilities."""
    for capability in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    unreadable = next((path for path in paths if not _is_public(path)), None)
    why = f"no other could read {unreadable}" if unreadable else _become(uid)
    head = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    libc.capset(ctypes.c_char_p(head), ctypes.c_char_p(bytes(24)))
    return [f"they keep the engine's user ({why})"] if why else []


def _become(uid: int) -> str:
    """Change user and group for good; return why that cannot be, if so."""
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        return error.strerror or "refused"
    return ""


def _is_public(path: Path) -> bool:
    """Tell whether anybody may read a path: every folder above it lets others through."""
    if not path.exists():
        return True
    is_open = path.stat().st_mode & stat.S_IROTH
    return bool(is_open) and all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
