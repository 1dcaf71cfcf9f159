"""What is left of the record: `python -m bench.killing [--rate 50] [NAMES]`.

Under a steady rate of set-ups the engine is killed (SIGKILL), or its database is held or stopped,
alone and with the engine killed meanwhile; then the engine is started anew. Printed is how many
calls that SIPp had seen end a second before are not on record as ended by their caller, and how
many records have no end once the engine is back. The journal is a thread of the engine: who kills
one kills both. Loopback only; under two minutes.
"""

import argparse
import contextlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench import processes, scenarios
from bench.deployed import Deployed
from bench.sipp import Sipp
from bench.switches import Product, free_port

BEFORE_S, AWAY_S, SETTLE_S = 5.0, 8.0, 6.0
OLD_S = 1.0
"Calls that ended so long before must be on record."
TALK_MS = 100


@dataclass(frozen=True, slots=True)
class _Scene:
    name: str
    product: Callable[..., Product]
    away: bool
    "The database is away for `AWAY_S`."
    killed: bool
    "The engine is killed, before the database is back."


SCENES = (
    _Scene("engine", Product, away=False, killed=True),
    _Scene("sqlite", Product, away=True, killed=False),
    _Scene("sqlite+engine", Product, away=True, killed=True),
    _Scene("postgres", Deployed, away=True, killed=False),
    _Scene("postgres+engine", Deployed, away=True, killed=True),
)


def main() -> int:
    """Run what was asked for; the exit status says whether the record is whole."""
    names = [scene.name for scene in SCENES]
    parser = argparse.ArgumentParser(prog="python -m bench.killing", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--rate", type=int, default=50, help="set-ups a second")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"unknown {unknown.pop()}; known: {', '.join(names)}")
    print(f"{asked.rate} set-ups a second; load average {processes.load():.1f}")
    print(f"{'':>16}  {'ended':>6}  {'on record':>9}  {'lost':>5}  {'without an end':>14}")
    whole = True
    for scene in SCENES:
        if not asked.names or scene.name in asked.names:
            whole &= _play(scene, asked.rate)
    return 0 if whole else 1


def _play(scene: _Scene, rate: int) -> bool:
    port = free_port()
    with scene.product({"PCMU": port}, max_calls=300) as product:
        callee = Sipp(
            product.folder, "callee", scenarios.callee(codec="PCMU", media_port=9), port=port
        )
        caller = Sipp(
            product.folder,
            "caller",
            scenarios.caller(
                server=product.server,
                to=product.target("PCMU"),
                media_port=9,
                talk_ms=TALK_MS,
                refusal=503,
            ),
            port=free_port(),
            server=product.server,
            r=rate,
            m=1_000_000,
            l=rate * 4,
            recv_timeout=4000,
        )
        try:
            counted_at = _disturb(scene, product)
        finally:
            caller.end()
            callee.end()
        if not scene.killed:
            processes.end(product.process)
        product.serve()
        product.await_ready()
        time.sleep(SETTLE_S)
        ended = callee.succeeded_by(counted_at)  # the caller's are those that were refused, too
        stored, endless = _record(product)
    lost = max(ended - stored, 0)
    print(f"{scene.name:>16}  {ended:>6}  {stored:>9}  {lost:>5}  {endless:>14}", flush=True)
    return not lost and not endless


def _disturb(scene: _Scene, product: Product) -> float:
    """Do what the scene has; return until when what ended must be on record, as Unix time."""
    time.sleep(BEFORE_S)
    with _away(product) if scene.away else contextlib.nullcontext():
        time.sleep(AWAY_S if scene.away else 0.0)
        if scene.killed:
            until = time.time() - OLD_S
            product.process.kill()
            product.process.wait()
            return until
    time.sleep(BEFORE_S)
    return time.time() - OLD_S


@contextlib.contextmanager
def _away(product: Product) -> Iterator[None]:
    """Hold the database, or stop it."""
    if isinstance(product, Deployed):
        product.postgres.stop()
        try:
            yield
        finally:
            product.postgres.start()
        return
    holder = sqlite3.connect(product.database, isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def _record(product: Product) -> tuple[int, int]:
    """Return how many calls their callers ended, and how many have no end."""
    import psycopg

    hung_up = "SELECT count(*) FROM callengine_call WHERE reason = 'caller-hung-up'"
    endless = "SELECT count(*) FROM callengine_call WHERE ended IS NULL"
    database: Any = (
        psycopg.connect(product.environment["DATABASE_URL"])
        if isinstance(product, Deployed)
        else sqlite3.connect(product.database)
    )
    with contextlib.closing(database):
        stored, open_ones = (database.execute(sql).fetchone()[0] for sql in (hung_up, endless))
    return int(stored), int(open_ones)


if __name__ == "__main__":
    sys.exit(main())
