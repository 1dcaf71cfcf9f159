"""What is asked of the kernel about a socket of which there is but the descriptor, pjmedia's own.

An object of Python's for each question would cost ten times the question, and might close it.
Raises OSError where the kernel refuses. For one thread: what it answers lies in one place.
"""

import ctypes
import errno
import os
import socket
import sys

_LIBRARY = ctypes.CDLL(None, use_errno=True)
_SO_ATTACH_FILTER = 26
"Of <asm-generic/socket.h>; the module `socket` does not name it."
_ROOM_BYTES = 128
_INTERNET = {int(socket.AF_INET), int(socket.AF_INET6)}
_SOCKET = int(socket.SOL_SOCKET)
_TYPE, _DATAGRAM = int(socket.SO_TYPE), int(socket.SOCK_DGRAM)
_WITHOUT_WAITING = int(socket.MSG_DONTWAIT)

_room = ctypes.create_string_buffer(_ROOM_BYTES)
_length = ctypes.c_uint()
_at_length = ctypes.pointer(_length)


class _Program(ctypes.Structure):
    """A struct sock_fprog: a length and a pointer."""

    _fields_ = (("count", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_at_program = ctypes.POINTER(_Program)
_get = _LIBRARY.getsockopt
_get.argtypes = (*(ctypes.c_int,) * 3, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint))
_set = _LIBRARY.setsockopt
_set.argtypes = (*(ctypes.c_int,) * 3, _at_program, ctypes.c_uint)
_name = _LIBRARY.getsockname
_name.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint))
_receive = _LIBRARY.recv
_receive.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_receive.restype = ctypes.c_ssize_t


def option(descriptor: int, name: int, size: int) -> bytes:
    """Return an option of SOL_SOCKET that has up to so many bytes, at most 128."""
    _length.value = size
    if _get(descriptor, _SOCKET, name, _room, _at_length):
        raise _refused()
    return _room.raw[: _length.value]


def attach_filter(descriptor: int, code: bytes, count: int) -> None:
    """Replace the socket's filter by a program of `count` instructions (struct sock_filter)."""
    program = _Program(count, code)
    if _set(descriptor, _SOCKET, _SO_ATTACH_FILTER, program, ctypes.sizeof(_Program)):
        raise _refused()


def udp_port(descriptor: int) -> int | None:
    """Return the port that a UDP socket is bound to; None for what is none, or closed."""
    _length.value = ctypes.sizeof(ctypes.c_int)
    if _get(descriptor, _SOCKET, _TYPE, _room, _at_length):
        return None
    if int.from_bytes(_room.raw[: _length.value], sys.byteorder) != _DATAGRAM:
        return None
    _length.value = _ROOM_BYTES
    if _name(descriptor, _room, _at_length):
        return None
    # A struct sockaddr_in or sockaddr_in6: both begin alike.
    address = _room.raw
    is_internet = int.from_bytes(address[:2], sys.byteorder) in _INTERNET
    return int.from_bytes(address[2:4], "big") if is_internet else None


def take_one(descriptor: int) -> bool:
    """Throw a datagram away; False if none waits."""
    if _receive(descriptor, _room, 1, _WITHOUT_WAITING) >= 0:
        return True
    if ctypes.get_errno() in (errno.EAGAIN, errno.EWOULDBLOCK):
        return False
    raise _refused()


def _refused() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
