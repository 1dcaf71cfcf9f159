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

  // A message may name a row this page does not show yet (it gets an empty one to be swapped
  // into) or never will (it is dropped).
  function prepare(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    for (const element of Array.from(holder.content.children)) {
      if (document.getElementById(element.id)) continue;
      const list = element.dataset.insert && document.querySelector(element.dataset.insert);
      if (list) {
        const place = document.createElement(element.tagName);
        place.id = element.id;
        list.insertAdjacentElement(element.dataset.at || "afterbegin", place);
      } else {
        element.remove();
      }
    }
    return holder.innerHTML;
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
