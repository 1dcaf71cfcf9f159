// The parts of the call page, shown as tabs, and what a person opened there, which stays open. Without
// this file the parts are sections of the page, and the tabs links to them.
(function () {
  "use strict";

  const region = document.getElementById("live-region");
  if (!document.getElementById("call-page") || !region) return;

  let chosen = "";

  function links() {
    return Array.from(document.querySelectorAll("#call-tabs a"));
  }

  function showPart() {
    const all = links();
    const current = all.find((link) => link.hash === chosen) || all[0];
    for (const link of all) {
      const part = document.querySelector(link.hash);
      if (part) part.hidden = link !== current;
      // The time cursor is where it was set, in whatever part one looks.
      if (part && link === current) part.querySelector(".at-cursor")?.scrollIntoView({ block: "nearest" });
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    document.dispatchEvent(new Event("tabs:chosen"));
  }

  function choose(hash) {
    chosen = hash;
    region.dataset.tabs = "chosen";
    showPart();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#call-tabs a");
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    choose(link.hash);
  });
  window.addEventListener("hashchange", () => choose(location.hash));

  // What a person opened stays open when the page is read anew.

  let opened = [];

  function noteOpened() {
    opened = Array.from(region.querySelectorAll("details[open][id]"), (each) => each.id);
  }

  function openAgain() {
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
  }

  region.addEventListener("htmx:beforeSwap", noteOpened);
  region.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== region) return;
    openAgain();
    showPart();
  });

  choose(location.hash);
})();
