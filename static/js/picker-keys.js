// A row of a codec picker moved by keys: lifted by its handle, moved by arrows, dropped or put back.
(function () {
  "use strict";

  if (window.pickerKeys) return;

  const { arrange, changed, codecsOf, cross, crossByHand, follows, gripOf, isBusy, isSelected, pickerOf, position, say, step } = window.pickerLists;
  let lifted = null;

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

  window.pickerKeys = {
    // What is lifted stays where it is.
    drop: () => lifted && drop("dropped"),
  };
})();
