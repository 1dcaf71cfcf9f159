"""What list pages cost with a large record: `python -m bench.pages [--quick]`.

Fills SQLite and a private PostgreSQL (if it is installed), first with a hundred rows of
everything, then with 10,000 connections, 200,000 calls and 50,000 refusals, and asks for every
list page both times. Ends by itself and leaves nothing behind.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import databases, processes

if TYPE_CHECKING:
    from django.test import Client

BUDGET_MS = 150.0
RUNS, QUICK_RUNS = 30, 8
SMALL = {"connections": 100, "calls": 100, "rejections": 100, "numbers": 50, "routes": 20}
PAGES = {
    "overview": "/",
    "live calls": "/calls/",
    "calls": "/history/",
    "calls, a day": "/history/?time=day",
    "calls, last page": "/history/?page=200",
    "calls by duration": "/history/?sort=-duration",
    "calls of a number": "/history/?number=%2B4420790012",
    "calls of a frequent prefix": "/history/?number=user",
    "calls of nobody": "/history/?number=nobody",
    "calls of a connection": "/history/?connection=user77",
    "calls of a trunk": "/history/?trunk=carrier-3",
    "calls with a codec": "/history/?codec=G722",
    "calls declined for codecs": "/history/?outcome=no-codec",
    "calls, four filters": "/history/?outcome=failed&codec=OPUS&number=%2B&trunk=carrier-3",
    "rejections": "/rejections/",
    "rejections, last page": "/rejections/?page=33",
    "rejections, one by one": "/rejections/?view=each",
    "rejections, a user": "/rejections/?user=user7",
    "rejections, one source": "/rejections/?source=198.51.100.9",
    "search a user": "/search/?q=user77",
    "search a number": "/search/?q=%2B442079",
    "search nothing": "/search/?q=nothing",
    "connections": "/connections/",
    "connections, last page": "/connections/?page=200",
    "connections, search": "/connections/?q=desk+77",
    "connections registered": "/connections/?state=registered",
    "a connection": "/connections/77/",
    "trunks": "/trunks/",
    "a trunk": "/trunks/3/",
    "numbers": "/numbers/",
    "numbers, search": "/numbers/?q=50000",
    "routes": "/routes/",
    "users": "/settings/users/",
    "admin, calls": "/admin/callengine/call/",
    "admin, calls of a user": "/admin/callengine/call/?q=user77",
    "admin, legs of a Call-ID": "/admin/callengine/leg/?q=nothing%40here",
    "admin, rejections": "/admin/callengine/rejection/",
    "admin, SIP messages": "/admin/callengine/sipmessage/",
}


def main() -> int:
    """Measure on each database; the exit status says whether every page kept to the budget."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests of each page")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="leave the other out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        return _inside(QUICK_RUNS if asked.quick else RUNS)
    print(f"load average at the start: {processes.load():.2f}")
    status = 0
    for name, started in (("sqlite", databases.sqlite), ("postgresql", databases.postgres)):
        if asked.only not in (None, name):
            continue
        if name == "postgresql" and databases.postgres_programs() is None:
            print("\nPostgreSQL is not installed: left out")
            continue
        with started() as url:
            print(f"\n{name}", flush=True)
            status |= _run(url, quick=asked.quick)
    print(f"\nload average at the end: {processes.load():.2f}")
    return status


def _run(url: str, *, quick: bool) -> int:
    """Measure in a process of its own, whose settings come from its environment."""
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": "",
            "VOIPNUMBER_DATA": data,
            "DJANGO_SETTINGS_MODULE": "voipnumber.settings",
            "VOIPNUMBER_LOG_LEVEL": "ERROR",
        }
        command = [sys.executable, "-m", "bench.pages", "--inside", *(["--quick"] * quick)]
        return subprocess.run(command, env=environment, check=False).returncode


def _inside(runs: int) -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from bench.filling import Size, fill

    call_command("migrate", verbosity=0)
    fill(Size(**SMALL))
    few = _measured(runs)
    call_command("flush", verbosity=0, interactive=False)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Rows are found by number here; a flush does not begin to count anew.
            cursor.execute(
                "ALTER SEQUENCE connections_connection_id_seq RESTART; "
                "ALTER SEQUENCE trunks_trunk_id_seq RESTART"
            )
    began = time.monotonic()
    fill(Size())
    print(f"filled in {time.monotonic() - began:.0f} s; ms as p50/p95 of {runs}, warm")
    many = _measured(runs)
    print(f"{'':28}  {'100 rows':>9}  {'large':>11}  {'ratio':>5}  {'CPU':>9}  queries")
    late = 0
    for name in PAGES:
        small, large = few[name], many[name]
        late += large.p50_ms > BUDGET_MS
        same = "" if large.queries == small.queries else f", {small.queries} with few rows"
        mark = " (!)" if large.p50_ms > BUDGET_MS else ""
        print(
            f"{name:28}  {small.p50_ms:4.0f}/{small.p95_ms:4.0f}  "
            f"{large.p50_ms:5.0f}/{large.p95_ms:5.0f}  {large.p50_ms / small.p50_ms:5.1f}  "
            f"{small.cpu_ms:4.0f}/{large.cpu_ms:4.0f}  {large.queries}{same}{mark}"
        )
    if late:
        print(f"(!) {late} pages took more than {BUDGET_MS:.0f} ms")
    return 1 if late else 0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page took; CPU is that of this process and of the database server."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    queries: int


def _measured(runs: int) -> dict[str, Cost]:
    """Ask for each page as an admin; the first answer warms up."""
    from django.contrib.auth.models import User
    from django.test import Client

    browser = Client(SERVER_NAME="localhost")
    browser.force_login(User.objects.create_superuser("bench", password="bench"))
    cpu_s = _cpu_clock()
    return {name: _cost(browser, path, runs, cpu_s) for name, path in PAGES.items()}


def _cost(browser: "Client", path: str, runs: int, cpu_s: Callable[[], float]) -> Cost:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from dashboard.overview import figures

    browser.get(path)
    took = []
    before_s = cpu_s()
    for _ in range(runs):
        figures._last.clear()
        began = time.perf_counter()
        response = browser.get(path)
        took.append(1000 * (time.perf_counter() - began))
        assert response.status_code == 200, f"{path}: {response.status_code}"
    cpu_ms = 1000 * (cpu_s() - before_s) / runs
    figures._last.clear()
    with CaptureQueriesContext(connection) as queries:
        browser.get(path)
    took.sort()
    p95 = took[min(round(0.95 * runs), runs - 1)]
    return Cost(statistics.median(took), p95, cpu_ms, len(queries))


def _cpu_clock() -> Callable[[], float]:
    """Return what tells the CPU-seconds used by now, here and by PostgreSQL."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return time.process_time
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    stat = Path(f"/proc/{backend}/stat").read_text()
    server = int(stat.rpartition(")")[2].split()[1])
    return lambda: time.process_time() + processes.cpu_s(server)


if __name__ == "__main__":
    sys.exit(main())
