// The list of live calls: what is shown of it, in which order, and as a wall board (?wall).
(function () {
  "use strict";

  const form = document.getElementById("live-filter");
  const live = document.getElementById("live");
  if (!form || !live) return;

  const rows = () => Array.from(document.querySelectorAll("#live-calls > tr[id]"));
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  function isShown(row, asked) {
    const text = row.dataset.text.toLowerCase() + " " + row.querySelector(".c-who").textContent.toLowerCase();
    if (!words(asked.text).every((word) => text.includes(word))) return false;
    // One that ends while it is looked at stays where it is.
    if (asked.state && !row.hasAttribute("data-ended") && row.querySelector(".badge")?.textContent !== asked.state) return false;
    if (asked.transcoded && row.dataset.transcoded !== asked.transcoded) return false;
    return true;
  }

  const worst = (row) => Number(row.querySelector("[data-mos]")?.dataset.mos || 9);
  const newest = (a, b) => (a.dataset.order < b.dataset.order ? 1 : -1);
  const ORDERS = {
    newest,
    mos: (a, b) => worst(a) - worst(b) || newest(a, b),
    silence: (a, b) => Number(b.dataset.silent) - Number(a.dataset.silent) || newest(a, b),
  };

  let order = "newest";
  const placed = new WeakSet();

  // Somebody points at the list, or has the focus or selected text in it.
  function isHeld(list) {
    const { isCollapsed, anchorNode } = document.getSelection();
    return list.matches(":hover") || list.contains(document.activeElement) || (!isCollapsed && list.contains(anchorNode));
  }

  // What calls do themselves moves no row and hides none as long as the list is held.
  function arrange(event) {
    const asked = Object.fromEntries(new FormData(form));
    const all = rows();
    const list = document.getElementById("live-calls");
    const held = event?.type !== "input" && isHeld(list);
    for (const row of all) {
      if (!held || !placed.has(row)) row.hidden = !isShown(row, asked);
      placed.add(row);
    }
    const left = all.filter((row) => row.hidden).length;
    if (!held) list.classList.toggle("filtered", left > 0);
    const told = document.getElementById("live-filtered");
    const text = left ? left + " not shown by this filter" : "";
    if (told.textContent !== text) told.textContent = text;
    const wanted = asked.order || "newest";
    if (held || (wanted === "newest" && order === "newest")) return;
    order = wanted;
    const sorted = [...all].sort(ORDERS[order] || newest);
    if (sorted.some((row, index) => row !== all[index])) {
      window.places.forget(list);
      list.append(...sorted);
    }
  }

  form.addEventListener("input", arrange);
  form.addEventListener("submit", (event) => event.preventDefault());
  live.addEventListener("htmx:wsAfterMessage", arrange);
  live.addEventListener("mouseleave", arrange);
  document.addEventListener("htmx:afterSwap", arrange);
  arrange();
})();
