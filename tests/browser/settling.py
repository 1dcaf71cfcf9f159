"""How a test comes to a page: it looks only when the page is at rest.

Just after it has loaded, a page of ours is still on the move: its websocket opens, and what may
have happened before that is read anew and put in the place of what a test has just found. At rest
it is loaded, its websockets are open, nothing it asked for is on its way and nothing moves.
"""

import asyncio
import time
from weakref import WeakSet

from playwright.async_api import Page as AsyncPage
from playwright.sync_api import Error, Page

SETTLED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05
# Runs before the scripts of a page. A count goes down a task later than its event, so that what a
# page does then is counted before: no moment between two things that follow each other looks calm.
WATCH = """
(() => {
  if (window.unsettled) return;
  const later = window.setTimeout.bind(window);
  const frame = window.requestAnimationFrame.bind(window);
  const underway = new Map();
  let last = 0;
  const begin = (what) => {
    const key = (last += 1);
    underway.set(key, what);
    return () => later(() => underway.delete(key));
  };
  const both = (promise, over) => promise.then(over, over);

  const { open, send } = XMLHttpRequest.prototype;
  const addresses = new WeakMap();
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    addresses.set(this, String(url));
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (...given) {
    this.addEventListener("loadend", begin("the answer of " + addresses.get(this)), { once: true });
    return send.apply(this, given);
  };
  const { fetch } = window;
  window.fetch = (...given) => {
    const answer = fetch(...given);
    both(answer, begin("the answer of " + (given[0].url || given[0])));
    return answer;
  };
  for (const name of ["arrayBuffer", "blob", "json", "text"]) {
    const read = Response.prototype[name];
    Response.prototype[name] = function () {
      const text = read.call(this);
      both(text, begin("the text of " + this.url));
      return text;
    };
  }
  window.WebSocket = new Proxy(window.WebSocket, {
    construct(made, given, target) {
      const socket = Reflect.construct(made, given, target);
      const over = begin("the websocket " + given[0]);
      for (const name of ["open", "close"]) socket.addEventListener(name, over, { once: true });
      return socket;
    },
  });

  const CHANGES = ".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added";
  const moves = (one) => {
    const { activeDuration } = one.effect?.getComputedTiming() || {};
    return one.playState === "running" && activeDuration > 0 && activeDuration < Infinity;
  };
  const loaded = () => document.readyState === "complete";
  const why = () => {
    if (!loaded()) return "the page itself";
    for (const what of underway.values()) return what;
    const changes = document.querySelector(CHANGES);
    if (changes) return "htmx in " + changes.outerHTML.slice(0, 80);
    if (document.fonts.status === "loading") return "a font";
    const moving = document.getAnimations().find(moves);
    return moving ? "what moves in " + moving.effect.target?.outerHTML.slice(0, 80) : "";
  };
  // Three frames in which nothing is on its way: observers and drawing have had their turn.
  const drawn = () => new Promise((done) => {
    frame(() => later(done));
    later(done, 200);
  });
  const rest = async () => {
    for (let look = 0; look < 3; look += 1) {
      const what = why();
      if (what) return what;
      await drawn();
    }
    return why();
  };
  // Where JavaScript is off this much still runs, but no timer and no event: nothing moves there.
  let runs = false;
  document.addEventListener("DOMContentLoaded", () => (runs = true));
  window.unsettled = () => (runs ? rest() : loaded() ? "" : "the page itself");
})();
"""
ASK = "() => window.unsettled ? window.unsettled() : ''"
"Nothing of this is in a page that Chromium made by itself."
_watched = WeakSet[Page]()
_watched_async = WeakSet[AsyncPage]()


def arrive(page: Page, address: str, *, rests: bool = True) -> None:
    """Go to an address and wait until the page is at rest, unless the test keeps it from that."""
    if page not in _watched:
        page.add_init_script(WATCH)
        _watched.add(page)
    page.goto(address)
    if rests:
        settle(page)


def arrive_again(page: Page) -> None:
    """Load the page anew and wait until it is at rest."""
    page.reload()
    settle(page)


def settle(page: Page) -> None:
    """Wait until a page one has arrived at is at rest, also where a link of it led."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while what := _why(page):
        assert time.monotonic() < deadline, f"{page.url} still waits for {what}"
        page.wait_for_timeout(1000 * LOOK_EVERY_S)


def _why(page: Page) -> str:
    try:
        return str(page.evaluate(ASK))
    except Error as error:
        return _on_its_way(error)


async def arrive_async(page: AsyncPage, address: str) -> None:
    """Go to an address and wait until the page is at rest."""
    if page not in _watched_async:
        await page.add_init_script(WATCH)
        _watched_async.add(page)
    await page.goto(address)
    await settle_async(page)


async def arrive_again_async(page: AsyncPage) -> None:
    """Load the page anew and wait until it is at rest."""
    await page.reload()
    await settle_async(page)


async def settle_async(page: AsyncPage) -> None:
    """Wait until a page one has arrived at is at rest, also where a link of it led."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while what := await _why_async(page):
        assert time.monotonic() < deadline, f"{page.url} still waits for {what}"
        await asyncio.sleep(LOOK_EVERY_S)


async def _why_async(page: AsyncPage) -> str:
    try:
        return str(await page.evaluate(ASK))
    except Error as error:
        return _on_its_way(error)


def _on_its_way(error: Error) -> str:
    """Return that another page comes, if that is why the one there could not be asked."""
    if "navigation" in error.message or "context was destroyed" in error.message:
        return "the next page"
    raise error
