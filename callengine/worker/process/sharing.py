"""What call processes share with the process that forks them: each page until one writes to it.

Python writes to all it uses: an object's reference count lies in the object, and a page of 4 kB is
copied for one count, or for one new object in a gap between old ones. From Python 3.12 on objects
may be immortal, their counts written no more (PEP 683). That is made of all there are before the
first fork; none of them is ever freed then.
"""

import ctypes
import gc
import sys
import types
from typing import Any

IMMORTAL = sys.version_info[:2] == (3, 12)
"Later ones count otherwise, and there is no pjsua2 for them."
_IMMORTAL_COUNT = 0xFFFFFFFF
"_Py_IMMORTAL_REFCNT where a pointer has 64 bits."
_PARTS_OF_CODE = ("co_consts", "co_names", "co_name", "co_qualname", "co_filename")
"What the garbage collector does not see."
_POOL_BYTES, _POOL_HEAD_BYTES, _LARGEST = 16 * 1024, 48, 512
"Of Python's own allocator: a pool holds blocks of one size, a multiple of 16 bytes."
_MOST_GAPS = 4000
"Of one size; where there seem to be more, memory is allocated in another way."
_in_gaps: list[Any] = []


def share() -> None:
    """Have processes forked from now on copy as little as can be; before the first of them.

    A process that was forked after that may do so too, for what it has made since, before it forks
    others. It must end by `os._exit`: Python's own end counts what has no count any more.
    """
    gc.collect()
    # It holds names of what was looked up last; each that is replaced would be counted down.
    sys._clear_type_cache()
    if IMMORTAL and sys.maxsize > 2**32:
        _make_immortal()
    _fill_gaps()
    gc.freeze()


def _make_immortal() -> None:
    pending: list[Any] = gc.get_objects()
    seen: dict[int, Any] = {}  # made after that, and so not among them
    again = gc.get_freeze_count() > 0
    while pending:
        one = pending.pop()
        if id(one) in seen or (again and _is_immortal(one)):
            continue
        seen[id(one)] = one  # what were freed now would be written to below
        pending += gc.get_referents(one)
        if type(one) is types.CodeType:
            pending += [getattr(one, part) for part in _PARTS_OF_CODE]
    for address in seen:
        ctypes.c_ssize_t.from_address(address).value = _IMMORTAL_COUNT


def _is_immortal(one: Any) -> bool:
    """Tell whether its count is written no more; to write it again would copy a page of others."""
    return ctypes.c_ssize_t.from_address(id(one)).value == _IMMORTAL_COUNT


def _fill_gaps() -> None:
    """Have what is made from now on lie together, in pools that hold nothing yet."""
    for size in range(48, _LARGEST + 1, 16):
        room = (_POOL_BYTES - _POOL_HEAD_BYTES) // size
        together: list[Any] = []
        pool = 0
        for _ in range(_MOST_GAPS + room):
            made = bytes(size - sys.getsizeof(b""))
            if id(made) // _POOL_BYTES != pool:
                _in_gaps.extend(together)
                together, pool = [], id(made) // _POOL_BYTES
            together.append(made)
            if len(together) == room:
                break  # one was empty: those begun are full
        else:
            return
