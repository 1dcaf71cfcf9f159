"""Which files a call process may open, held by the kernel (Landlock, Linux 5.13 and later)."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"System call numbers, the same on every architecture."
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE, _READ, _READ_FOLDER = 1, 1 << 1, 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"Every right over files that each version of the interface knows."
_TCP = 0b11
"Binding and connecting TCP, from version 4 on."
_SCOPES = 0b11
"Abstract sockets and signals to processes outside, from version 6 on."


class NoLandlockError(Exception):
    """The kernel has no Landlock, or it is off; the text says so."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def restrict(readable: Iterable[Path]) -> None:
    """Let this process and its children read what is beneath these paths, and open nothing else.

    Also no TCP and no signal to processes outside, where the kernel knows how. What is open stays
    open. Needs no_new_privs. Raises NoLandlockError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        raise NoLandlockError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    rights = _FILE_RIGHTS[max(abi for abi in _FILE_RIGHTS if abi <= version)]
    ruleset = _Ruleset(rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    descriptor = libc.syscall(_CREATE, ctypes.byref(ruleset), ctypes.c_size_t(size), 0)
    if descriptor < 0:
        raise NoLandlockError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    try:
        for path in readable:
            _allow(libc, descriptor, path)
        if libc.syscall(_RESTRICT, descriptor, 0) != 0:
            raise NoLandlockError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be read
    try:
        rights = _READ | (_READ_FOLDER if path.is_dir() else 0)
        rule = _Beneath(rights, opened)
        if libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0) != 0:
            raise NoLandlockError(f"Landlock: {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(opened)
