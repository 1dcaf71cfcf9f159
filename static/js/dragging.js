// Rows that are dragged by mouse or finger (SortableJS): a finger may mean to scroll, Escape puts back.
(function () {
  "use strict";

  const TOUCH_DELAY_MS = 180;
  const OPTIONS = {
    preventOnFilter: false,
    animation: 0,
    // The browser's own drag and drop knows no touch and draws its own picture.
    forceFallback: true,
    fallbackTolerance: 4,
    delay: TOUCH_DELAY_MS,
    delayOnTouchOnly: true,
    touchStartThreshold: 6,
  };

  // A row that is dragged shrinks to a line: at a page's end all of it would move under the pointer.
  function keepHeight(lists, kept) {
    for (const list of lists) {
      if (kept) list.style.minHeight = list.offsetHeight + "px";
      else list.removeAttribute("style");
    }
  }

  // Takes the library's options, the selector of a row's `grip`, and the `lists` a row may come from
  // or go to. `onEnd` is told as well whether the row is to be put back.
  function make(list, { grip, lists = [list], onChoose, onStart, onEnd, ...options }) {
    let cancelled = false;
    const onEscape = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      cancelled = true;
      // The library ends a drag by this event alone.
      document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
    };
    const sortable = window.Sortable.create(list, {
      ...OPTIONS,
      ...options,
      onChoose(event) {
        onChoose?.(event);
        keepHeight(lists, true);
      },
      onUnchoose() {
        keepHeight(lists, false);
      },
      onStart() {
        onStart();
        cancelled = false;
        document.addEventListener("keydown", onEscape, { capture: true });
      },
      onEnd(event) {
        document.removeEventListener("keydown", onEscape, { capture: true });
        onEnd(event, cancelled);
      },
    });
    // By its handle a row moves at once; elsewhere a finger may mean to scroll.
    list.addEventListener("pointerdown", (event) => {
      sortable.option("delay", event.target.closest(grip) ? 0 : TOUCH_DELAY_MS);
    }, { capture: true });
    return sortable;
  }

  window.dragging = { make };
})();
