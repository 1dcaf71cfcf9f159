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

  const engine = document.getElementById("engine");

  htmx.createWebSocket = (url) => hearing.watch(new WebSocket(url));

  // Puts in its places what the page shows of it; what it does not show is left out.
  function place(element) {
    const { trunkState } = element.dataset;
    if (trunkState) {
      // A trunk may be named more than once on a page: all of them change.
      for (const named of document.querySelectorAll('[data-trunk-state="' + trunkState + '"]')) {
        window.anew.fill(named, element.cloneNode(true));
      }
    } else if (element.id === "engine") {
      if (engine) fill(element.cloneNode(true));
    } else {
      const known = element.id && document.getElementById(element.id);
      if (known && known.textContent !== element.textContent) window.anew.take(known, element.cloneNode(true));
    }
  }

  function fill(element) {
    const held = engine.contains(document.activeElement) ? document.activeElement.id : "";
    window.anew.fill(engine, element);
    found();
    if (held) document.getElementById(held)?.focus({ preventScroll: true });
  }

  // What a websocket has said of these places stands until it says otherwise or closes: it tells
  // how all stands as it opens, and what changes in its order. What comes over HTTP meanwhile may
  // have been read before and arrive after.
  const said = new Map();
  let open = false;

  window.told = {
    begin: () => {
      said.clear();
      open = true;
    },
    end: (event) => {
      said.clear();
      open = false;
      if (!hearing.wasSilent(event)) return;
      lost();
      if (engine) htmx.trigger(engine, "told");
    },
    hear: (element) => {
      said.set(element.dataset.trunkState ? "trunk " + element.dataset.trunkState : element.id, element);
      place(element);
    },
  };

  // A pill that nobody answers for says nothing any more but that; what else moves by itself on
  // the page is marked as old.
  function lost() {
    if (open) return;
    const pill = document.getElementById("engine-pill");
    if (!pill || pill.dataset.lost) return;
    pill.dataset.lost = "yes";
    pill.className = "pill pill-wait";
    pill.querySelector(".pill-missing")?.remove();
    const at = hearing.since();
    const time = [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
    pill.querySelector(".pill-text").textContent = "nothing heard since " + time;
    const notice = document.createElement("p");
    notice.className = "notice wait";
    notice.textContent = "Nothing has come from the server of these pages since then: what they show is as it was. This one asks again every 15 seconds. Is manage.py serve running, and the network up?";
    engine.querySelector(".pill-panel")?.replaceChildren(notice);
    document.body.dataset.old = "";
  }

  function found() {
    delete document.body.dataset.old;
  }

  // Who answers for anything of the page answers for the pill too.
  document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
    const { status } = detail.xhr;
    if (!status || status >= 500) return;
    hearing.heard();
    if ("old" in document.body.dataset && engine && target !== engine) htmx.trigger(engine, "told");
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    if (engine && event.target === engine) found();
    const told = Array.from(said.values()).filter((element) => (element.id === "engine") === (event.target === engine));
    if (!told.length) return;
    told.forEach(place);
    if (engine) htmx.trigger(engine, "htmx:wsAfterMessage", {});
  });

  if (!engine) return;

  // A page of live calls or trunks has a websocket of its own that brings all of this.
  const isLive = () => document.querySelector("#live[ws-connect]") !== null;
  const named = () => new Set(Array.from(document.querySelectorAll("[data-trunk-state]"), (place) => place.dataset.trunkState));

  let openedAt = 0;
  let waitMs = PATIENCE_MS;
  let over = false;

  function elementsOf(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    return Array.from(holder.content.children);
  }

  function take(text) {
    for (const element of elementsOf(text)) {
      // How all else stands follows by itself.
      if (element.id === "live-refresh") tell(part?.id);
      else if (element.dataset.tell) tell(element.dataset.tell);
      else window.told.hear(element);
    }
    htmx.trigger(engine, "htmx:wsAfterMessage", {});
  }

  // A part of the page asks for itself.
  function tell(id) {
    const element = id && document.getElementById(id);
    if (element) htmx.trigger(element, "told");
  }

  async function readStates() {
    const trunks = Array.from(named()).join();
    if (!trunks || !engine.dataset.states) return;
    try {
      const answer = await fetch(engine.dataset.states + "?of=" + trunks, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      elementsOf(await answer.text()).forEach(place);
      said.forEach(place);
    } catch {
      // The pill, asked for with it, says that nothing answers.
    }
  }

  // Such a part has a websocket that tells of the engine too; that of the phone is another thing.
  const part = document.querySelector("main [hx-get][data-socket]");

  function path() {
    if (part) return part.dataset.socket;
    if (!named().size || !engine.dataset.states) return engine.dataset.socket;
    return engine.dataset.trunksSocket + "?of=" + Array.from(named()).join();
  }

  // What a part says when it was told to ask must be of that moment; if it asks by itself, one
  // answer does for all who ask at about the same time.
  part?.addEventListener("htmx:configRequest", ({ target, detail }) => {
    if (target === part && !detail.triggeringEvent) detail.headers["Cache-Control"] = "max-age=5";
  });

  function connect() {
    const socket = hearing.watch(new WebSocket(location.origin.replace(/^http/, "ws") + path()));
    socket.onopen = () => {
      openedAt = Date.now();
      window.told.begin();
    };
    socket.onmessage = ({ data }) => {
      take(data);
      socket.send("shown");
    };
    socket.onclose = (event) => {
      if (open && Date.now() - openedAt > STEADY_MS) waitMs = PATIENCE_MS;
      window.told.end(event);
      if (over || [NOT_SIGNED_IN, NOT_ALLOWED, TOO_MANY].includes(event.code)) return;
      // Pages that lost their server together must not come back together.
      setTimeout(connect, waitMs * (0.9 + 0.2 * Math.random()));
      waitMs = Math.min(SLOWEST_MS, waitMs * 2);
    };
  }

  engine.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target === engine && open) event.preventDefault();
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
