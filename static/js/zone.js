// Times typed into a filter are the browser's: the form says its zone along.
(function () {
  "use strict";

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const input = document.querySelector("form.filters input[name=zone]");
  if (zone && input) input.value = zone;
})();
