"""Whether Live stays still, and the server as large as it was: `python -m bench.stillness`.

Real calls come, ring, talk, are declined and end, at most so many at once, through a real engine;
Live shows them in a real Chromium, at a desk and on a phone. Loopback only; ends by itself.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from bench import processes, scenarios, talking
from bench.media import Media
from bench.signing_in import session_keys
from bench.sipp import Sipp
from bench.smoothness import CHROMIUM, FLAGS
from bench.switches import Product, free_port
from tests.browser import shifts

MOST_SHIFT = 0.02
MOST_GROWTH = 0.03
FROM_MINUTE = 5
"Until then it imports, caches and opens what it needs."
RAMP_MS = 10_000
"In which as many calls begin as may stand."
WINDOWS = {"desk": (1280, 900), "phone": (390, 844)}


@dataclass(frozen=True, slots=True)
class Kind:
    """Callers who call one callee again and again."""

    name: str
    callee: str
    "Its codec."
    talk_ms: int
    share: float
    "Of the calls that stand."
    refusal: int = 0


KINDS = (
    Kind("short", "PCMU", 7_000, 0.2),
    Kind("long", "PCMU", 61_000, 0.2),
    Kind("transcoded", "G722", 17_000, 0.2),
    Kind("other", "PCMA", 31_000, 0.25),
    Kind("slow", "OPUS", 5_000, 0.1),
    Kind("declined", "AMR-WB", 3_000, 0.05, refusal=488),
)
"Their lengths have no common measure, so that what ends together does not do so again."
RING_MS = {"OPUS": 9_000}


class BusyProduct(Product):
    """The product, with one callee whose codec a caller with PCMU alone does not have."""

    users = 5
    forcing = ("AMR-WB",)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the server is."""

    minute: int
    engine_mb: float
    "Resident, of the process that has engine and pages."
    tree_mb: float
    "Proportional, of it and all call processes: as many as there are calls just now."


def main() -> int:
    """Measure; the exit status says whether it stayed still and did not grow."""
    asked = _arguments()
    if not shutil.which("sipp"):
        print("missing: sipp (Debian: sip-tester)", file=sys.stderr)
        return 2
    print(f"load average at the start: {processes.load():.2f}")
    ports = {kind.callee: free_port() for kind in KINDS}
    with BusyProduct(ports, max_calls=asked.calls + 20) as product:
        with _calls(product, ports, asked.calls) as callers, _windows(product) as pages:
            sizes = list(_sizes(product, pages, asked.minutes))
            moved = {name: shifts.moved(page) for name, page in pages.items()}
            rows = {name: page.locator("#live-calls tr").count() for name, page in pages.items()}
        ended = {name: caller.end() for name, caller in callers.items()}
    print(
        ", ".join(f"{outcome.succeeded} {name}" for name, outcome in ended.items()), "calls ended"
    )
    print(f"load average at the end: {processes.load():.2f}")
    stirred = [name for name in pages if not _still(name, moved[name], rows[name], asked.minutes)]
    return 0 if _no_larger(sizes) and not stirred else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.stillness", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10, help="how long; 30 to judge memory")
    parser.add_argument("--calls", type=int, default=20, help="how many at once")
    asked = parser.parse_args()
    if asked.minutes < 1 or not 10 <= asked.calls <= 200:
        parser.error("--minutes must be at least 1, --calls 10 to 200")
    return asked


@contextmanager
def _calls(product: Product, ports: dict[str, int], count: int) -> Iterator[dict[str, Sipp]]:
    """Have calls come and go, both ends of which speak."""
    folder = product.folder
    with ExitStack() as stack:
        media_ports: dict[str, int] = {}
        for codec, port in ports.items():
            ends = stack.enter_context(Media(*talking.sides(codec)))
            media_ports[codec] = ends.caller.port
            answers = scenarios.callee(
                codec=codec, media_port=ends.callee.port, ring_ms=RING_MS.get(codec, 0)
            )
            callee = Sipp(folder, f"callee-{codec}", answers, port=port)
            stack.callback(processes.end, callee.process, timeout_s=0.5)
        callers = {}
        for kind in KINDS:
            calls = scenarios.caller(
                server=product.server,
                to=product.target(kind.callee),
                media_port=media_ports[kind.callee],
                talk_ms=kind.talk_ms,
                refusal=kind.refusal,
            )
            most = max(1, round(count * kind.share))
            callers[kind.name] = Sipp(
                folder,
                f"caller-{kind.name}",
                calls,
                port=free_port(),
                server=product.server,
                l=most,
                r=most,
                rp=RAMP_MS,
            )
            stack.callback(processes.end, callers[kind.name].process, timeout_s=0.5)
        yield callers


@contextmanager
def _windows(product: Product) -> Iterator[dict[str, Page]]:
    """Open Live at each size."""
    url = f"http://{product.web}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        pages = {}
        for (name, (width, height)), key in zip(
            WINDOWS.items(), session_keys(len(WINDOWS), product.environment), strict=True
        ):
            context = browser.new_context(base_url=url, viewport={"width": width, "height": height})
            context.add_cookies([{"name": "sessionid", "value": key, "url": url}])
            context.add_init_script(shifts.FROM_THE_START)
            pages[name] = context.new_page()
            pages[name].goto("/calls/")
            pages[name].locator("#live-state[data-state=open]").wait_for()
        yield pages
        browser.close()


def _sizes(product: Product, pages: dict[str, Page], minutes: int) -> Iterator[Size]:
    """Yield the server's size once a minute, as it is printed."""
    began = time.monotonic()
    print(f"{'minute':>6}  {'engine and pages':>16}  {'all processes':>13}  " + "  ".join(pages))
    for minute in range(1, minutes + 1):
        processes.sleep_until(began + 60 * minute)
        pid = product.process.pid
        size = Size(minute, processes.resident_mb(pid), processes.memory_mb(pid))
        moved = "  ".join(f"{shifts.shifted(page):.4f}" for page in pages.values())
        print(
            f"{minute:>6}  {size.engine_mb:>13.1f} MB  {size.tree_mb:>10.1f} MB  {moved}",
            flush=True,
        )
        yield size


def _still(name: str, moved: list[tuple[float, str]], rows: int, minutes: int) -> bool:
    """Say how much moved by itself, and what moved most."""
    total = sum(value for value, _ in moved)
    mark = "" if total < MOST_SHIFT else " (!)"
    print(f"{name}: layout shift {total:.4f}{mark} in {minutes} min, {rows} rows at the end")
    for value, what in sorted(moved, reverse=True)[:5]:
        print(f"    {value:.4f}  {what}")
    return total < MOST_SHIFT


def _no_larger(sizes: list[Size]) -> bool:
    """Say by how much the process with engine and pages grew once it had all it needs."""
    later = [size for size in sizes if size.minute >= FROM_MINUTE]
    if len(later) < 2:
        print(f"memory: not judged, before minute {FROM_MINUTE + 1} it still settles")
        return True
    growth = later[-1].engine_mb / later[0].engine_mb - 1
    mark = "" if growth <= MOST_GROWTH else " (!)"
    print(
        f"memory: {100 * growth:+.1f} %{mark} from minute {later[0].minute} to {later[-1].minute}"
    )
    return growth <= MOST_GROWTH


if __name__ == "__main__":
    sys.exit(main())
