// Rows of the list of live calls keep their places: nothing moves because a call comes or goes.
(function () {
  "use strict";

  const frees = (list) => Array.from(list.querySelectorAll(":scope > .free"));

  function blank(row) {
    const place = document.createElement("tr");
    place.className = "free";
    place.setAttribute("aria-hidden", "true");
    place.style.height = row.getBoundingClientRect().height + "px";
    place.append(document.createElement("td"));
    place.firstChild.colSpan = row.cells.length;
    return place;
  }

  window.places = {
    // A new call takes the first place that is free, else the end of the list.
    take(list, row) {
      const [place] = frees(list);
      if (place) place.replaceWith(row);
      else list.append(row);
    },

    // Somebody points at the list, or is in the row: nothing goes from under the pointer.
    isHeld: (row) => row.parentElement.matches(":hover") || row.contains(document.activeElement),

    // A row that goes leaves its place free, unless none comes after it.
    leave(row) {
      const list = row.parentElement;
      row.replaceWith(blank(row));
      while (list.lastElementChild && list.lastElementChild.matches(".free")) list.lastElementChild.remove();
    },

    // The same, once nobody holds it.
    leaveInTime(row) {
      if (window.places.isHeld(row)) row.dataset.leaving = "";
      else window.places.leave(row);
    },

    // Where the rows are put in another order anyway, no place is kept.
    forget(list) {
      for (const place of frees(list)) place.remove();
    },
  };
})();
