// Registration states refresh themselves; say so when they do not, and show once what changed.
(function () {
  "use strict";

  const state = document.querySelector("[data-refresh-state]");
  const fine = state ? state.textContent : "";
  let since = "";
  let shown = remember();

  function remember() {
    const rows = new Map();
    for (const row of document.querySelectorAll("[data-now-shows]")) rows.set(row.id, row.dataset.nowShows);
    return rows;
  }

  const refreshes = (event) => event.detail.elt && event.detail.elt.matches("[data-refreshes]");

  function say(name, text) {
    if (!state) return;
    state.dataset.state = name;
    if (state.textContent !== text) state.textContent = text;
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!refreshes(event) || !event.detail.successful) return;
    since = "";
    say("open", fine);
  });

  // Not so when it was called off, for somebody who filters the list.
  function failed(event) {
    if (!refreshes(event)) return;
    since = since || new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    say("polling", "Not refreshed since " + since + ": the server does not answer. Trying again.");
  }
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, failed);

  // What is ticked stays ticked while the list refreshes itself.
  const ticked = new Set();
  const boxes = () => Array.from(document.querySelectorAll("[data-choose]"));

  function showTicked() {
    const count = document.querySelector("[data-chosen-count]");
    if (!count) return;
    for (const box of boxes()) box.checked = ticked.has(box.value);
    const all = document.querySelector("[data-choose-all]");
    if (all) all.checked = boxes().length > 0 && boxes().every((box) => box.checked);
    count.textContent = ticked.size ? ticked.size + " ticked" : "None is ticked";
  }

  document.addEventListener("change", (event) => {
    const isAll = event.target.matches("[data-choose-all]");
    if (!isAll && !event.target.matches("[data-choose]")) return;
    for (const box of isAll ? boxes() : [event.target]) {
      if (event.target.checked) ticked.add(box.value);
      else ticked.delete(box.value);
    }
    showTicked();
  });
  for (const box of boxes()) if (box.checked) ticked.add(box.value);
  showTicked();

  document.addEventListener("htmx:afterSettle", () => {
    const here = new Set(boxes().map((box) => box.value));
    for (const key of Array.from(ticked)) if (!here.has(key)) ticked.delete(key);
    showTicked();
    const before = shown;
    shown = remember();
    for (const [id, word] of shown) {
      if (before.has(id) && before.get(id) !== word) document.getElementById(id).classList.add("fresh");
    }
  });
})();
