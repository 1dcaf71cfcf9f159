"""The engine's memory in pages of 2 MB, where the kernel lets programs ask for them.

What one SIP message needs of it lies spread over hundreds of pages of 4 kB, more than a processor
remembers the places of while calls and pages of others run in between.
"""

import ctypes
import logging
import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

LARGE_BYTES = 2 * 1024 * 1024
_COLLAPSE = 25
"MADV_COLLAPSE of <asm-generic/mman-common.h>, from Linux 6.1 on: now, not some time."
_FILLED = 0.9
"Share of a mapping that must be in use: what was never touched, as most of a stack, would be made."
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 *(\[heap\])?\n")
_RESIDENT = re.compile(r"Rss: +(\d+) kB")


def use_large_pages() -> int:
    """Have the memory that is in use now in large pages; return how many bytes are.

    None are, and nothing is lost, where the kernel has no large pages or an older way of them.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    done = 0
    try:
        with Path("/proc/self/smaps").open(encoding="utf-8", errors="replace") as lines:
            ranges = list(filled(lines))
    except OSError:
        return 0
    for start, end in ranges:
        first, last = -(-start // LARGE_BYTES) * LARGE_BYTES, end // LARGE_BYTES * LARGE_BYTES
        if first >= last or madvise(start, end - start, mmap.MADV_HUGEPAGE):
            continue
        if not madvise(first, last - first, _COLLAPSE):
            done += last - first
    logger.debug("%d MB of the engine lie in large pages", done // 2**20)
    return done


def filled(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the mappings of memory of our own that are in use, from the lines of proc(5) `smaps`.

    Each as its first address and the one behind its last.
    """
    start = end = 0
    for line in smaps:
        if mapping := _MAPPING.fullmatch(line):
            start, end = (int(text, 16) for text in mapping.groups()[:2])
        elif end and (resident := _RESIDENT.match(line)):
            if int(resident.group(1)) * 1024 >= _FILLED * (end - start):
                yield start, end
            start = end = 0
        elif "-" in line.partition(" ")[0]:
            start = end = 0
