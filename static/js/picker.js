// The codec picker: drag, touch and keys on the lists the server has drawn. Without this file the
// same form works by its buttons. What is saved, what it means and what conflicts, the server says.
(function () {
  "use strict";

  const root = document.documentElement;
  // Named twice on a page, it runs once.
  if (root.dataset.hasPicker) return;
  root.dataset.hasPicker = "true";
  root.classList.add("js");

  const MEANING_DELAY_MS = 60;
  const FUTURE_DELAY_MS = 120;
  const TOUCH_DELAY_MS = 180;
  const STATUS_DELAY_MS = 50;
  const sortables = new WeakMap();
  const meanings = new WeakMap();
  const futures = new WeakMap();
  let lifted = null;

  const pickerOf = (element) => element && element.closest("[data-picker]");
  const listOf = (picker, name) => picker.querySelector('[data-list="' + name + '"]');
  const rowsOf = (list) => Array.from(list.querySelectorAll(":scope > .picker-row"));
  const gripOf = (row) => row.querySelector(".picker-grip");
  const isSelected = (row) => row.parentElement.dataset.list === "selected";
  const isBusy = (picker) => Boolean(picker.querySelector("form.htmx-request"));
  const codecsOf = (picker) => rowsOf(listOf(picker, "selected")).map((row) => row.dataset.codec);

  // --- what is arranged -----------------------------------------------------------------------

  function follows(picker) {
    return !picker.querySelector("[data-follows]").disabled;
  }

  function token(picker) {
    const force = picker.querySelector("[data-force]");
    const codecs = follows(picker) ? "" : codecsOf(picker).join(",");
    return codecs + (force && force.checked ? ";force" : "");
  }

  function placeInAvailable(picker, row) {
    const list = listOf(picker, "available");
    const rank = Number(row.dataset.rank);
    const next = rowsOf(list).find((other) => other !== row && Number(other.dataset.rank) > rank);
    list.insertBefore(row, next || null);
  }

  function arrange(picker, codecs, following) {
    const selected = listOf(picker, "selected");
    const rows = new Map();
    for (const row of picker.querySelectorAll(".picker-row")) rows.set(row.dataset.codec, row);
    for (const codec of codecs) if (rows.has(codec)) selected.append(rows.get(codec));
    for (const [codec, row] of rows) if (!codecs.includes(codec)) placeInAvailable(picker, row);
    changed(picker, following);
  }

  // Everything that depends on the order is brought up to date here, and nowhere else.
  function changed(picker, following) {
    picker.querySelector("[data-follows]").disabled = !following;
    const selected = rowsOf(listOf(picker, "selected"));
    for (const row of picker.querySelectorAll(".picker-row")) {
      const at = selected.indexOf(row);
      const input = row.querySelector('[name="codec"]');
      if (input) input.disabled = at < 0;
      row.querySelector("[data-number]").textContent = at < 0 ? "" : String(at + 1);
      mute(row.querySelector('[data-move="up"]'), at === 0);
      mute(row.querySelector('[data-move="down"]'), at === selected.length - 1);
    }
    const codecs = codecsOf(picker).join(",");
    for (const preset of picker.querySelectorAll(".picker-presets [data-preset]")) {
      preset.setAttribute("aria-pressed", String(!following && preset.dataset.preset === codecs));
    }
    show(picker.querySelector("[data-following]"), following);
    show(picker.querySelector("[data-follow]"), !following);
    forgetNotice(picker);
    showUnsaved(picker);
    askMeaning(picker);
    askFuture(picker);
    fillField(picker);
    tell(picker);
  }

  // What else on the page depends on the list asks anew.
  function tell(picker) {
    picker.dispatchEvent(new CustomEvent("picker:changed", { bubbles: true }));
  }

  // --- in somebody else's form the lists fill a text input -------------------------------------

  const textOf = (picker) => picker.querySelector("[data-field-text] input");

  function fillField(picker) {
    if (picker.dataset.field === undefined) return;
    const input = textOf(picker);
    input.value = follows(picker) ? "" : codecsOf(picker).join(", ");
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function setUpField(picker) {
    const lists = picker.querySelector("[data-field-lists]");
    const input = textOf(picker);
    if (!lists.hidden) return;
    const label = document.querySelector('label[for="' + CSS.escape(input.id) + '"]');
    if (label) {
      label.id = label.id || input.id + "-label";
      lists.setAttribute("role", "group");
      lists.setAttribute("aria-labelledby", label.id);
    }
    picker.querySelector("[data-field-text]").hidden = true;
    lists.hidden = false;
    // Sent empty, the text would mean the list it falls back to: that has its own button.
    input.form.addEventListener("submit", (event) => {
      if (follows(picker) || codecsOf(picker).length) return;
      event.preventDefault();
      picker.querySelector(".picker-grip").focus();
      say(picker, picker.querySelector('[data-list="selected"] + .picker-empty').textContent);
    });
  }

  // "Saved" and "nothing is selected" are over with the next change; a conflict is not.
  function forgetNotice(picker) {
    const notice = picker.querySelector("[data-notice]");
    if (notice && notice.dataset.notice !== "conflict") notice.remove();
  }

  function mute(button, muted) {
    if (muted) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }

  function show(element, shown) {
    if (element) element.hidden = !shown;
  }

  function showUnsaved(picker) {
    const base = picker.querySelector("[data-base]");
    if (!base) return;
    const unsaved = token(picker) !== base.value;
    picker.toggleAttribute("data-changed", unsaved);
    show(picker.querySelector(".picker-unsaved"), unsaved);
    show(picker.querySelector("[data-discard]"), unsaved);
  }

  function askMeaning(picker) {
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
  function askFuture(picker) {
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

  // --- what is said ---------------------------------------------------------------------------

  function say(picker, text) {
    const place = picker.querySelector("[data-said]");
    // The same words again are only spoken if the text changes.
    place.textContent = place.textContent === text ? text + "\u00a0" : text;
  }

  // A status is spoken when it changes, not when it comes with its words.
  function repeat(status) {
    const words = Array.from(status.childNodes);
    status.replaceChildren();
    setTimeout(() => status.replaceChildren(...words), STATUS_DELAY_MS);
  }

  function position(row) {
    const rows = rowsOf(row.parentElement);
    if (!isSelected(row)) return row.dataset.codec + ", in Available";
    return row.dataset.codec + ", position " + (rows.indexOf(row) + 1) + " of " + rows.length;
  }

  // --- one row moves --------------------------------------------------------------------------

  function step(row, by) {
    const rows = rowsOf(row.parentElement);
    const at = rows.indexOf(row) + by;
    if (!isSelected(row) || at < 0 || at >= rows.length) return false;
    row.parentElement.insertBefore(row, by < 0 ? rows[at] : rows[at].nextSibling);
    return true;
  }

  function cross(picker, row) {
    if (isSelected(row)) placeInAvailable(picker, row);
    else listOf(picker, "selected").append(row);
  }

  function press(picker, row, button) {
    const move = button.dataset.move;
    if (move === "up" || move === "down") {
      if (step(row, move === "up" ? -1 : 1)) changed(picker, false);
      button.focus();
    } else {
      cross(picker, row);
      changed(picker, false);
      row.querySelector(isSelected(row) ? '[data-move="remove"]' : '[data-move="add"]').focus();
    }
    say(picker, position(row));
  }

  function crossByHand(picker, row) {
    cross(picker, row);
    changed(picker, false);
    gripOf(row).focus();
    say(picker, position(row));
  }

  // --- lifting with keys ----------------------------------------------------------------------

  function lift(picker, row) {
    lifted = { picker, row, codecs: codecsOf(picker), following: follows(picker), moving: false };
    row.classList.add("picker-lifted");
    gripOf(row).setAttribute("aria-pressed", "true");
    say(picker, position(row) + ", lifted");
  }

  function drop(words) {
    const { picker, row } = lifted;
    lifted = null;
    row.classList.remove("picker-lifted");
    gripOf(row).removeAttribute("aria-pressed");
    say(picker, position(row) + ", " + words);
  }

  function putBack() {
    const { picker, row, codecs, following } = lifted;
    lifted.moving = true;
    arrange(picker, codecs, following);
    gripOf(row).focus();
    drop("put back");
  }

  function moveLifted(key) {
    const { picker, row } = lifted;
    const selected = isSelected(row);
    lifted.moving = true;
    let moved = false;
    if (key === "ArrowUp" || key === "ArrowDown") moved = step(row, key === "ArrowUp" ? -1 : 1);
    else if (selected === (key === "ArrowLeft")) {
      cross(picker, row);
      moved = true;
    }
    if (moved) changed(picker, false);
    gripOf(row).focus();
    lifted.moving = false;
    say(picker, position(row) + (isSelected(row) ? "" : ", right arrow selects it"));
  }

  function onGripKey(event, picker, row) {
    const arrow = event.key.startsWith("Arrow");
    const known = arrow || [" ", "Enter", "Escape"].includes(event.key);
    if (!known || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !lifted) return;
    event.preventDefault();
    if (isBusy(picker)) return;
    if (event.key === " ") {
      if (lifted) drop("dropped");
      else lift(picker, row);
    } else if (event.key === "Escape") putBack();
    else if (event.key === "Enter") {
      if (lifted) drop("dropped");
      else crossByHand(picker, row);
    } else if (lifted) moveLifted(event.key);
    else neighbour(picker, row, event.key);
  }

  function neighbour(picker, row, key) {
    const rows = Array.from(picker.querySelectorAll(".picker-row"));
    const by = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
    const next = rows[rows.indexOf(row) + by];
    if (next) gripOf(next).focus();
  }

  // --- dragging -------------------------------------------------------------------------------

  // A clone with a style attribute, were it empty, offends the page's policy.
  function unstyle(element) {
    element.removeAttribute("style");
    for (const inner of element.querySelectorAll("[style]")) inner.removeAttribute("style");
  }

  // A row that is dragged shrinks to a line: at a page's end all of it would move under the pointer.
  function keepHeight(picker, kept) {
    for (const list of picker.querySelectorAll("[data-list]")) {
      if (kept) list.style.minHeight = list.offsetHeight + "px";
      else list.removeAttribute("style");
    }
  }

  function makeSortable(picker, list) {
    if (sortables.has(list) || !window.Sortable) return;
    let before = null;
    let following = false;
    let byTouch = false;
    let cancelled = false;
    const onEscape = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      cancelled = true;
      // The library ends a drag by this event alone.
      document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
    };
    const sortable = new window.Sortable(list, {
      group: picker.id || "picker",
      draggable: ".picker-row",
      filter: ".picker-move",
      preventOnFilter: false,
      sort: list.dataset.list === "selected",
      // Before or after the row under the pointer, whichever is nearer: the line shows it.
      invertSwap: true,
      emptyInsertThreshold: 32,
      animation: 0,
      // The browser's own drag and drop knows no touch and draws its own picture.
      forceFallback: true,
      fallbackTolerance: 4,
      delay: TOUCH_DELAY_MS,
      delayOnTouchOnly: true,
      touchStartThreshold: 6,
      ghostClass: "picker-place",
      dragClass: "picker-dragged",
      onChoose(event) {
        // It is cloned next.
        unstyle(event.item);
        keepHeight(picker, true);
      },
      onUnchoose() {
        keepHeight(picker, false);
      },
      onStart() {
        if (lifted) drop("dropped");
        before = codecsOf(picker).join();
        following = follows(picker);
        cancelled = false;
        document.addEventListener("keydown", onEscape, { capture: true });
        picker.classList.add("picker-dragging");
      },
      onEnd(event) {
        picker.classList.remove("picker-dragging");
        // The library swallows the click that follows a drag; after a touch none does, and it
        // would swallow the next tap.
        if (byTouch) root.click();
        document.removeEventListener("keydown", onEscape, { capture: true });
        if (cancelled) {
          arrange(picker, before ? before.split(",") : [], following);
          say(picker, position(event.item) + ", put back");
          return;
        }
        if (!isSelected(event.item)) placeInAvailable(picker, event.item);
        if (before === codecsOf(picker).join()) return;
        changed(picker, false);
        say(picker, position(event.item));
      },
    });
    sortables.set(list, sortable);
    // By its handle a row moves at once; elsewhere a finger may mean to scroll.
    list.addEventListener("pointerdown", (event) => {
      sortable.option("delay", event.target.closest(".picker-grip") ? 0 : TOUCH_DELAY_MS);
      sortable.option("disabled", isBusy(picker));
      byTouch = event.pointerType === "touch";
    }, { capture: true });
  }

  function setUp(picker) {
    if (!picker.querySelector(".picker-grip") && !picker.querySelector("[data-follows]")) return;
    if (picker.dataset.field !== undefined) setUpField(picker);
    for (const name of ["available", "selected"]) makeSortable(picker, listOf(picker, name));
    showUnsaved(picker);
  }

  function setUpAll() {
    for (const picker of document.querySelectorAll("[data-picker]")) setUp(picker);
  }

  // --- events of the page ---------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-picker] button");
    if (!button) return;
    const picker = pickerOf(button);
    const ours = button.dataset.move || button.dataset.preset !== undefined;
    if (!ours) return;
    event.preventDefault();
    if (isBusy(picker) || button.getAttribute("aria-disabled")) return;
    if (button.dataset.move) {
      press(picker, button.closest(".picker-row"), button);
      return;
    }
    const follow = button.dataset.follow !== undefined;
    arrange(picker, button.dataset.preset.split(","), follow);
    if (button.hidden) picker.querySelector(".picker-grip").focus();
    say(picker, button.textContent.trim() + ": " + codecsOf(picker).join(", "));
  });

  document.addEventListener("dblclick", (event) => {
    const row = event.target.closest("[data-picker] .picker-row");
    if (!row || event.target.closest(".picker-move") || !gripOf(row)) return;
    const picker = pickerOf(row);
    if (!isBusy(picker)) crossByHand(picker, row);
  });

  document.addEventListener("keydown", (event) => {
    const grip = event.target.closest && event.target.closest(".picker-grip");
    if (grip) onGripKey(event, pickerOf(grip), grip.closest(".picker-row"));
  });

  // Some browsers click a button when the space bar comes up, whatever became of its way down.
  document.addEventListener("keyup", (event) => {
    if (event.key === " " && event.target.closest(".picker-grip")) event.preventDefault();
  });

  // A screen reader presses the handle without a key.
  document.addEventListener("click", (event) => {
    const grip = event.target.closest(".picker-grip");
    if (!grip || event.detail !== 0 || isBusy(pickerOf(grip))) return;
    if (lifted) drop("dropped");
    else lift(pickerOf(grip), grip.closest(".picker-row"));
  });

  document.addEventListener("focusout", (event) => {
    if (lifted && !lifted.moving && event.target === gripOf(lifted.row)) drop("dropped");
  });

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-force]")) return;
    forgetNotice(pickerOf(event.target));
    showUnsaved(pickerOf(event.target));
    askFuture(pickerOf(event.target));
  });

  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("[data-picker][data-changed]")) event.preventDefault();
  });

  // --- answers of the server ------------------------------------------------------------------

  document.addEventListener("htmx:beforeSwap", (event) => {
    const picker = pickerOf(event.target);
    if (picker) unstyle(picker);
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const picker = pickerOf(event.target);
    if (!picker) {
      setUpAll();
      return;
    }
    setUp(picker);
    tell(picker);
    const notice = picker.querySelector("[data-notice]");
    if (notice && notice.tabIndex === -1 && notice.hasAttribute("tabindex")) notice.focus();
    else if (document.activeElement === document.body) {
      const save = picker.querySelector("[data-save]");
      if (save) save.focus();
    }
    if (notice && notice.dataset.notice === "saved") repeat(notice.querySelector("[role=status]"));
  });

  // The Django admin names this file in the head, without defer.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUpAll);
  else setUpAll();
})();
