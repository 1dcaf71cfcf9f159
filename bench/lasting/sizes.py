"""How large the product is: memory, processes, descriptors, threads."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import processes

PACE_S = 0.02
"Between two processes that are looked at: who looks takes the processor from who is measured."


@dataclass(frozen=True, slots=True)
class Size:
    """The product at one moment, and how many calls stood."""

    minute: int
    calls: int
    engine_mb: float
    "Proportional, of the first process: engine and pages."
    tree_mb: float
    "Proportional, of all."
    processes: int
    engine_descriptors: int
    descriptors: int
    engine_threads: int
    threads: int


def measure(tree: Sequence[int], *, minute: int, calls: int) -> Size:
    """Look at every process of the tree, the first one first; takes some 25 ms each."""
    rows: list[tuple[float, int, int]] = []
    for pid in tree:
        folder = Path(f"/proc/{pid}")
        try:
            descriptors, threads = (len(list((folder / x).iterdir())) for x in ("fd", "task"))
            rows.append((processes.sizes_mb(pid)["Pss"], descriptors, threads))
        except OSError:
            continue  # it ended meanwhile
        time.sleep(PACE_S)
    if not rows:
        raise RuntimeError("the product is gone")
    return Size(
        minute=minute,
        calls=calls,
        engine_mb=rows[0][0],
        tree_mb=sum(row[0] for row in rows),
        processes=len(rows),
        engine_descriptors=rows[0][1],
        descriptors=sum(row[1] for row in rows),
        engine_threads=rows[0][2],
        threads=sum(row[2] for row in rows),
    )
