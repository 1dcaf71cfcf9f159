// Plays one sound through the codec that is pressed, and goes on at the same place in the next one.
(function () {
  "use strict";

  const page = document.getElementById("hear");
  if (!page) return;

  const FADE_S = 0.012;
  const MOST_KEPT = 40;
  const form = page.querySelector("form");
  const buttons = Array.from(page.querySelectorAll(".hear-play"));
  const stop = document.getElementById("hear-stop");
  const what = document.getElementById("hear-what");
  const said = document.getElementById("hear-said");
  const at = document.getElementById("hear-at");
  const silent = what.innerHTML;
  const kept = new Map();
  let context = null;
  let playing = null;
  let began = 0;
  let asked = 0;

  const choice = (name) => new FormData(form).get(name);

  function address(codecs) {
    const query = new URLSearchParams({ sound: choice("sound"), loss: choice("loss") });
    codecs.split(" ").filter(Boolean).forEach((name) => query.append("codec", name));
    return page.dataset.audio + "?" + query;
  }

  async function fetched(url) {
    const answer = await fetch(url, { headers: { Accept: "audio/wav" } });
    if (!(answer.headers.get("Content-Type") || "").startsWith("audio/")) {
      const isText = (answer.headers.get("Content-Type") || "").startsWith("text/plain");
      throw new Error(isText ? await answer.text() : "The server did not answer with a sound. Reload this page.");
    }
    const facts = JSON.parse(answer.headers.get(page.dataset.facts) || "{}");
    const buffer = await context.decodeAudioData(await answer.arrayBuffer());
    return { buffer, facts };
  }

  function sound(url) {
    if (!kept.has(url)) {
      const made = fetched(url);
      made.catch(() => kept.delete(url));
      kept.set(url, made);
      if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
    }
    return kept.get(url);
  }

  function silence(each, now) {
    each.gain.gain.setTargetAtTime(0, now, FADE_S / 3);
    each.source.stop(now + FADE_S * 2);
  }

  function start(codecs, made) {
    const now = context.currentTime;
    const source = context.createBufferSource();
    const gain = context.createGain();
    source.buffer = made.buffer;
    source.loop = true;
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(1, now + FADE_S);
    source.connect(gain).connect(context.destination);
    const goesOn = playing && playing.sound === choice("sound");
    if (!goesOn) began = now;
    if (playing) silence(playing, now);
    source.start(now, (now - began) % made.buffer.duration);
    const wasPlaying = Boolean(playing);
    playing = { codecs, source, gain, sound: choice("sound"), duration: made.buffer.duration };
    if (!wasPlaying) requestAnimationFrame(follow);
  }

  function follow() {
    if (!playing) return;
    at.value = ((context.currentTime - began) % playing.duration) / playing.duration;
    requestAnimationFrame(follow);
  }

  function halt() {
    asked += 1;
    // A button that is switched off would take the focus with it.
    if (document.activeElement === stop) buttons.find((each) => each.getAttribute("aria-pressed") === "true").focus();
    if (playing) silence(playing, context.currentTime);
    playing = null;
    at.value = 0;
    what.innerHTML = silent;
    said.textContent = "";
    mark(null);
  }

  function mark(codecs) {
    buttons.forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.codecs === codecs));
      button.removeAttribute("aria-busy");
    });
    stop.disabled = codecs === null;
  }

  function show(codecs, facts) {
    const bridge = Array.from(page.querySelectorAll("template")).find((each) => each.dataset.bridge === codecs);
    what.replaceChildren(bridge.content.cloneNode(true));
    const words = [];
    const rates = (facts.wire_bps || []).map((bps) => (bps / 1000).toFixed(0) + " kbit/s");
    if (rates.length) words.push(rates.join(" and ") + " on the wire");
    if (facts.lost) words.push(facts.lost + " of " + facts.packets + " packets lost");
    else if (rates.length) words.push("no packet lost");
    said.textContent = [words.join(", "), facts.lack].filter(Boolean).join(". ");
  }

  async function play(codecs) {
    asked += 1;
    const mine = asked;
    context = context || new AudioContext();
    context.resume();
    const button = buttons.find((each) => each.dataset.codecs === codecs);
    button.setAttribute("aria-busy", "true");
    try {
      const made = await sound(address(codecs));
      if (mine !== asked) return;
      start(codecs, made);
      mark(codecs);
      show(codecs, made.facts);
      prepare();
    } catch (error) {
      if (mine === asked) said.textContent = "Not played. " + error.message;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  // The codecs of one leg, one after the other, so that switching need not wait.
  async function prepare() {
    const mine = asked;
    for (const button of buttons.filter((each) => !each.dataset.codecs.includes(" "))) {
      if (mine !== asked) return;
      try {
        await sound(address(button.dataset.codecs));
      } catch {
        return; // said when it is played
      }
    }
  }

  buttons.forEach((button) => {
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-pressed") === "true") halt();
      else play(button.dataset.codecs);
    });
  });
  stop.addEventListener("click", halt);
  form.addEventListener("change", () => {
    const loss = choice("loss");
    page.querySelectorAll("[data-loss]").forEach((each) => { each.textContent = loss; });
    page.querySelectorAll("[data-mos]").forEach((each) => { each.hidden = each.dataset.mos !== loss; });
    history.replaceState(null, "", "?" + new URLSearchParams(new FormData(form)));
    if (playing) play(playing.codecs);
  });
})();
