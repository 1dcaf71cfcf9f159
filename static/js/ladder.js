// The ladder's times, told in three ways, and the ladder as a picture.
(function () {
  "use strict";

  const region = document.getElementById("live-region");
  if (!region) return;

  const WAYS = ["since start", "since previous", "time of day"];
  let way = 0;

  const messages = () => Array.from(document.querySelectorAll("#ladder > .message"));
  const two = (number) => String(number).padStart(2, "0");
  const three = (number) => String(number).padStart(3, "0");

  // Milliseconds of Unix time; a note in place of messages has none.
  function timeOf(message) {
    const time = message.querySelector("time[datetime]");
    return time ? Date.parse(time.getAttribute("datetime")) : NaN;
  }

  function span(ms) {
    const whole = Math.max(0, Math.round(ms));
    const minutes = Math.floor(whole / 60000);
    const clock = two(minutes % 60) + ":" + two(Math.floor(whole / 1000) % 60) + "." + three(whole % 1000);
    return minutes < 60 ? clock : Math.floor(minutes / 60) + ":" + clock;
  }

  function timeOfDay(ms) {
    const at = new Date(ms);
    return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":") + "." + three(at.getMilliseconds());
  }

  function told(at, first, previous) {
    if (way === 2) return timeOfDay(at);
    return way === 1 ? "+" + span(at - previous) : span(at - first);
  }

  function tellTimes() {
    const button = document.getElementById("ladder-times");
    const box = document.querySelector(".ladder-box");
    if (!button || !box) return;
    button.textContent = "Times: " + WAYS[way];
    box.classList.toggle("with-clock", way === 2);
    let first = NaN;
    let previous = NaN;
    for (const message of messages()) {
      const at = timeOf(message);
      const place = message.querySelector(".message-time");
      if (Number.isNaN(at) || !place) continue;
      if (Number.isNaN(first)) first = previous = at;
      const text = told(at, first, previous);
      if (place.textContent !== text) place.textContent = text;
      previous = at;
    }
  }

  // As the page draws it, in rows of one height: what is open for reading is not in it.

  const SCALE = 2;
  const ROW = 38;
  const LANE = 190;
  const HEAD = 84;
  const MARGIN = 16;
  const MONO = "12px ui-monospace, Menlo, Consolas, monospace";

  function colourOf(element, property) {
    return getComputedStyle(element)[property];
  }

  function reachOf(message) {
    const arrow = message.querySelector(".message-arrow");
    const found = arrow ? /reach-(\d+)/.exec(arrow.className) : null;
    return found ? Number(found[1]) : 0;
  }

  function drawHead(canvas, lanes, times, height) {
    const ink = colourOf(document.body, "color");
    canvas.fillStyle = ink;
    canvas.font = "600 15px system-ui, sans-serif";
    canvas.textAlign = "left";
    const title = document.querySelector("#call-head h1").textContent.replace(/\s+/g, " ").trim();
    canvas.fillText(title, MARGIN, 26);
    canvas.textAlign = "center";
    lanes.forEach((lane, index) => {
      const x = times + LANE * (index + 0.5);
      canvas.fillStyle = ink;
      canvas.font = "600 13px system-ui, sans-serif";
      canvas.fillText(lane.querySelector("bdi").textContent, x, 56, LANE - 8);
      canvas.fillStyle = colourOf(lane.querySelector(".muted"), "color");
      canvas.font = "12px system-ui, sans-serif";
      canvas.fillText(lane.querySelector(".muted").textContent, x, 72, LANE - 8);
      canvas.fillRect(x - 0.5, HEAD, 1, height - HEAD - MARGIN);
    });
  }

  function drawMessage(canvas, message, top, times, surface) {
    const at = message.querySelector(".message-time");
    const label = message.querySelector(".message-label");
    if (!label) {
      canvas.textAlign = "left";
      canvas.font = "13px system-ui, sans-serif";
      canvas.fillStyle = colourOf(message, "color");
      canvas.fillText(message.textContent.trim(), times, top + 20);
      return;
    }
    const arrow = message.querySelector(".message-arrow");
    const us = times + LANE * 1.5;
    const peer = times + LANE * (reachOf(message) + 0.5);
    const line = top + 28;
    const goesRight = arrow.classList.contains("to-right");
    const tip = goesRight ? Math.max(us, peer) : Math.min(us, peer);
    const back = goesRight ? -7 : 7;
    canvas.textAlign = "left";
    canvas.font = MONO;
    canvas.fillStyle = colourOf(at, "color");
    canvas.fillText(at.textContent, MARGIN, top + 26);
    canvas.strokeStyle = canvas.fillStyle = colourOf(arrow, "color");
    canvas.lineWidth = 2;
    canvas.setLineDash(message.classList.contains("again") ? [5, 4] : []);
    canvas.beginPath();
    canvas.moveTo(us, line);
    canvas.lineTo(peer, line);
    canvas.stroke();
    canvas.setLineDash([]);
    canvas.beginPath();
    canvas.moveTo(tip, line);
    canvas.lineTo(tip + back, line - 5);
    canvas.lineTo(tip + back, line + 5);
    canvas.fill();
    const text = label.textContent.replace(/\s+/g, " ").trim();
    const room = Math.abs(us - peer) - 20;
    const middle = (us + peer) / 2;
    const width = Math.min(canvas.measureText(text).width, room) + 10;
    canvas.fillStyle = surface;
    canvas.fillRect(middle - width / 2, top + 6, width, 17);
    canvas.fillStyle = colourOf(label.querySelector("b"), "color");
    canvas.textAlign = "center";
    canvas.fillText(text, middle, top + 19, room);
  }

  function draw() {
    const lanes = Array.from(document.querySelectorAll("#ladder-head li"));
    const rows = messages();
    const times = MARGIN + 104;
    const width = times + LANE * lanes.length + MARGIN;
    const height = HEAD + ROW * rows.length + 2 * MARGIN;
    const picture = document.createElement("canvas");
    picture.width = width * SCALE;
    picture.height = height * SCALE;
    const canvas = picture.getContext("2d");
    canvas.scale(SCALE, SCALE);
    const surface = colourOf(document.getElementById("ladder-part"), "backgroundColor");
    canvas.fillStyle = surface;
    canvas.fillRect(0, 0, width, height);
    drawHead(canvas, lanes, times, height);
    rows.forEach((row, index) => drawMessage(canvas, row, HEAD + MARGIN / 2 + ROW * index, times, surface));
    return picture;
  }

  function save(link) {
    draw().toBlob((blob) => {
      const address = URL.createObjectURL(blob);
      const anchor = document.createElement("a");
      anchor.href = address;
      anchor.download = link.dataset.name;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    }, "image/png");
  }

  region.addEventListener("click", (event) => {
    if (event.target.closest("#ladder-times")) {
      way = (way + 1) % WAYS.length;
      tellTimes();
    }
    const link = event.target.closest("#ladder-png");
    if (link) save(link);
  });
  // New messages come one by one, and a page that is read anew has all of them.
  document.addEventListener("htmx:wsAfterMessage", () => way && tellTimes());
  region.addEventListener("htmx:afterSwap", () => way && tellTimes());
})();
