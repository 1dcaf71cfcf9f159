// In the head, before the first paint: a page never flashes in the other theme.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // Storage may be blocked; the page then follows the system.
  }
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
})();
