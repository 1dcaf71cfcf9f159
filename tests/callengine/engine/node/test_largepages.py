"""Which memory is put into large pages, and that nothing of it changes."""

import subprocess
import sys
from pathlib import Path

from callengine.engine.node.largepages import filled

ROOT = Path(__file__).resolve().parents[4]
SMAPS = """\
55d000000000-55d000400000 rw-p 00000000 00:00 0                          [heap]
Size:               4096 kB
KernelPageSize:        4 kB
Rss:                4000 kB
Pss:                4000 kB
VmFlags: rd wr mr mw me ac
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
Size:               4096 kB
Rss:                4096 kB
7f1000000000-7f1000800000 rw-p 00000000 00:00 0
Size:               8192 kB
Rss:                  40 kB
7f2000000000-7f2000400000 r--p 00000000 08:01 1234                       /usr/lib/libc.so.6
Size:               4096 kB
Rss:                4096 kB
7f3000000000-7f3000400000 rw-s 00000000 00:01 5 /dev/zero (deleted)
Size:               4096 kB
Rss:                4096 kB
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
Rss:                 132 kB
"""
TRIED = """
import mmap, re
from pathlib import Path
from callengine.engine.node.largepages import LARGE_BYTES, _COLLAPSE, use_large_pages

with mmap.mmap(-1, 4 * LARGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as room:
    room.write(b"x" * len(room))
    try:
        room.madvise(_COLLAPSE)
        is_possible = True
    except OSError:  # an older kernel, or one without room for a large page just now
        is_possible = False

kept = [bytes([n % 251]) * 300 for n in range(60_000)]
done = use_large_pages()
assert kept == [bytes([n % 251]) * 300 for n in range(60_000)]
large = re.search(r"AnonHugePages: +(\\d+) kB", Path("/proc/self/smaps_rollup").read_text())
print(int(is_possible), done, int(large[1]) * 1024)
"""


def test_memory_of_our_own_that_is_in_use_is_found() -> None:
    """The unused, a stack, a library and what is shared are left as they are."""
    assert list(filled(SMAPS.splitlines(keepends=True))) == [
        (0x55D000000000, 0x55D000400000),
        (0x7F0000000000, 0x7F0000400000),
    ]


def test_what_lies_in_it_stays_as_it_is() -> None:
    """By itself: what a process asks for here, it has for its life."""
    tried = subprocess.run(
        [sys.executable, "-c", TRIED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    is_possible, done, large = map(int, tried.stdout.split())
    assert large >= done
    assert bool(done) == bool(is_possible)
