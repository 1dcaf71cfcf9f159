// Keeps a live page true: over the websocket, or by asking every two seconds, saying which.
(function () {
  "use strict";

  const POLL_MS = 2000;
  const PATIENCE_MS = 2000;
  const ANNOUNCE_MS = 5000;
  const RECONNECTED_BY_HTMX = [1006, 1011, 1012, 1013];

  const live = document.getElementById("live");
  const region = document.getElementById("live-region");
  const state = document.getElementById("live-state");
  if (!live || !region || !live.hasAttribute("ws-connect")) return;

  let open = false;
  let refreshing = false;
  let refreshAgain = false;
  let pollTimer = 0;
  let focused = "";

  const WORDS = {
    open: "live",
    polling: "live connection lost: asking every 2 seconds",
  };

  function show(name) {
    if (!state || state.dataset.state === name) return;
    state.dataset.state = name;
    state.textContent = WORDS[name];
  }

  function refresh() {
    if (refreshing) {
      refreshAgain = true;
      return;
    }
    refreshing = true;
    htmx.trigger(region, "refresh");
  }

  function poll() {
    if (open || pollTimer) return;
    show("polling");
    pollTimer = setInterval(() => {
      if (!document.hidden && !refreshing) refresh();
    }, POLL_MS);
    refresh();
  }

  // Rows are put in place here: a new one joins its list, of a known one only the cells that
  // differ are replaced, which is what keeps 200 busy calls smooth. What this page does not
  // show is dropped; the rest is left to htmx.
  function prepare(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    for (const element of Array.from(holder.content.children)) {
      const known = document.getElementById(element.id);
      const list = element.dataset.insert && document.querySelector(element.dataset.insert);
      if (known && !list) continue;
      element.remove();
      if (!list) continue;
      element.removeAttribute("hx-swap-oob");
      if (known) replaceChanged(known, element);
      else list.insertAdjacentElement(element.dataset.at || "afterbegin", element);
    }
    return holder.innerHTML;
  }

  // Times differ in their text alone once the browser has made them local, or let them tick.
  function sameButForTime(one, other) {
    const [a, b] = [one, other].map((cell) => {
      const copy = cell.cloneNode(true);
      copy.classList.remove("fresh");
      if (!copy.classList.length) copy.removeAttribute("class");
      for (const time of copy.querySelectorAll("time, [data-since]")) {
        time.removeAttribute("title");
        time.removeAttribute("data-clock");
        time.textContent = "";
      }
      return copy;
    });
    return a.isEqualNode(b);
  }

  function replaceChanged(known, element) {
    const [before, after] = [Array.from(known.children), Array.from(element.children)];
    if (known.tagName !== "TR" || before.length !== after.length) {
      known.replaceWith(element);
      return;
    }
    known.classList.remove("fresh");
    after.forEach((cell, index) => {
      if (sameButForTime(before[index], cell)) return;
      cell.classList.add("fresh");
      before[index].replaceWith(cell);
    });
  }

  htmx.defineExtension("live", {
    transformResponse(text, xhr) {
      return xhr ? text : prepare(text);
    },
  });

  function tidy() {
    for (const list of document.querySelectorAll("[data-limit]")) {
      while (list.children.length > Number(list.dataset.limit)) list.lastElementChild.remove();
    }
    const count = document.getElementById("live-count");
    const rows = document.getElementById("live-calls");
    if (count && rows && count.textContent !== String(rows.children.length)) {
      count.textContent = rows.children.length;
    }
  }

  function announce() {
    const rows = document.getElementById("live-calls");
    const target = document.getElementById("announce");
    if (!rows || !target) return;
    const number = rows.children.length;
    const text = number === 1 ? "1 call in progress" : number + " calls in progress";
    if (target.textContent !== text) target.textContent = text;
  }

  live.addEventListener("htmx:wsOpen", () => {
    open = true;
    clearInterval(pollTimer);
    pollTimer = 0;
    show("open");
    // Whatever happened between the page and this moment was not sent to us.
    refresh();
  });

  live.addEventListener("htmx:wsClose", (event) => {
    open = false;
    poll();
    const { code } = event.detail.event;
    if (!RECONNECTED_BY_HTMX.includes(code)) {
      setTimeout(() => {
        if (!open) event.detail.socketWrapper.reconnect();
      }, PATIENCE_MS);
    }
  });

  live.addEventListener("htmx:wsBeforeMessage", () => {
    focused = document.activeElement ? document.activeElement.id : "";
  });

  live.addEventListener("htmx:wsAfterMessage", () => {
    // The answer under way may be older than this message.
    if (refreshing) refreshAgain = true;
    if (focused && (!document.activeElement || document.activeElement.id !== focused)) {
      const element = document.getElementById(focused);
      if (element) element.focus({ preventScroll: true });
    }
    tidy();
  });

  region.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== region) return;
    refreshing = false;
    tidy();
    if (refreshAgain) {
      refreshAgain = false;
      refresh();
    }
  });

  setTimeout(poll, PATIENCE_MS);
  setInterval(announce, ANNOUNCE_MS);
})();
