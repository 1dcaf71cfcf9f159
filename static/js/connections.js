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

  // On a narrow screen the tab one is at may be out of sight.
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24;

  const refreshes = (event) => event.detail.elt && event.detail.elt.matches("[data-refreshes]");

  function say(name, text) {
    if (!state) return;
    state.dataset.state = name;
    if (state.textContent !== text) state.textContent = text;
  }

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!refreshes(event)) return;
    if (event.detail.successful) {
      since = "";
      say("open", fine);
      return;
    }
    since = since || new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    say("polling", "Not refreshed since " + since + ": the server does not answer. Trying again.");
  });

  document.addEventListener("htmx:afterSettle", () => {
    const before = shown;
    shown = remember();
    for (const [id, word] of shown) {
      if (before.has(id) && before.get(id) !== word) document.getElementById(id).classList.add("fresh");
    }
  });
})();
