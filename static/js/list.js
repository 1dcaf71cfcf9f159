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

  function arrange() {
    const asked = Object.fromEntries(new FormData(form));
    const all = rows();
    for (const row of all) row.hidden = !isShown(row, asked);
    const left = all.filter((row) => row.hidden).length;
    const list = document.getElementById("live-calls");
    list.classList.toggle("filtered", left > 0);
    const told = document.getElementById("live-filtered");
    const text = left ? left + " not shown by this filter" : "";
    if (told.textContent !== text) told.textContent = text;
    const wanted = asked.order || "newest";
    if (wanted === "newest" && order === "newest") return;
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
  document.addEventListener("htmx:afterSwap", arrange);
  arrange();
})();
