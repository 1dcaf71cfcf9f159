// The lists of a codec picker: what is selected, in which order, and how the form says so.
(function () {
  "use strict";

  // Named twice on a page, it runs once.
  if (window.pickerLists) return;

  const pickerOf = (element) => element && element.closest("[data-picker]");
  const listOf = (picker, name) => picker.querySelector('[data-list="' + name + '"]');
  const rowsOf = (list) => Array.from(list.querySelectorAll(":scope > .picker-row"));
  const gripOf = (row) => row.querySelector(".picker-grip");
  const isSelected = (row) => row.parentElement.dataset.list === "selected";
  const isBusy = (picker) => Boolean(picker.querySelector("form.htmx-request"));
  const codecsOf = (picker) => rowsOf(listOf(picker, "selected")).map((row) => row.dataset.codec);

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
    pickerAsking.meaning(picker);
    pickerAsking.future(picker);
    pickerField.fill(picker);
    tell(picker);
  }

  // What else on the page depends on the list asks anew.
  function tell(picker) {
    picker.dispatchEvent(new CustomEvent("picker:changed", { bubbles: true }));
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

  function crossByHand(picker, row) {
    cross(picker, row);
    changed(picker, false);
    gripOf(row).focus();
    say(picker, position(row));
  }

  function position(row) {
    const rows = rowsOf(row.parentElement);
    if (!isSelected(row)) return row.dataset.codec + ", in Available";
    return row.dataset.codec + ", position " + (rows.indexOf(row) + 1) + " of " + rows.length;
  }

  function say(picker, text) {
    const place = picker.querySelector("[data-said]");
    // The same words again are only spoken if the text changes.
    place.textContent = place.textContent === text ? text + "\u00a0" : text;
  }

  window.pickerLists = {
    pickerOf,
    listOf,
    rowsOf,
    gripOf,
    isSelected,
    isBusy,
    codecsOf,
    follows,
    placeInAvailable,
    arrange,
    changed,
    tell,
    forgetNotice,
    showUnsaved,
    step,
    cross,
    crossByHand,
    position,
    say,
  };
})();
