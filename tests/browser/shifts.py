"""What moves by itself on a page (layout shifts), as Chromium measures it."""

from playwright.sync_api import Page

FROM_THE_START = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
    window.shifts.push([entry.value, moved.join(" ")]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
"Of a script that runs before a page does, as of one that runs once it is there."
FROM_NOW = FROM_THE_START.replace(", buffered: true", "")


def moved(page: Page) -> list[tuple[float, str]]:
    """Return what moved by itself: how much (its part of the cumulative layout shift), and what."""
    return [(float(value), moved) for value, moved in page.evaluate("window.shifts")]


def shifted(page: Page) -> float:
    """Return the cumulative layout shift; up to 0.1 counts as good elsewhere."""
    return sum(value for value, _ in moved(page))
