// The call page: parts shown as tabs, messages that stay open, the strip of each leg, one time cursor.
(function () {
  "use strict";

  const page = document.getElementById("call-page");
  const live = document.getElementById("live");
  const region = document.getElementById("live-region");
  if (!page || !region) return;

  // Parts: links to sections of the page, which without this script are all there.

  let chosen = "";

  function links() {
    return Array.from(document.querySelectorAll("#call-tabs a"));
  }

  function showPart() {
    const all = links();
    const current = all.find((link) => link.hash === chosen) || all[0];
    for (const link of all) {
      const part = document.querySelector(link.hash);
      if (part) part.hidden = link !== current;
      // The time cursor is where it was set, in whatever part one looks.
      if (part && link === current) part.querySelector(".at-cursor")?.scrollIntoView({ block: "nearest" });
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    document.dispatchEvent(new Event("tabs:chosen"));
  }

  function choose(hash) {
    chosen = hash;
    showPart();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("#call-tabs a");
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    choose(link.hash);
  });
  window.addEventListener("hashchange", () => choose(location.hash));

  // What a person opened stays open when the page is read anew.

  let opened = [];

  function noteOpened() {
    opened = Array.from(region.querySelectorAll("details[open][id]"), (each) => each.id);
  }

  function openAgain() {
    for (const id of opened) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
  }

  // A strip of each leg, MOS over loss, kept when htmx replaces the leg around it.

  const MEASURES = ["mos", "loss_percent", "jitter_ms"];
  const DIGITS = { mos: 1, loss_percent: 1, jitter_ms: 0 };
  const MOST_POINTS = 900;
  const HEIGHT_PX = 84;
  const LARGER_PX = 260;
  // Between two marks of the time axis; its labels are minutes and seconds.
  const WHOLE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
  // Bars of loss take the lower half at most, so that they and the line are told apart.
  const LOSS_AT_TOP = 40;
  const started = Date.parse(page.dataset.started);
  const served = Date.parse(document.body.dataset.now || "");
  const ahead = Number.isNaN(served) ? 0 : served - Date.now();
  const legs = new Map();
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);

  // Canvas wants a colour as it is, not light-dark().
  function colour(name) {
    probe.style.color = "var(--" + name + ")";
    return getComputedStyle(probe).color;
  }

  const two = (number) => String(number).padStart(2, "0");

  function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const text = two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60);
    return whole < 3600 ? text : Math.floor(whole / 3600) + ":" + text;
  }

  const blank = () => ({ t: [], mos: [], loss_percent: [], jitter_ms: [], packets: 0, summary: {} });

  function legOf(box) {
    const name = box.dataset.leg;
    if (!legs.has(name)) legs.set(name, { name, box, codec: "other", data: blank(), plots: [] });
    return legs.get(name);
  }

  function axis(show, values, size) {
    return {
      show,
      size,
      stroke: () => colour("ink-quiet"),
      grid: { stroke: () => colour("line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
      gap: 4,
      space: 18,
      values,
    };
  }

  function makePlot(leg, figure) {
    const canvas = figure.querySelector(".plot-canvas");
    const options = {
      width: Math.max(canvas.clientWidth, 120),
      height: HEIGHT_PX,
      padding: [6, 18, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: "call", scales: ["x", null] },
        points: { size: 6 },
        drag: { x: false, y: false },
      },
      scales: { x: { time: false }, y: { range: [1, 5] }, loss: { range: [0, LOSS_AT_TOP] } },
      axes: [
        { ...axis(true, (plot, splits) => splits.map(clock), 20), space: 60, incrs: WHOLE_SECONDS },
        { ...axis(true, (plot, splits) => splits.map(String), 24), splits: [1, 2, 3, 4, 5] },
      ],
      series: [
        {},
        {
          scale: "loss",
          stroke: () => colour("fail-ink"),
          fill: () => colour("fail-ink"),
          paths: uPlot.paths.bars({ size: [0.9, 12] }),
          points: { show: false },
        },
        {
          stroke: () => colour(leg.codec + "-ink"),
          width: 2,
          points: { show: (plot) => plot.data[0].length < 3 },
        },
      ],
      hooks: {
        setCursor: [(plot) => say(leg, figure, plot.cursor.idx)],
        drawClear: [drawMark],
      },
    };
    return { figure, canvas, plot: new uPlot(options, columns(leg), canvas) };
  }

  // Where the time cursor stands, in seconds since the call began.
  let mark = null;

  function drawMark(plot) {
    if (mark === null) return;
    const x = Math.round(plot.valToPos(mark, "x", true));
    const { left, top, width, height } = plot.bbox;
    if (x < left || x > left + width) return;
    plot.ctx.fillStyle = colour("accent");
    plot.ctx.fillRect(x - 1, top, 2 * devicePixelRatio, height);
  }

  const nearestTo = (t, seconds) => t.reduce((best, at, index) => (Math.abs(at - seconds) < Math.abs(t[best] - seconds) ? index : best), 0);

  // Of the place under the pointer, else of the time cursor.
  function say(leg, figure, pointed) {
    const here = figure.querySelector("[data-here]");
    const { t, mos, loss_percent: loss } = leg.data;
    const isPointed = pointed !== null && pointed !== undefined;
    const index = isPointed || mark === null || !t.length ? pointed : nearestTo(t, mark);
    const known = index !== null && index !== undefined && index < t.length;
    const figures = !known
      ? ""
      : mos[index] === null
        ? "no audio"
        : "MOS " + mos[index].toFixed(1) + ", loss " + loss[index].toFixed(1) + " %";
    here.textContent = known ? "at " + clock(t[index]) + ": " + figures : "";
  }

  // What is said to be 0.0 % has no mark.
  const marked = (loss) => loss.map((percent) => (percent !== null && percent.toFixed(1) === "0.0" ? null : percent));

  function columns(leg) {
    return [leg.data.t, marked(leg.data.loss_percent), leg.data.mos];
  }

  function draw(leg) {
    if (typeof uPlot === "undefined" || !leg.data.t.length) return;
    leg.box.classList.add("has-data");
    if (!leg.plots.length) {
      const figures = Array.from(leg.box.querySelectorAll("figure"));
      leg.plots = figures.map((figure) => makePlot(leg, figure));
    } else {
      for (const { plot } of leg.plots) plot.setData(columns(leg));
    }
    for (const words of leg.box.querySelectorAll("[data-measure]")) tell(leg, words);
  }

  function tell(leg, figure) {
    const { measure } = figure.dataset;
    const summary = leg.data.summary[measure];
    if (!summary) return;
    const digits = DIGITS[measure];
    for (const word of ["best", "worst", "average"]) {
      const place = figure.querySelector("[data-" + word + "]");
      const text = summary[word].toFixed(digits);
      if (place.textContent !== text) place.textContent = text;
    }
  }

  function resize() {
    for (const leg of legs.values()) {
      for (const { plot, canvas } of leg.plots) {
        const width = Math.max(canvas.clientWidth, 120);
        if (width !== plot.width) plot.setSize({ width, height: plot.height });
      }
    }
  }

  function repaint() {
    for (const leg of legs.values()) {
      for (const { plot } of leg.plots) plot.redraw(false, true);
    }
  }

  function add(leg, values) {
    const { data } = leg;
    const at = Math.max((Date.now() + ahead - started) / 1000, 0);
    // Two samples never share a place.
    if (data.t.length && at <= data.t[data.t.length - 1]) return;
    data.t.push(Math.round(at * 100) / 100);
    if (!values) {
      // A second without audio: a gap in each plot, and no figure changes.
      for (const measure of MEASURES) data[measure].push(null);
      return;
    }
    // Averages are of packets: what is left of a second may be three.
    const due = values[MEASURES.length];
    data.packets = (data.packets || 0) + due;
    MEASURES.forEach((measure, index) => {
      const value = values[index];
      const higherIsBetter = measure === "mos";
      data[measure].push(value);
      const known = data.summary[measure] || { best: value, worst: value, average: value };
      data.summary[measure] = {
        best: higherIsBetter ? Math.max(known.best, value) : Math.min(known.best, value),
        worst: higherIsBetter ? Math.min(known.worst, value) : Math.max(known.worst, value),
        average: known.average + ((value - known.average) * due) / data.packets,
      };
    });
  }

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
    mark = Math.max(seconds, 0);
    for (const leg of legs.values()) {
      for (const { plot, figure } of leg.plots) {
        figure.dataset.cursor = mark.toFixed(1);
        plot.redraw(false, false);
        say(leg, figure, from ? null : plot.cursor.idx);
      }
    }
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

  function enlarge(leg, button) {
    const larger = leg.box.classList.toggle("larger");
    button.setAttribute("aria-pressed", String(larger));
    button.textContent = larger ? "Smaller" : "Larger";
    for (const { plot } of leg.plots) {
      plot.setSize({ width: plot.width, height: larger ? LARGER_PX : HEIGHT_PX });
    }
  }

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
  region.addEventListener("htmx:beforeSwap", noteOpened);
  region.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== region) return;
    openAgain();
    showPart();
    for (const element of region.querySelectorAll(".quality")) samplesSeen.add(element);
    adopt();
    read();
  });
  live.addEventListener("htmx:wsAfterMessage", changed);
  new ResizeObserver(resize).observe(region);
  new MutationObserver(repaint).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  for (const element of region.querySelectorAll(".quality")) samplesSeen.add(element);
  choose(location.hash);
  adopt();
  read();
})();
