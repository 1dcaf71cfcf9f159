// The strip of each leg of a call, MOS over loss (uPlot): what it shows, and how it is drawn.
(function () {
  "use strict";

  const page = document.getElementById("call-page");
  if (!page) return;

  const MEASURES = ["mos", "loss_percent", "jitter_ms"];
  const DIGITS = { mos: 1, loss_percent: 1, jitter_ms: 0 };
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

  // Puts the time cursor there; a strip says what was then, or what is under the pointer.
  function goTo(seconds, isPointed) {
    mark = Math.max(seconds, 0);
    for (const leg of legs.values()) {
      for (const { plot, figure } of leg.plots) {
        figure.dataset.cursor = mark.toFixed(1);
        plot.redraw(false, false);
        say(leg, figure, isPointed ? plot.cursor.idx : null);
      }
    }
  }

  function enlarge(leg, button) {
    const larger = leg.box.classList.toggle("larger");
    button.setAttribute("aria-pressed", String(larger));
    button.textContent = larger ? "Smaller" : "Larger";
    for (const { plot } of leg.plots) {
      plot.setSize({ width: plot.width, height: larger ? LARGER_PX : HEIGHT_PX });
    }
  }

  new MutationObserver(repaint).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

  window.strips = { MEASURES, started, legs, legOf, draw, add, goTo, enlarge, resize };
})();
