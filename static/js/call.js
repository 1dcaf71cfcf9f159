// The call page: one time cursor in strips, timeline and ladder, and the samples that come of each leg.
(function () {
  "use strict";

  const page = document.getElementById("call-page");
  const live = document.getElementById("live");
  const region = document.getElementById("live-region");
  if (!page || !region) return;

  const MOST_POINTS = 900;
  const { MEASURES, started, legs, legOf, draw, add, enlarge, resize } = window.strips;
  // The ids of the lines at the time cursor: who reads the page anew does not know of it.
  let marked = [];
  // The id of what has the focus in a strip, which loses it where the strip takes its place again.
  let focused = "";
  document.addEventListener("focusin", ({ target }) => (focused = target.closest(".plots") ? target.id : ""));
  document.addEventListener("pointerdown", () => (focused = ""));

  // The page as it stands now: legs may have been replaced, or be new.
  function adopt() {
    for (const box of region.querySelectorAll(".plots")) {
      const leg = legOf(box);
      leg.codec = box.dataset.codec || "other";
      if (leg.box === box) continue;
      if (leg.plots.length) {
        leg.box.dataset.codec = leg.codec;
        leg.box.querySelector(".plot-note").replaceWith(box.querySelector(".plot-note"));
        box.replaceWith(leg.box);
      } else {
        leg.box = box;
        draw(leg);
      }
    }
    resize();
    for (const id of marked) document.getElementById(id)?.classList.add("at-cursor");
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  // One time cursor: where one clicks in a strip, the timeline or the ladder, all three go.

  const placed = () => document.querySelectorAll("#timeline li, #ladder > li");

  function timeOf(element) {
    const time = element.querySelector("time[datetime]");
    return time ? (Date.parse(time.getAttribute("datetime")) - started) / 1000 : NaN;
  }

  function goTo(seconds, from) {
    for (const list of ["#timeline", "#ladder"]) {
      let nearest = null;
      for (const line of document.querySelectorAll(list + " > li")) {
        const away = Math.abs(timeOf(line) - seconds);
        if (!nearest || away < nearest.away) nearest = Number.isNaN(away) ? nearest : { line, away };
        line.classList.remove("at-cursor");
      }
      if (!nearest) continue;
      const line = from && from.closest(list) ? from : nearest.line;
      line.classList.add("at-cursor");
      if (line !== from && line.offsetParent) line.scrollIntoView({ block: "nearest" });
    }
    marked = Array.from(document.querySelectorAll(".at-cursor"), (line) => line.id);
    strips.goTo(seconds, !from);
  }

  region.addEventListener("click", (event) => {
    const button = event.target.closest("[data-enlarge]");
    const strip = event.target.closest(".plot-canvas");
    if (button || strip) {
      const leg = legs.get(event.target.closest(".plots").dataset.leg);
      if (button) enlarge(leg, button);
      const plot = strip && leg.plots[0]?.plot;
      if (plot && plot.cursor.left >= 0) goTo(plot.posToVal(plot.cursor.left, "x"), null);
      return;
    }
    const line = Array.from(placed()).find((each) => each.contains(event.target));
    if (line && !event.target.closest("a, button")) goTo(timeOf(line), line);
  });

  const samplesSeen = new WeakSet();

  function takeSamples() {
    for (const element of region.querySelectorAll(".quality[data-sample]")) {
      const leg = legs.get(element.id.replace("quality-", ""));
      const { sample } = element.dataset;
      const values = sample === "gap" ? null : sample.split(" ").map(Number);
      if (!leg || (values && values.length !== MEASURES.length + 1) || samplesSeen.has(element)) continue;
      samplesSeen.add(element);
      add(leg, values);
      draw(leg);
    }
    if (Array.from(legs.values()).some((leg) => leg.data.t.length > MOST_POINTS)) read();
  }

  let reading = false;

  async function read() {
    if (reading) return;
    reading = true;
    try {
      const answer = await fetch(page.dataset.quality, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      for (const [name, history] of Object.entries(await answer.json())) {
        const leg = legs.get(name);
        if (!leg || !history.t) continue;
        // What came live since the record was written follows it.
        const written = history.t.length ? history.t[history.t.length - 1] : -1;
        const from = leg.data.t.findIndex((t) => t > written + 0.5);
        const rest = from < 0 || isOver() ? [] : leg.data.t.slice(from);
        for (const measure of MEASURES) {
          if (rest.length) history[measure].push(...leg.data[measure].slice(from));
        }
        history.t.push(...rest);
        if (rest.length) {
          history.summary = leg.data.summary;
          history.packets = leg.data.packets;
        }
        leg.data = history;
        draw(leg);
      }
    } catch {
      // The plots stay as they are; the next reading may work.
    } finally {
      reading = false;
    }
  }

  // Whether packets are being recorded, as the head of the page says: what is known of that changes.
  const isRecorded = () => Boolean(document.getElementById("call-recording"));
  let wasRecorded = isRecorded();

  const isOver = () => document.getElementById("call-head")?.dataset.live === "no";
  let wasOver = isOver();

  function changed() {
    adopt();
    takeSamples();
    if (isRecorded() !== wasRecorded || isOver() !== wasOver) {
      wasRecorded = isRecorded();
      const captures = document.getElementById("captures");
      if (captures) htmx.trigger(captures, "refresh");
    }
    if (isOver() && !wasOver) {
      wasOver = true;
      read();
    }
  }

  // A button that did what it is for and is gone leaves the focus to what it says instead.
  region.addEventListener("htmx:afterSwap", (event) => {
    if (document.activeElement && document.activeElement !== document.body) return;
    document.querySelector("#" + event.target.id + " [role=status][tabindex]")?.focus();
  });
  region.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== region) return;
    for (const element of region.querySelectorAll(".quality")) samplesSeen.add(element);
    adopt();
    read();
  });
  live.addEventListener("htmx:wsAfterMessage", changed);
  new ResizeObserver(resize).observe(region);

  for (const element of region.querySelectorAll(".quality")) samplesSeen.add(element);
  adopt();
  read();
})();
