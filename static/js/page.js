// What every page does: theme, local times, ticking durations, copying.
(function () {
  "use strict";

  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;
  const serverNow = Date.parse(document.body.dataset.now || "");
  const ahead = Number.isNaN(serverNow) ? 0 : serverNow - Date.now();

  function showTheme() {
    const button = document.getElementById("theme");
    if (!button) return;
    const theme = root.dataset.theme || "system";
    button.setAttribute("aria-label", "Theme: " + theme);
    button.title = "Theme: " + theme;
    button.querySelector("[data-theme-word]").textContent = theme[0].toUpperCase() + theme.slice(1);
  }

  function nextTheme() {
    const theme = THEMES[(THEMES.indexOf(root.dataset.theme || "system") + 1) % THEMES.length];
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // Kept for this page only.
    }
    showTheme();
  }

  const two = (number) => String(number).padStart(2, "0");

  function durationText(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const clock = two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60);
    return whole < 3600 ? clock : Math.floor(whole / 3600) + ":" + clock;
  }

  function tick() {
    const now = Date.now() + ahead;
    for (const element of document.querySelectorAll("[data-since]")) {
      // Nobody knows whether that goes on.
      if (element.closest("[data-old]")) continue;
      const text = durationText((now - Date.parse(element.dataset.since)) / 1000);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  const FORMATS = {
    time: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
    minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    date: { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    day: { year: "numeric", month: "short", day: "2-digit" },
  };
  const formats = {};
  for (const [name, options] of Object.entries(FORMATS)) {
    formats[name] = new Intl.DateTimeFormat("en-GB", options);
  }
  const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "long" });

  function localise(scope) {
    for (const element of scope.querySelectorAll("time[data-clock]")) {
      const at = new Date(element.getAttribute("datetime"));
      if (Number.isNaN(at.getTime())) continue;
      let style = element.dataset.clock;
      if (style === "recent") {
        style = at.toDateString() === new Date().toDateString() ? "time" : "date";
      }
      const text = (formats[style] || formats.time).format(at);
      if (element.textContent !== text) element.textContent = text;
      element.title = full.format(at);
      delete element.dataset.clock;
    }
  }

  // Browsers lend the clipboard to https alone; over plain HTTP a selection is copied.
  function copySelected(text) {
    const area = document.createElement("textarea");
    area.value = text;
    area.readOnly = true;
    area.className = "sr";
    const focused = document.activeElement;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (focused) focused.focus();
    return copied;
  }

  async function copied(text) {
    if (!navigator.clipboard) return copySelected(text);
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return copySelected(text);
    }
  }

  async function copy(button) {
    const word = button.querySelector("[data-copy-word]");
    word.textContent = (await copied(button.dataset.copy)) ? "Copied" : "Select it by hand";
    setTimeout(() => {
      word.textContent = "Copy";
    }, 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.id === "theme") nextTheme();
    if (button && button.dataset.copy !== undefined) copy(button);
    const engine = document.getElementById("engine");
    if (engine && engine.open && !engine.contains(event.target)) engine.open = false;
    const more = document.getElementById("rail-more");
    if (more) more.setAttribute("aria-expanded", String(button === more && !isOpen(more)));
  });

  // The places of a phone's bar that are behind More.
  const isOpen = (more) => more.getAttribute("aria-expanded") === "true";

  // A row leads where its name leads, unless something in it was meant or text is being selected.
  document.addEventListener("click", (event) => {
    const row = event.target.closest(".table tbody tr, .calls tbody tr");
    const link = row && row.querySelector("a.main, a.who");
    if (!link || event.target.closest("a, button, input, label, select, summary, form")) return;
    if (String(document.getSelection())) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const engine = document.getElementById("engine");
    const more = document.getElementById("rail-more");
    if (engine && engine.open) {
      engine.open = false;
      engine.querySelector("summary").focus();
    } else if (more && isOpen(more)) {
      more.setAttribute("aria-expanded", "false");
      more.focus();
    } else if (document.activeElement && document.activeElement.matches(".line")) {
      document.activeElement.blur();
    }
  });

  // What the server refused or never answered is said at the top, not swallowed.
  const REFUSALS = {
    403: "Not allowed: your account may not do this.",
    404: "Not found: it may have been deleted meanwhile. Reload the page.",
  };

  function complain(text) {
    const flash = document.getElementById("flash");
    if (!flash) return;
    const notice = document.createElement("p");
    notice.className = "notice fail";
    notice.setAttribute("role", "alert");
    notice.textContent = text;
    flash.replaceChildren(notice);
    notice.scrollIntoView({ block: "nearest" });
  }

  const byPerson = (event) => event.detail.requestConfig?.triggeringEvent?.isTrusted;

  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (byPerson(event)) complain(REFUSALS[status] || "Error " + status + ": nothing was changed. Try again, or look into the server's log.");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (byPerson(event)) complain("The server did not answer: nothing was changed. Check the connection and try again.");
  });

  // Of more tabs than have room the one that is open is in sight, with a piece of its neighbour.
  const NEIGHBOUR_PX = 24;

  function showTabs() {
    for (const tab of document.querySelectorAll(".tabs a[aria-current]")) {
      const at = tab.getBoundingClientRect();
      const row = tab.parentElement.getBoundingClientRect();
      const past = at.right + NEIGHBOUR_PX - row.right;
      const before = at.left - NEIGHBOUR_PX - row.left;
      if (past > 0) tab.parentElement.scrollLeft += past;
      else if (before < 0) tab.parentElement.scrollLeft += before;
    }
  }
  document.addEventListener("tabs:chosen", showTabs);
  addEventListener("resize", showTabs);

  // What somebody has typed or chosen stays when the part of the page around it is read anew by
  // itself. What has the focus has it again by its id: htmx sees to that.
  let entered = [];

  function noteEntered(event) {
    entered = [];
    if (!window.anew.isByItself(event)) return;
    for (const field of event.target.querySelectorAll("form :is(input, textarea, select)[id]:not([type=hidden])")) {
      const { id, value, checked } = field;
      const options = Array.from(field.options || []);
      const isOther = options.length ? options.some((one) => one.selected !== one.defaultSelected) : value !== field.defaultValue || checked !== field.defaultChecked;
      if (isOther) entered.push({ id, value, checked });
    }
  }

  function enterAgain() {
    for (const { id, value, checked } of entered) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = value;
      if (checked !== undefined) field.checked = checked;
    }
    entered = [];
  }

  document.addEventListener("htmx:beforeSwap", noteEntered);
  document.addEventListener("htmx:afterSwap", enterAgain);

  function refreshed() {
    localise(document);
    tick();
  }

  for (const name of ["htmx:afterSwap", "htmx:wsAfterMessage", "picker:future"]) {
    document.addEventListener(name, refreshed);
  }
  showTheme();
  refreshed();
  showTabs();
  // A form that came back is continued where it went wrong.
  const wrong = document.querySelector("main [aria-invalid=true]");
  const first = document.querySelector("main form[data-first] :is(input:not([type=hidden]), select, textarea)");
  if (wrong) wrong.focus();
  else if (first && !location.hash) first.focus({ preventScroll: true });
  setInterval(tick, 1000);
})();
