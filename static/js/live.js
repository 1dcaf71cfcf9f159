// Keeps a live page true: over the websocket, or by asking every few seconds, saying which.
(function () {
  "use strict";

  const POLL_MS = 2000;
  const CALM_POLL_MS = 5000;
  const CALM_AFTER_MS = 60000;
  const SLOWEST_MS = 30000;
  const PATIENCE_MS = 2000;
  const STEADY_MS = 10000;
  const ANNOUNCE_MS = 5000;
  const SWEEP_MS = 1000;
  const MOST_HELD = 100;
  const ANSWER_MS = 20000;
  const BEAT = "<!--beat-->";
  const NOT_ALLOWED = 4403;
  const TOO_MANY = 4429;
  const LOST = "live connection lost";
  const RECONNECTED_BY_HTMX = [1006, 1011, 1012, 1013];

  const live = document.getElementById("live");
  const region = document.getElementById("live-region");
  const state = document.getElementById("live-state");
  if (!live || !region || !live.hasAttribute("ws-connect")) return;

  let open = false;
  let openedAt = 0;
  let reconnectMs = PATIENCE_MS;
  let refreshing = false;
  let refreshAgain = false;
  let asked = false;
  let givesWay = false;
  let owed = false;
  let sending = 0;
  let polling = false;
  let stopped = false;
  let pollTimer = 0;
  let pollingSince = 0;
  let failures = 0;
  let why = LOST;
  let sharing = false;
  let over = false;
  let held = [];
  // Stands for what the page shows, as long as nothing but the server's answer changed it.
  let etag = region.dataset.etag || "";

  function show(name, text) {
    if (!state || over) return;
    state.dataset.state = name;
    if (state.textContent !== text) state.textContent = text;
  }

  const isOld = () => "old" in live.dataset;

  function heard() {
    delete live.dataset.old;
  }

  function since() {
    return "nothing heard since " + hearing.since().toLocaleTimeString("en-GB");
  }

  function refresh() {
    if (refreshing) {
      refreshAgain = true;
      return;
    }
    refreshing = true;
    asked = false;
    htmx.trigger(region, "refresh");
    if (asked) return;
    refreshing = false;
    owed = true;
    release();
  }

  // Whoever filters a list goes first: it is not asked for meanwhile, or that is called off, and it
  // is asked for what they chose once they have been answered.
  document.addEventListener(
    "htmx:abort",
    () => {
      givesWay = refreshing;
    },
    true,
  );

  document.addEventListener("htmx:afterRequest", ({ target }) => {
    if (!owed || target === region) return;
    owed = false;
    setTimeout(refresh);
  });

  // --- without the websocket -------------------------------------------------------------------

  function pollMs() {
    if (failures) return Math.min(SLOWEST_MS, POLL_MS * 2 ** failures);
    return Date.now() - pollingSince > CALM_AFTER_MS ? CALM_POLL_MS : POLL_MS;
  }

  function poll() {
    if (open || polling || stopped) return;
    polling = true;
    pollingSince = Date.now();
    failures = 0;
    refresh();
    wait();
  }

  function wait() {
    clearTimeout(pollTimer);
    if (!polling) return;
    const ms = pollMs();
    if (isOld()) show("polling", since() + (failures ? ": asking every " + ms / 1000 + " s" : ", asking again"));
    else show("polling", why + ": asking every " + ms / 1000 + " seconds");
    // Pages that lost their server together must not come back together.
    pollTimer = setTimeout(() => {
      if (document.hidden || refreshing) {
        wait();
        return;
      }
      sharing = true;
      refresh();
    }, ms * (0.9 + 0.2 * Math.random()));
  }

  document.addEventListener("visibilitychange", () => {
    if (polling && !document.hidden && !refreshing) refresh();
  });

  function stop(text) {
    stopped = true;
    polling = false;
    refreshAgain = false;
    clearTimeout(pollTimer);
    show("polling", text);
  }

  region.addEventListener("htmx:configRequest", (event) => {
    if (event.target !== region) return;
    asked = true;
    // Without an answer nothing that the websocket brings would be shown.
    event.detail.timeout = ANSWER_MS;
    if (etag) event.detail.headers["If-None-Match"] = etag;
    // One answer for all who poll at about the same time; older than this page it cannot be.
    // After a websocket has opened it must be of this moment.
    if (sharing && polling) event.detail.headers["Cache-Control"] = "max-age=1";
    sharing = false;
  });

  region.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target !== region) return;
    if (event.detail.xhr.status === 304) event.detail.shouldSwap = false;
    else etag = event.detail.xhr.getResponseHeader("ETag") || "";
  });

  region.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== region) return;
    refreshing = false;
    if (givesWay) {
      givesWay = false;
      refreshAgain = false;
      owed = true;
      release();
      return;
    }
    const { status } = event.detail.xhr;
    const answered = (status >= 200 && status < 300) || status === 304;
    failures = answered ? 0 : failures + 1;
    if (answered) heard();
    else if (!open) live.dataset.old = "";
    if (answered && open) show("open", "live");
    tidy();
    noticeEnd();
    release();
    if (status === 403) stop("you may not watch this any more: ask an administrator");
    else if (polling) wait();
    else if (!answered && open) setTimeout(refresh, pollMs());
    if (refreshAgain) {
      refreshAgain = false;
      refresh();
    }
  });

  // --- what the websocket brings ---------------------------------------------------------------

  // Of a known row only what differs is changed: that keeps a hundred busy calls smooth.
  function replace(known, element) {
    const [before, after] = [Array.from(known.children), Array.from(element.children)];
    if (known.tagName !== "TR" || before.length !== after.length) {
      window.anew.take(known, element);
      return;
    }
    for (const name of Object.keys(element.dataset)) known.dataset[name] = element.dataset[name];
    known.toggleAttribute("data-ended", element.hasAttribute("data-ended"));
    after.forEach((cell, index) => window.anew.take(before[index], cell));
  }

  function insert(list, element) {
    if (element.dataset.order) window.places.take(list, element);
    else list.insertAdjacentElement(element.dataset.at || "afterbegin", element);
    htmx.process(element);
  }

  // What this page does not show is left out.
  function put(element) {
    if (element.id === "live-refresh") {
      refresh();
      return;
    }
    if (element.dataset.trunkState || element.id === "engine") {
      window.told.hear(element);
      return;
    }
    const how = element.getAttribute("hx-swap-oob");
    element.removeAttribute("hx-swap-oob");
    const known = document.getElementById(element.id);
    const list = element.dataset.insert && document.querySelector(element.dataset.insert);
    if (!known && list) insert(list, element);
    else if (!known) return;
    else if (how === "delete") leave(known);
    else if (how === "innerHTML") window.anew.fill(known, element);
    else replace(known, element);
  }

  function apply({ message, socketWrapper }) {
    const focused = document.activeElement ? document.activeElement.id : "";
    const holder = document.createElement("template");
    holder.innerHTML = message;
    Array.from(holder.content.children).forEach(put);
    etag = "";
    tidy();
    noticeEnd();
    if (focused && (!document.activeElement || document.activeElement.id !== focused)) {
      const element = document.getElementById(focused) || whereNow();
      if (element) element.focus({ preventScroll: true });
    }
    htmx.trigger(live, "htmx:wsAfterMessage", { message, socketWrapper });

    // The server sends no more than a few messages that were not shown.
    if (open) socketWrapper.send("shown");
  }

  // What had the focus is gone: where one reads on is why the call ended, or the page.
  function whereNow() {
    const element = document.querySelector("#call-end section") || document.getElementById("main");
    if (element) element.tabIndex = -1;
    return element;
  }

  function release() {
    if (refreshing || sending) return;
    const messages = held;
    held = [];
    messages.forEach(apply);
  }

  live.addEventListener("htmx:wsBeforeMessage", (event) => {
    // Put in place here and not by htmx, which would make anew what has not changed.
    event.preventDefault();
    // A beat shows nothing, and must not wait.
    if (event.detail.message === BEAT) event.detail.socketWrapper.send("shown");
    // The answer under way may be older than this message: it waits for the answer.
    else if (!refreshing && !sending) apply(event.detail);
    else if (held.length < MOST_HELD) held.push(event.detail);
  });

  // What is answered to somebody, as that the engine was told, may be older as well.
  live.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (detail.requestConfig.verb === "get") return;
    sending += 1;
    // Told of the request itself: its form may have left the page by then.
    detail.xhr.addEventListener("loadend", () => {
      sending -= 1;
      release();
    });
  });

  live.addEventListener("htmx:wsOpen", () => {
    open = true;
    openedAt = Date.now();
    window.told.begin();
    stopped = over;
    polling = false;
    clearTimeout(pollTimer);
    if (isOld()) show("polling", "heard again, reading anew");
    else show("open", "live");
    // Whatever happened between the page and this moment was not sent to us.
    refresh();
  });

  live.addEventListener("htmx:wsClose", (event) => {
    if (open && Date.now() - openedAt > STEADY_MS) reconnectMs = PATIENCE_MS;
    open = false;
    held = [];
    const { code } = event.detail.event;
    if (hearing.wasSilent(event.detail.event)) live.dataset.old = "";
    window.told.end(event.detail.event);
    why = code === TOO_MANY ? "too many live pages are open, close some and reload" : LOST;
    poll();
    if (code === NOT_ALLOWED || code === TOO_MANY || RECONNECTED_BY_HTMX.includes(code)) return;
    setTimeout(() => {
      if (!open) event.detail.socketWrapper.reconnect();
    }, reconnectMs);
    reconnectMs = Math.min(SLOWEST_MS, reconnectMs * 2);
  });

  // A call that is over is not live any more: its page says so, and is one of the record.
  function noticeEnd() {
    const head = document.getElementById("call-head");
    if (over || !head || head.dataset.live !== "no") return;
    show("over", "ended");
    over = true;
    stopped = true;
    polling = false;
    clearTimeout(pollTimer);
    const crumb = document.querySelector("#call-crumb a");
    const place = crumb && document.querySelector('.rail a[href="' + crumb.getAttribute("href") + '"]');
    if (!place) return;
    document.querySelector(".rail a[aria-current]")?.removeAttribute("aria-current");
    place.setAttribute("aria-current", "page");
  }

  // --- the rest --------------------------------------------------------------------------------

  // A row that has ended stays for a while, and for as long as somebody points at the list:
  // nothing moves under the pointer.
  const endedAt = new Map();

  function leave(row) {
    if (row.dataset.order) window.places.leaveInTime(row);
    else row.remove();
  }

  function sweep() {
    for (const row of document.querySelectorAll("[data-places] > [id]")) {
      const wasLong = row.hasAttribute("data-ended") && performance.now() - endedAt.get(row.id) > 1000 * row.parentElement.dataset.linger;
      if ((wasLong || "leaving" in row.dataset) && !window.places.isHeld(row)) window.places.leave(row);
    }
    for (const id of Array.from(endedAt.keys())) if (!document.getElementById(id)) endedAt.delete(id);
  }

  function tidy() {
    for (const list of document.querySelectorAll("[data-limit]")) {
      const ended = Array.from(list.querySelectorAll(":scope > [data-ended]"));
      for (const row of ended) if (!endedAt.has(row.id)) endedAt.set(row.id, performance.now());
      ended.sort((a, b) => endedAt.get(b.id) - endedAt.get(a.id));
      ended.splice(Number(list.dataset.endedLimit || ended.length)).forEach((row) => window.places.leave(row));
      const live = Array.from(list.querySelectorAll(":scope > [id]:not([data-ended])"));
      live.sort((a, b) => (a.dataset.order < b.dataset.order ? 1 : -1));
      live.splice(Number(list.dataset.limit)).forEach((row) => window.places.leave(row));
    }
  }

  function announce() {
    const count = document.getElementById("live-count");
    const target = document.getElementById("announce");
    if (!count || !target) return;
    const number = count.textContent.trim();
    const text = number === "1" ? "1 call in progress" : number + " calls in progress";
    if (target.textContent !== text) target.textContent = text;
  }

  setTimeout(poll, PATIENCE_MS);
  setInterval(announce, ANNOUNCE_MS);
  setInterval(sweep, SWEEP_MS);
  // Once the scripts of the page itself have run.
  document.addEventListener("DOMContentLoaded", tidy);
})();
