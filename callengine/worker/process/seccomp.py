"""System calls a call process never needs, refused by the kernel (seccomp, Linux)."""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD_WORD, _EQUAL, _SET, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_X32 = 0x40000000
_CLONE_THREAD = 0x00010000
_SOCK_TYPE, _SOCK_DGRAM, _AF_UNIX = 0xF, 2, 1

# What leads out of the process: other programs, other processes' memory, the kernel's own doors.
_X86_64 = {
    "execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "pidfd_getfd": 438, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250,
    "add_key": 248, "request_key": 249, "mount": 165, "umount2": 166, "pivot_root": 155,
    "chroot": 161, "unshare": 272, "setns": 308, "init_module": 175, "finit_module": 313,
    "kexec_load": 246, "io_uring_setup": 425, "open_by_handle_at": 304, "listen": 50,
    "link": 86, "symlink": 88, "chmod": 90, "chown": 92, "mknod": 133,
}  # fmt: skip
_AARCH64 = {
    "execve": 221, "execveat": 281, "ptrace": 117, "process_vm_readv": 270,
    "process_vm_writev": 271, "pidfd_getfd": 438, "bpf": 280, "perf_event_open": 241,
    "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218, "mount": 40,
    "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "init_module": 105,
    "finit_module": 273, "kexec_load": 104, "io_uring_setup": 425, "open_by_handle_at": 265,
    "listen": 201, "fchmodat": 53, "fchownat": 54, "mknodat": 33,
}  # fmt: skip
_FORKING = {"x86_64": {"fork": 57, "vfork": 58}, "aarch64": {}}
_CLONE = {"x86_64": (56, 435), "aarch64": (220, 435)}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_MACHINES: Mapping[str, tuple[int, Mapping[str, int]]] = {
    "x86_64": (0xC000003E, _X86_64),
    "aarch64": (0xC00000B7, _AARCH64),
}

_Instruction = tuple[int, int, int, int]


class NoSeccompError(Exception):
    """The kernel, or this machine's kind, has no such filter; the text says which."""


def forbid(*, forking: bool) -> None:
    """Refuse for good what no call process needs; without `forking`, also to start a process.

    Needs no_new_privs. Refused calls fail with EPERM. Raises NoSeccompError.
    """
    prctl, head, _ = _assembled(forking)
    if prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, head, 0, 0) != 0:
        raise NoSeccompError(f"seccomp: {os.strerror(ctypes.get_errno())}")


def prepare(*, forking: bool) -> None:
    """Do now what `forbid` would do first: a process forked later need not. Raises as it does."""
    _assembled(forking)


@cache
def _assembled(forking: bool) -> tuple[Callable[..., int], ctypes.c_char_p, Any]:
    """Return prctl, what it is given, and what that points to."""
    machine = platform.machine()
    if machine not in _MACHINES:
        raise NoSeccompError(f"no list of system calls for {machine}")
    program = _program(machine, forking=forking)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    room = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HP", len(program), ctypes.addressof(room))
    return ctypes.CDLL(None, use_errno=True).prctl, ctypes.c_char_p(head), room


def _program(machine: str, *, forking: bool) -> list[_Instruction]:
    architecture, refused = _MACHINES[machine]
    numbers = list(refused.values())
    if not forking:
        numbers += _FORKING[machine].values()
    refuse = _ERRNO | errno.EPERM
    program: list[_Instruction] = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, refuse),
        (_LOAD_WORD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, refuse),
    ]
    for number in numbers:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    if not forking:
        clone, clone3 = _CLONE[machine]
        # The C library takes clone where it finds no clone3, whose flags no filter can read.
        program += [(_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
        program += [
            (_EQUAL, 0, 4, clone),
            (_LOAD_WORD, 0, 0, _ARGUMENT_0),
            (_SET, 1, 0, _CLONE_THREAD),
            (_RETURN, 0, 0, refuse),
            (_RETURN, 0, 0, _ALLOW),
        ]
    # Sockets: datagrams of the internet protocols, no streams and nothing to a local server.
    program += [
        (_EQUAL, 0, 6, _SOCKET[machine]),
        (_LOAD_WORD, 0, 0, _ARGUMENT_0),
        (_EQUAL, 3, 0, _AF_UNIX),
        (_LOAD_WORD, 0, 0, _ARGUMENT_1),
        (_AND, 0, 0, _SOCK_TYPE),
        (_EQUAL, 1, 0, _SOCK_DGRAM),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return program
