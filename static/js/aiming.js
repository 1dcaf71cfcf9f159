// Who moves the pointer over a part that reads itself anew is about to click there: nothing of it
// changes its place until the pointer rests.
(function () {
  "use strict";

  const AIM_MS = 700;
  const LONGEST_MS = 4000;

  let movedAt = -Infinity;
  const heldSince = new WeakMap();

  for (const name of ["pointermove", "pointerdown"]) {
    document.addEventListener(name, () => (movedAt = performance.now()), { passive: true });
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, detail } = event;
    if (!target.matches("main [hx-trigger*=told]") || !window.anew.isByItself(event)) return;
    const now = performance.now();
    const since = heldSince.get(target) ?? now;
    const isAimed = now - movedAt < AIM_MS && target.matches(":hover") && now - since < LONGEST_MS;
    if (!isAimed || !detail.shouldSwap) {
      heldSince.delete(target);
      return;
    }
    heldSince.set(target, since);
    detail.shouldSwap = false;
    setTimeout(() => htmx.trigger(target, "told"), AIM_MS);
  });
})();
