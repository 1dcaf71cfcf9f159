// Keeps true what stands on every page: the engine pill, and the state of each trunk that is named.
(function () {
  "use strict";

  const POLL_MS = 15000;
  const PATIENCE_MS = 2000;
  const SLOWEST_MS = 30000;
  const STEADY_MS = 10000;
  const NOT_SIGNED_IN = 4401;
  const NOT_ALLOWED = 4403;
  const TOO_MANY = 4429;

  // A trunk may be named more than once on a page: all of them change.
  window.showTrunkState = (element) => {
    for (const place of document.querySelectorAll('[data-trunk-state="' + element.dataset.trunkState + '"]')) {
      place.replaceChildren(...element.cloneNode(true).childNodes);
    }
  };

  const engine = document.getElementById("engine");
  if (!engine) return;

  // A page of live calls or trunks has a websocket of its own that brings all of this.
  const isLive = () => document.querySelector("#live[ws-connect]") !== null;
  const named = () => new Set(Array.from(document.querySelectorAll("[data-trunk-state]"), (place) => place.dataset.trunkState));

  let open = false;
  let openedAt = 0;
  let waitMs = PATIENCE_MS;
  let over = false;
  let asking = false;

  function take(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    for (const element of Array.from(holder.content.children)) {
      if (element.id === "live-refresh") read();
      else if (element.dataset.tell) tell(element.dataset.tell);
      else if (element.dataset.trunkState) window.showTrunkState(element);
      else if (element.id === "engine") fill(element);
      else {
        // What this page does not show is left out.
        const known = element.id && document.getElementById(element.id);
        if (known && known.textContent !== element.textContent) known.replaceWith(element);
      }
    }
    htmx.trigger(engine, "htmx:wsAfterMessage", {});
  }

  // A part of the page asks for itself.
  function tell(id) {
    const part = document.getElementById(id);
    if (part) htmx.trigger(part, "told");
  }

  function fill(element) {
    const held = engine.contains(document.activeElement) ? document.activeElement.id : "";
    engine.replaceChildren(...element.childNodes);
    if (held) document.getElementById(held)?.focus({ preventScroll: true });
  }

  async function readStates() {
    const trunks = Array.from(named()).join();
    if (!trunks || !engine.dataset.states) return;
    try {
      const answer = await fetch(engine.dataset.states + "?of=" + trunks, { headers: { "HX-Request": "true" } });
      if (answer.ok) take(await answer.text());
    } catch {
      // The pill, asked for with it, says that nothing answers.
    }
  }

  // What happened between the page and now was told to nobody.
  function read() {
    asking = true;
    htmx.trigger(engine, "read");
    asking = false;
    readStates();
    if (part) tell(part.id);
  }

  const part = document.querySelector("main [data-socket]");

  function path() {
    if (part) return part.dataset.socket;
    return named().size && engine.dataset.states ? engine.dataset.trunksSocket : engine.dataset.socket;
  }

  function connect() {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path());
    socket.onopen = () => {
      open = true;
      openedAt = Date.now();
      read();
    };
    socket.onmessage = ({ data }) => {
      take(data);
      socket.send("shown");
    };
    socket.onclose = ({ code }) => {
      if (open && Date.now() - openedAt > STEADY_MS) waitMs = PATIENCE_MS;
      open = false;
      if (over || [NOT_SIGNED_IN, NOT_ALLOWED, TOO_MANY].includes(code)) return;
      // Pages that lost their server together must not come back together.
      setTimeout(connect, waitMs * (0.9 + 0.2 * Math.random()));
      waitMs = Math.min(SLOWEST_MS, waitMs * 2);
    };
  }

  // A pill that nobody answers for says nothing any more but that.
  function lost() {
    const pill = document.getElementById("engine-pill");
    if (!pill || pill.dataset.lost) return;
    pill.dataset.lost = "yes";
    pill.className = "pill pill-wait";
    pill.querySelector(".pill-missing")?.remove();
    const at = new Date();
    const time = [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
    pill.querySelector(".pill-text").textContent = "no answer since " + time;
    const said = document.createElement("p");
    said.className = "notice wait";
    said.textContent = "The server of these pages does not answer: what they show is as it was then. This one asks again every 15 seconds. Is manage.py serve running, and the network up?";
    engine.querySelector(".pill-panel")?.replaceChildren(said);
  }

  engine.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === engine && open && !asking) event.preventDefault();
  });
  engine.addEventListener("htmx:sendError", lost);
  engine.addEventListener("htmx:timeout", lost);
  engine.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status >= 500) lost();
  });
  window.addEventListener("pagehide", () => {
    over = true;
  });
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    over = false;
    if (!isLive() && !open) connect();
  });

  // A live page without its websocket reads itself anew, and with that the states it names.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "live-region") readStates();
  });

  if (isLive()) return;
  connect();
  setInterval(() => {
    if (!open && !document.hidden) readStates();
  }, POLL_MS);
})();
