// Draws the bars of the overview. The figures come with the page, in data attributes.
(function () {
  "use strict";

  const region = document.getElementById("overview");
  if (!region || typeof uPlot === "undefined") return;

  const HEIGHT_PX = 100;
  const charts = new Map();
  const numbers = (text) => text.split(",").map(Number);
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const time = (seconds) => clock.format(new Date(seconds * 1000));

  function colours(plot) {
    const style = getComputedStyle(plot);
    return { bar: style.color, quiet: style.getPropertyValue("border-top-color") };
  }

  function hover(figure) {
    return (chart) => {
      const at = chart.root.closest("figure")?.querySelector(".at");
      const index = chart.cursor.idx;
      if (!at) return;
      const shown = index !== null && index !== undefined && chart.cursor.left >= 0;
      at.textContent = shown ? time(chart.data[0][index]) + ": " + chart.data[1][index] : "";
    };
  }

  // The least of 4, 10, 20, 40, 100 ... that holds it: its half is a whole number too.
  function roundTop(high) {
    let top = 4;
    for (let power = 10; top < high; power *= 10) {
      top = [1, 2, 4].map((digit) => digit * power).find((value) => value >= high) || 10 * power;
    }
    return top;
  }

  // A mark each half hour where a bar is minutes, each six hours where it is an hour; where that is
  // too narrow for the words, each twelve.
  function isRound(step, width) {
    const hours = width < 240 ? 12 : 6;
    return (seconds) => {
      const at = new Date(seconds * 1000);
      return step < 3600 ? at.getMinutes() % 30 === 0 : at.getHours() % hours === 0;
    };
  }

  function draw(plot, starts, values) {
    const step = starts[1] - starts[0];
    const size = () => ({ width: Math.max(80, plot.clientWidth), height: HEIGHT_PX });
    const font = "11px " + getComputedStyle(document.body).fontFamily;
    const axis = { font, stroke: () => colours(plot).quiet, ticks: { show: false }, border: { show: false } };
    const options = {
      ...size(),
      // Half a label fits right of the last mark.
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: () => [starts[0], starts[starts.length - 1] + step] },
        y: { range: (_, low, high) => [0, roundTop(high)] },
      },
      axes: [
        {
          ...axis,
          size: 20,
          gap: 5,
          grid: { show: false },
          splits: (chart) => chart.data[0].filter(isRound(step, chart.width)),
          values: (_, ticks) => ticks.map(time),
        },
        {
          ...axis,
          size: 34,
          gap: 4,
          grid: { stroke: () => colours(plot).quiet, width: 0.3 },
          splits: (_, __, low, high) => [0, high / 2, high],
          values: (_, ticks) => ticks.map((value) => (value === 0 ? "" : value >= 10000 ? Math.round(value / 1000) + "k" : value)),
        },
      ],
      series: [
        {},
        {
          stroke: () => colours(plot).bar,
          fill: () => colours(plot).bar,
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [0.75, 40], align: 1 }),
        },
      ],
      hooks: { setCursor: [hover(plot.parentNode)] },
    };
    const chart = new uPlot(options, [starts, values], plot);
    new ResizeObserver(() => chart.setSize(size())).observe(plot);
    return chart;
  }

  function update() {
    for (const group of region.querySelectorAll(".charts")) {
      const starts = numbers(group.dataset.starts);
      for (const figure of group.querySelectorAll(".chart")) {
        const plot = figure.querySelector("div.plot");
        // Nothing happened: its 0 says so.
        if (!plot) continue;
        const known = charts.get(plot.id);
        if (known && known.root.isConnected) {
          known.scales.x.range = () => [starts[0], 2 * starts[starts.length - 1] - starts[starts.length - 2]];
          known.setData([starts, numbers(figure.dataset.values)]);
        } else {
          charts.set(plot.id, draw(plot, starts, numbers(figure.dataset.values)));
        }
      }
    }
  }

  // A table that was opened stays open when the page brings itself up to date.
  let open = [];
  region.addEventListener("htmx:beforeSwap", () => {
    open = Array.from(region.querySelectorAll("details[open]"), (details) => details.id);
  });
  region.addEventListener("htmx:afterSwap", () => {
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    update();
  });

  // With new paths: those of bars keep the colour they were made with.
  const redraw = () => charts.forEach((chart) => chart.redraw());
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  update();
})();
