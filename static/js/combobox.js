// A text with names to choose from (WAI-ARIA combobox): typed text asks the server, arrows choose.
// Without this file a select stands beside the text.
(function () {
  "use strict";

  const WAIT_MS = 150;

  function setUp(field) {
    if (field.dataset.ready) return;
    field.dataset.ready = "true";
    const input = field.querySelector("input");
    const list = field.querySelector('[role="listbox"]');
    const said = field.querySelector("[data-combobox-said]");
    let timer = 0;
    let asking = null;
    const options = () => Array.from(list.children);
    const active = () => list.querySelector('[aria-selected="true"]');

    const state = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id };
    for (const [name, value] of Object.entries(state)) input.setAttribute(name, value);
    input.removeAttribute("list");

    function close() {
      clearTimeout(timer);
      if (asking) asking.abort();
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function mark(option) {
      for (const other of options()) other.setAttribute("aria-selected", String(other === option));
      if (!option) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    }

    function choose(option) {
      input.value = option.dataset.value;
      close();
      input.dispatchEvent(new Event("change", { bubbles: true }));
      said.textContent = option.dataset.value + " chosen";
    }

    async function ask() {
      if (asking) asking.abort();
      asking = new AbortController();
      const url = new URL(field.dataset.combobox, location.href);
      url.searchParams.set("destination", input.value);
      try {
        const answer = await fetch(url, { signal: asking.signal, redirect: "error" });
        if (!answer.ok) return close();
        list.innerHTML = await answer.text();
      } catch {
        return undefined;
      }
      if (document.activeElement !== input) return close();
      options().forEach((option, at) => {
        option.id = list.id + "_" + at;
        option.setAttribute("aria-selected", "false");
      });
      const count = options().length;
      list.hidden = !count;
      input.setAttribute("aria-expanded", String(Boolean(count)));
      input.removeAttribute("aria-activedescendant");
      said.textContent = count ? count + (count === 1 ? " choice" : " choices") : "Nobody here is called so";
      return undefined;
    }

    function askSoon() {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    }

    input.addEventListener("input", askSoon);
    input.addEventListener("click", () => list.hidden && askSoon());
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey) return;
      const shown = options();
      const at = shown.indexOf(active());
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) {
          ask();
          return;
        }
        const by = event.key === "ArrowDown" ? 1 : -1;
        const next = at < 0 && by < 0 ? shown.length - 1 : (at + by + shown.length) % shown.length;
        mark(shown[next]);
      } else if (event.key === "Enter" && !list.hidden && at >= 0) {
        event.preventDefault();
        choose(shown[at]);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        close();
      }
    });
    // The text keeps the focus.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest('[role="option"]');
      if (option) choose(option);
    });
  }

  function setUpAll() {
    for (const field of document.querySelectorAll("[data-combobox]")) setUp(field);
  }

  document.addEventListener("htmx:afterSettle", setUpAll);
  setUpAll();
})();
