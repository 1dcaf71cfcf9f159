// What a codec picker asks the server as its list changes: what the list means, and what past calls
// would have become.
(function () {
  "use strict";

  if (window.pickerAsking) return;

  const MEANING_DELAY_MS = 60;
  const FUTURE_DELAY_MS = 120;
  const meanings = new WeakMap();
  const futures = new WeakMap();
  const { codecsOf, follows } = window.pickerLists;

  function meaning(picker) {
    const place = picker.querySelector("[data-meaning-text]");
    const before = meanings.get(picker);
    if (before) before.abort();
    const asking = new AbortController();
    meanings.set(picker, asking);
    const query = codecsOf(picker).map((name) => "codec=" + encodeURIComponent(name)).join("&");
    setTimeout(async () => {
      if (asking.signal.aborted) return;
      let text = "";
      try {
        const url = picker.dataset.meaning + "?" + query;
        const answer = await fetch(url, { signal: asking.signal, redirect: "error" });
        if (answer.ok) text = await answer.text();
      } catch {
        if (asking.signal.aborted) return;
      }
      // No sentence is better than one about another list.
      place.textContent = text;
    }, MEANING_DELAY_MS);
  }

  // What past calls would have become: one question at a time, the last one counts.
  function future(picker) {
    const place = picker.querySelector("[data-future-text]");
    if (!place || !picker.dataset.future) return;
    const before = futures.get(picker);
    if (before) before.abort();
    const asking = new AbortController();
    futures.set(picker, asking);
    const names = follows(picker) ? [] : codecsOf(picker);
    const force = picker.querySelector("[data-force]");
    const query = names.map((name) => "&codec=" + encodeURIComponent(name)).join("");
    const url = picker.dataset.future + query + (force && force.checked ? "&force=1" : "");
    place.setAttribute("aria-busy", "true");
    setTimeout(async () => {
      if (asking.signal.aborted) return;
      let html = "";
      try {
        const answer = await fetch(url, { signal: asking.signal, redirect: "error" });
        if (answer.ok) html = await answer.text();
      } catch {
        if (asking.signal.aborted) return;
      }
      const was = place.querySelector("[data-future-calls]");
      const open = Boolean(was && was.open);
      place.innerHTML = names.length || follows(picker) ? html : "";
      const now = place.querySelector("[data-future-calls]");
      if (now) now.open = open;
      place.removeAttribute("aria-busy");
      place.dispatchEvent(new CustomEvent("picker:future", { bubbles: true }));
    }, FUTURE_DELAY_MS);
  }

  window.pickerAsking = { meaning, future };
})();
