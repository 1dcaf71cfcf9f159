"""What an hour has shown: frames, growth, the product's log and record; and what is too much."""

import contextlib
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.lasting.phones import Phones
from bench.lasting.sizes import Size
from bench.lasting.streams import STEPS_MS, Tally

MOST_LATE = 0.001
MOST_GROWTH = 0.03
FROM_MINUTE, MIDDLE_MINUTE = 5, 10
"Until the first it imports, caches and opens what it needs."
WORST_SECONDS = 8
FEW_STREAMS = 4
"Of two calls."
_LINE = re.compile(r"^\S+ \S+ (WARNING|ERROR|CRITICAL) (\S+): (.*)")
_VARIES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b|\d+")
ENDED_WORDS = re.compile(r"ending it|call process \S+ ended with|took longer than")
"Of the log: processes that did not do as they were told, or did not end by themselves."


def frames(tallies: Mapping[tuple[str, str], Tally], phones: Phones) -> bool:
    """Say how many frames were late or lost, by kind and direction; return whether few were."""
    steps = "  ".join(f"{f'>{step} ms':>7}" for step in STEPS_MS)
    print(
        f"\n{'callee':>7} {'heard by':>8} {'frames':>9} {'late':>9} {'lost':>9} {'came':>8}", end=""
    )
    print(f" {'with ours':>9} {'longest':>8}  {steps}")
    every = Tally()
    for (codec, hearer), tally in tallies.items():
        _add(every, tally)
        print(_row(codec, hearer, tally))
    print(_row("all", "", every))
    late, lost = share(every.late, every.frames), share(every.lost, every.frames + every.lost)
    if matched := sum(tally.matched for tally in tallies.values()):
        held = sum(tally.held for tally in tallies.values())
        longest = max(tally.longest_held_ns for tally in tallies.values()) / 1e6
        print(
            f"relayed frames known again: {matched}; {held} ({100 * share(held, matched):.4f} %) "
            f"were in the product 20 ms longer than the quickest; at most {longest:.0f} ms"
        )
    print(
        f"ours: {phones.sent} sent, {100 * share(phones.sent_late, phones.sent):.4f} % more than "
        f"10 ms late, at most {1000 * phones.longest_late_s:.0f} ms"
    )
    _seconds(every)
    good = late <= MOST_LATE and lost <= MOST_LATE
    print(
        f"late frames: {100 * late:.4f} %{mark(late <= MOST_LATE)}, lost: {100 * lost:.4f} %"
        f"{mark(lost <= MOST_LATE)} (at most {100 * MOST_LATE:g} % of each)"
    )
    return good


def _row(codec: str, hearer: str, tally: Tally) -> str:
    steps = "  ".join(f"{count:>7}" for count in tally.steps)
    return (
        f"{codec:>7} {hearer:>8} {tally.frames:>9} "
        f"{100 * share(tally.late, tally.frames):>7.4f} % "
        f"{100 * share(tally.lost, tally.frames + tally.lost):>7.4f} % "
        f"{100 * share(tally.came, tally.due):>6.2f} % {tally.late_with_us:>9} "
        f"{tally.longest_ns / 1e6:>5.0f} ms  {steps}"
    )


def _add(every: Tally, tally: Tally) -> None:
    for name in ("frames", "late", "late_with_us", "lost", "due", "came"):
        setattr(every, name, getattr(every, name) + getattr(tally, name))
    every.longest_ns = max(every.longest_ns, tally.longest_ns)
    every.steps = [a + b for a, b in zip(every.steps, tally.steps, strict=True)]
    for at, second in tally.seconds.items():
        every.seconds[at].add(second)
    for at, count in tally.begun.items():
        every.begun[at] += count


def _seconds(every: Tally) -> None:
    """Say in which seconds most came late: of all calls at once, or of one."""
    worst = sorted(every.seconds.items(), key=lambda pair: pair[1].late, reverse=True)
    if not worst:
        return
    few = sum(second.late for _, second in worst if len(second.ports) <= FEW_STREAMS)
    print(
        f"frames came late in {len(worst)} different seconds, {few} frames in seconds in which "
        f"those of at most {FEW_STREAMS} streams did; the worst seconds:"
    )
    for at, second in worst[:WORST_SECONDS]:
        begun = every.begun.get(at, 0) + every.begun.get(at - 1, 0)
        print(
            f"    {time.strftime('%H:%M:%S', time.localtime(at))}  {second.late} late "
            f"({second.with_us} with ours) of {len(second.ports)} streams; "
            f"{begun} streams began then or in the second before"
        )


def share(part: int, whole: int) -> float:
    """Return a part of a whole, which may be nothing."""
    return part / whole if whole else 0.0


def mark(good: bool) -> str:
    """Return what is put beside what is not good."""
    return "" if good else " (!)"


def growth(sizes: Sequence[Size]) -> bool:
    """Say by how much the product grew; return whether it did not."""
    print(
        "\nminute  calls  engine PSS     all PSS  processes  descriptors (engine)  threads (engine)"
    )
    chosen = {FROM_MINUTE, MIDDLE_MINUTE, sizes[-1].minute} if sizes else set()
    for size in (size for size in sizes if size.minute in chosen):
        print(
            f"{size.minute:>6}  {size.calls:>5}  {size.engine_mb:>7.1f} MB  {size.tree_mb:>7.1f} MB"
            f"  {size.processes:>9}  {size.descriptors:>11} ({size.engine_descriptors:>6})"
            f"  {size.threads:>7} ({size.engine_threads:>6})"
        )
    later = [size for size in sizes if size.minute >= FROM_MINUTE]
    if len(later) < 2:
        print(f"growth: not judged, before minute {FROM_MINUTE + 1} it still settles")
        return True
    first, last = later[0], later[-1]
    good = True
    parts = []
    for name, attribute in (
        ("engine PSS", "engine_mb"),
        ("all PSS", "tree_mb"),
        ("processes", "processes"),
        ("descriptors", "descriptors"),
        ("threads", "threads"),
    ):
        grown = getattr(last, attribute) / getattr(first, attribute) - 1
        if attribute != "engine_mb":  # these come and go with calls
            grown -= max(0.0, last.calls / max(1, first.calls) - 1)
        good = good and grown <= MOST_GROWTH
        parts.append(f"{name} {100 * grown:+.1f} %{mark(grown <= MOST_GROWTH)}")
    print(f"growth from minute {first.minute} to {last.minute}: {', '.join(parts)}")
    return good


def said(log: Path) -> tuple[Counter[str], int, list[str]]:
    """Return the product's warnings and errors by kind, its other lines' number, and some."""
    kinds: Counter[str] = Counter()
    others = []
    for line in log.read_text(errors="replace").splitlines():
        if match := _LINE.match(line):
            level, name, message = match.groups()
            kinds[f"{level} {name}: {_VARIES.sub('#', message)}"] += 1
        elif line.strip():
            others.append(line)
    return kinds, len(others), others[:5]


def log(file: Path) -> bool:
    """Say what the product's log says; return whether every process ended as it was told."""
    kinds, count, others = said(file)
    ended = sum(n for kind, n in kinds.items() if ENDED_WORDS.search(kind))
    print(f"\nprocesses that had to be ended: {ended}{mark(not ended)}")
    print(f"the log's warnings and errors: {sum(kinds.values())}; other lines: {count}")
    for kind, times in kinds.most_common():
        print(f"    {times:>6}  {kind[:200]}")
    for line in others:
        print(f"            {line[:200]}")
    return not ended


def record(database: Path) -> bool:
    """Say how calls ended by the record; return whether all of them have an end."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        reasons = connection.execute(
            "SELECT reason, count(*), sum(ended IS NULL) FROM callengine_call "
            "GROUP BY reason ORDER BY 2 DESC"
        ).fetchall()
        refused = connection.execute(
            "SELECT code, rule, count(*) FROM callengine_rejection GROUP BY code, rule"
        ).fetchall()
    endless = sum(row[2] for row in reasons)
    print(f"\nthe record's calls: {', '.join(f'{n} {reason}' for reason, n, _ in reasons)}")
    if refused:
        print(f"refusals: {', '.join(f'{n} {code} {rule}' for code, rule, n in refused)}")
    print(f"records without an end: {endless}{mark(not endless)}")
    return not endless
