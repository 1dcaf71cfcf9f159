// The codec picker: drag, touch and keys on the lists the server has drawn. Without this file the
// same form works by its buttons. What is saved, what it means and what conflicts, the server says.
(function () {
  "use strict";

  const root = document.documentElement;
  // Named twice on a page, it runs once.
  if (root.dataset.hasPicker) return;
  root.dataset.hasPicker = "true";
  root.classList.add("js");

  const STATUS_DELAY_MS = 50;
  const sortables = new WeakSet();
  const {
    arrange, changed, codecsOf, cross, crossByHand, follows, forgetNotice, gripOf, isBusy, isSelected,
    listOf, pickerOf, placeInAvailable, position, say, showUnsaved, step, tell,
  } = window.pickerLists;

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

  // --- dragging -------------------------------------------------------------------------------

  // A clone with a style attribute, were it empty, offends the page's policy.
  function unstyle(element) {
    element.removeAttribute("style");
    for (const inner of element.querySelectorAll("[style]")) inner.removeAttribute("style");
  }

  function makeSortable(picker, list) {
    if (sortables.has(list) || !window.Sortable) return;
    sortables.add(list);
    let before = null;
    let following = false;
    let byTouch = false;
    const sortable = dragging.make(list, {
      group: picker.id || "picker",
      draggable: ".picker-row",
      grip: ".picker-grip",
      filter: ".picker-move",
      sort: list.dataset.list === "selected",
      // Before or after the row under the pointer, whichever is nearer: the line shows it.
      invertSwap: true,
      emptyInsertThreshold: 32,
      ghostClass: "picker-place",
      dragClass: "picker-dragged",
      lists: Array.from(picker.querySelectorAll("[data-list]")),
      // It is cloned next.
      onChoose: ({ item }) => unstyle(item),
      onStart() {
        pickerKeys.drop();
        before = codecsOf(picker).join();
        following = follows(picker);
        picker.classList.add("picker-dragging");
      },
      onEnd({ item }, isPutBack) {
        picker.classList.remove("picker-dragging");
        // The library swallows the click that follows a drag; after a touch none does, and it
        // would swallow the next tap.
        if (byTouch) root.click();
        if (isPutBack) {
          arrange(picker, before ? before.split(",") : [], following);
          say(picker, position(item) + ", put back");
          return;
        }
        if (!isSelected(item)) placeInAvailable(picker, item);
        if (before === codecsOf(picker).join()) return;
        changed(picker, false);
        say(picker, position(item));
      },
    });
    list.addEventListener("pointerdown", (event) => {
      sortable.option("disabled", isBusy(picker));
      byTouch = event.pointerType === "touch";
    }, { capture: true });
  }

  function setUp(picker) {
    if (!picker.querySelector(".picker-grip") && !picker.querySelector("[data-follows]")) return;
    if (picker.dataset.field !== undefined) pickerField.setUp(picker);
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

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-force]")) return;
    forgetNotice(pickerOf(event.target));
    showUnsaved(pickerOf(event.target));
    pickerAsking.future(pickerOf(event.target));
  });

  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("[data-picker][data-changed]")) event.preventDefault();
  });

  // --- answers of the server ------------------------------------------------------------------

  // A status is spoken when it changes, not when it comes with its words.
  function repeat(status) {
    const words = Array.from(status.childNodes);
    status.replaceChildren();
    setTimeout(() => status.replaceChildren(...words), STATUS_DELAY_MS);
  }

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
