// A list that is put in order by drag, touch or keys ([data-order]). Without this file each row is
// moved by its buttons, and every move is saved; with it, moves are kept here until Save.
(function () {
  "use strict";

  let lifted = null;

  const formOf = (element) => element.closest("[data-order]");
  const listOf = (form) => form.querySelector("ol");
  const rowsOf = (form) => Array.from(listOf(form).children);
  const gripOf = (row) => row.querySelector(".order-grip");
  const keysOf = (form) => rowsOf(form).map((row) => row.dataset.key).join(",");
  const isChanged = (form) => keysOf(form) !== form.elements.based_on.value;

  function say(form, text) {
    form.querySelector("[data-said]").textContent = text;
  }

  function place(row) {
    const rows = rowsOf(formOf(row));
    return row.dataset.name + ", position " + (rows.indexOf(row) + 1) + " of " + rows.length;
  }

  function mute(button, muted) {
    if (muted) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }

  function changed(form) {
    const rows = rowsOf(form);
    rows.forEach((row, at) => {
      row.querySelector("[data-number]").textContent = String(at + 1);
      mute(row.querySelector('[data-move="up"]'), at === 0);
      mute(row.querySelector('[data-move="down"]'), at === rows.length - 1);
    });
    form.querySelector("[data-unsaved]").hidden = !isChanged(form);
  }

  function arrange(form, keys) {
    const rows = new Map(rowsOf(form).map((row) => [row.dataset.key, row]));
    for (const key of keys.split(",")) if (rows.has(key)) listOf(form).append(rows.get(key));
    changed(form);
  }

  function move(row, step) {
    const rows = rowsOf(formOf(row));
    const to = rows.indexOf(row) + step;
    if (to < 0 || to >= rows.length) return false;
    if (step < 0) rows[to].before(row);
    else rows[to].after(row);
    changed(formOf(row));
    return true;
  }

  // --- keys ---------------------------------------------------------------------------------

  function lift(row) {
    lifted = { row, before: keysOf(formOf(row)), moving: false };
    row.classList.add("order-lifted");
    gripOf(row).setAttribute("aria-pressed", "true");
    say(formOf(row), place(row) + ", lifted. Arrows move it, Space drops it, Escape puts it back.");
  }

  function drop(putBack) {
    const { row, before } = lifted;
    lifted = null;
    row.classList.remove("order-lifted");
    gripOf(row).setAttribute("aria-pressed", "false");
    if (putBack) arrange(formOf(row), before);
    say(formOf(row), place(row) + (putBack ? ", put back." : ", dropped."));
  }

  function step(row, by) {
    // A row that is moved loses the focus for a moment: that is no drop.
    lifted.moving = true;
    const moved = move(row, by);
    gripOf(row).focus();
    lifted.moving = false;
    say(formOf(row), moved ? place(row) : place(row) + ": it cannot go further.");
  }

  function onKey(event, row) {
    const isLifted = lifted && lifted.row === row;
    if (event.key === " " || event.key === "Enter") {
      if (isLifted) drop(false);
      else lift(row);
    } else if (isLifted && event.key === "Escape") {
      drop(true);
      gripOf(row).focus();
    } else if (isLifted && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      step(row, event.key === "ArrowUp" ? -1 : 1);
    } else {
      return;
    }
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    const grip = event.target.closest(".order-grip");
    if (grip) onKey(event, grip.closest("li"));
  });

  document.addEventListener("focusout", (event) => {
    if (lifted && !lifted.moving && event.target === gripOf(lifted.row)) drop(false);
  });

  // --- buttons ------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-order] button");
    if (!button) return;
    const form = formOf(button);
    if (button.matches(".order-grip")) {
      // A screen reader presses the handle without a key.
      if (event.detail === 0 && lifted) drop(false);
      else if (event.detail === 0) lift(button.closest("li"));
    } else if (button.dataset.move) {
      event.preventDefault();
      const row = button.closest("li");
      if (!button.getAttribute("aria-disabled")) move(row, button.dataset.move === "up" ? -1 : 1);
      button.focus();
      say(form, place(row));
    } else if (button.dataset.discard !== undefined) {
      arrange(form, form.elements.based_on.value);
      say(form, "Put back as it was.");
      gripOf(rowsOf(form)[0]).focus();
    }
  });

  // --- drag and touch -----------------------------------------------------------------------

  function makeSortable(form) {
    let before = "";
    dragging.make(listOf(form), {
      draggable: "li",
      grip: ".order-grip",
      filter: ".order-moves",
      ghostClass: "order-place",
      dragClass: "order-dragged",
      onStart() {
        if (lifted) drop(false);
        before = keysOf(form);
      },
      onEnd({ item }, isPutBack) {
        if (isPutBack) {
          arrange(form, before);
          say(form, place(item) + ", put back");
          return;
        }
        if (before === keysOf(form)) return;
        changed(form);
        say(form, place(item));
      },
    });
  }

  let leaving = false;
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-order]");
    leaving = Boolean(form && event.submitter && event.submitter.dataset.save !== undefined);
  });

  window.addEventListener("beforeunload", (event) => {
    const unsaved = Array.from(document.querySelectorAll("[data-order]")).some(isChanged);
    if (unsaved && !leaving) event.preventDefault();
  });

  for (const form of document.querySelectorAll("[data-order]")) {
    makeSortable(form);
    // A browser that comes back to the page may bring its hidden fields along, not its rows.
    changed(form);
  }
})();
