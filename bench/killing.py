"""What is left of the record: `python -m bench.killing [--rate 50] [NAMES]`.

Under a steady rate of set-ups the engine is killed (SIGKILL), or its database is held or crashes,
alone and with the engine killed meanwhile; then the engine is started anew, and where the record
had waited for its database it is killed once more as it writes that. Printed is how many calls
that SIPp had ended a second before are not on record as that, each looked for by its Call-ID, and
how many records have no end once the engine is back. The journal is a thread of the engine: who
kills one kills both. Loopback only; about three minutes.
"""

import argparse
import contextlib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import processes, scenarios
from bench.deployed import Deployed
from bench.sipp import Sipp
from bench.switches import START_TIMEOUT_S, Product, free_port

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
                notes_ends=True,
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
        try:
            if not scene.killed:
                processes.end(product.process)
            elif scene.away:
                product.serve()
                _kill_as_it_writes(product)
            product.serve()
            product.await_ready()
        except RuntimeError as error:
            error.add_note(product.log())
            raise
        time.sleep(SETTLE_S)
        ended = caller.ended_by(counted_at)
        stored, endless = _record(product)
    lost = len(ended - stored)
    print(
        f"{scene.name:>16}  {len(ended):>6}  {len(stored):>9}  {lost:>5}  {endless:>14}", flush=True
    )
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


def _kill_as_it_writes(product: Product) -> None:
    """Kill the engine once it has begun to write what had waited, or has written all of it."""
    waits = product.folder / "data" / "unwritten-records"
    before, give_up_at = _taken(waits), time.monotonic() + START_TIMEOUT_S
    while before and _taken(waits) == before:
        if time.monotonic() > give_up_at:
            raise RuntimeError("what waits is not written")
        time.sleep(0.002)
    product.process.kill()
    product.process.wait()


def _taken(waits: Path) -> bytes:
    """Return the line that tells how far the file has been taken; empty without a file."""
    try:
        with waits.open("rb") as file:
            return file.readline()
    except FileNotFoundError:
        return b""


@contextlib.contextmanager
def _away(product: Product) -> Iterator[None]:
    """Hold the database, or stop it."""
    if isinstance(product, Deployed):
        product.postgres.crash()
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


def _record(product: Product) -> tuple[set[str], int]:
    """Return the Call-IDs of the calls that their callers ended, and how many have no end."""
    import psycopg

    hung_up = (
        "SELECT leg.sip_call_id FROM callengine_call AS call JOIN callengine_leg AS leg "
        "ON leg.call_id = call.id WHERE leg.name = 'A' AND call.reason = 'caller-hung-up'"
    )
    endless = "SELECT count(*) FROM callengine_call WHERE ended IS NULL"
    database: Any = (
        psycopg.connect(product.environment["DATABASE_URL"])
        if isinstance(product, Deployed)
        else sqlite3.connect(product.database)
    )
    with contextlib.closing(database):
        stored = {call_id for (call_id,) in database.execute(hung_up).fetchall()}
        open_ones = database.execute(endless).fetchone()[0]
    return stored, int(open_ones)


if __name__ == "__main__":
    sys.exit(main())
