"""How smooth the live page is in a real Chromium: gaps between frames, and tasks that block."""

from dataclasses import dataclass

from playwright.sync_api import sync_playwright

from bench.latency import percentile

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
MEASURE = """(milliseconds) => new Promise((done) => {
    const tasks = [], gaps = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) tasks.push(entry.duration);
    }).observe({ type: "longtask" });
    let changed = 0;
    new MutationObserver((all) => { changed += all.length; })
        .observe(document.getElementById("live"), { childList: true, subtree: true });
    let last = performance.now();
    const until = last + milliseconds;
    requestAnimationFrame(function frame(now) {
        gaps.push(now - last);
        last = now;
        if (now < until) requestAnimationFrame(frame);
        else done({ tasks, gaps: gaps.slice(1), changed,
                    rows: document.querySelectorAll("#live-calls tr").length });
    });
})"""


@dataclass(frozen=True, slots=True)
class Smoothness:
    """One stretch of watching."""

    rows: int
    changes: int
    "Elements put into the page or taken out of it."
    frames_per_s: float
    gap_p99_ms: float
    longest_task_ms: float
    "0 if no task took 50 ms: shorter ones are not reported."
    long_tasks: int


class Window:
    """The page of live calls in Chromium; a context manager that starts and ends both."""

    def __init__(self, host: str, key: str) -> None:
        self._host, self._key = host, key

    def __enter__(self) -> "Window":
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        url = f"http://{self._host}"
        context = self._browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": self._key, "url": url}])
        self._page = context.new_page()
        self._page.goto("/calls/")
        self._page.locator("#live-state[data-state=open]").wait_for()
        self._page.wait_for_load_state("networkidle")
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.close()
        self._playwright.stop()

    def watch(self, seconds: float) -> Smoothness:
        """Watch for so long."""
        seen = self._page.evaluate(MEASURE, seconds * 1000)
        gaps, tasks = seen["gaps"], seen["tasks"]
        return Smoothness(
            rows=seen["rows"],
            changes=seen["changed"],
            frames_per_s=1000 * len(gaps) / max(1.0, sum(gaps)),
            gap_p99_ms=percentile(gaps, 0.99),
            longest_task_ms=max(tasks, default=0.0),
            long_tasks=len(tasks),
        )
