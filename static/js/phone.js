// The browser phone: what its page asks of the server, and what it shows. Sound is in phone-audio.js.
(function () {
  "use strict";

  const phone = document.getElementById("phone");
  if (!phone) return;
  const audio = window.phoneAudio;
  audio.module = phone.dataset.worklet;
  const find = (name) => document.getElementById("phone-" + name);
  const HEARD_EVERY = 25;
  const AIM_MS = 400;
  const TEXTS = "input:not([type=checkbox]), select, textarea";
  const RECONNECT_MS = [500, 1000, 2000, 5000, 10000];
  const NOT_AGAIN = {
    4401: "You are signed out. Sign in again to call.",
    4403: "Your account may not call from the browser any more.",
    4408: "This page said more than the server takes. Reload it.",
    4429: "Too many pages of yours are open. Close some and reload this one.",
  };
  const WORDS = { placing: "Calling", calling: "Calling", ringing: "It rings", early: "It rings", answered: "Talking", incoming: "Somebody calls", ended: "Ended" };

  let socket = null;
  let attempts = 0;
  let pieces = 0;
  let state = "idle";
  let calling = "";
  let link = "";
  let since = 0;
  let muted = false;
  let taking = "";

  const inCall = () => !["idle", "ended"].includes(state);

  // --- the server ---------------------------------------------------------------------------

  function connect() {
    socket = hearing.watch(new WebSocket(location.origin.replace(/^http/, "ws") + phone.dataset.socket));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      attempts = pieces = 0;
      server("open", "connected");
      if (taking) say({ do: "take", as: taking });
    };
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) hear(event.data);
      else told(JSON.parse(event.data));
    };
    socket.onclose = (event) => closed(event.code, hearing.wasSilent(event));
  }

  // The server sends no more than it is told of: sound that waits on a slow network comes late.
  function hear(sound) {
    audio.play(sound);
    pieces += 1;
    if (pieces % HEARD_EVERY === 0 && isOpen()) socket.send("heard");
  }

  function closed(code, isSilent) {
    if (inCall()) end("The connection to the server was lost at " + clock() + ", and the call with it. Check the network, and call again.", true);
    if (NOT_AGAIN[code]) {
      server("polling", NOT_AGAIN[code]);
      return;
    }
    server("polling", isSilent ? "nothing heard from the server, trying again" : "not connected, trying again");
    setTimeout(connect, RECONNECT_MS[Math.min(attempts, RECONNECT_MS.length - 1)]);
    attempts += 1;
  }

  function server(name, text) {
    const pill = find("server");
    pill.dataset.state = name;
    if (pill.textContent !== text) pill.textContent = text;
    show();
  }

  const isOpen = () => socket !== null && socket.readyState === WebSocket.OPEN;

  function say(what) {
    if (isOpen()) socket.send(JSON.stringify(what));
  }

  function told(what) {
    if (what.is === "placed") {
      find("who").textContent = what.name;
      placed(what.call);
    } else if (what.is === "refused") end(what.text, true, what.call);
    else if (what.is === "state") stateOf(what);
    else if (what.is === "rings") rings(what);
    else if (what.is === "taking") takes(what);
    else if (what.is === "over" && inCall()) end("The call is over.", false);
  }

  function stateOf(what) {
    if (what.state === "ended") {
      if (inCall()) end(what.code === 200 || what.code === 487 ? "Hung up." : "It came to nothing (" + what.code + ").", isFailure(what.code));
    } else if (what.state === "why") {
      if (state === "ended" && (!what.call || what.call === link)) why(what);
    } else if (inCall() && !(state === "incoming" && what.state === "ringing")) {
      become(what.state);
    }
  }

  const isFailure = (code) => code >= 400 && code !== 487;

  function why(what) {
    find("said").textContent = what.text;
    if (what.code) find("call").classList.toggle("phone-failed", isFailure(what.code));
  }

  // --- a call -------------------------------------------------------------------------------

  async function microphone() {
    try {
      await audio.open(find("filters").checked);
      return true;
    } catch (error) {
      audio.close();
      end(audio.why(error), true);
      return false;
    }
  }

  async function call(to) {
    if (inCall() || !isOpen()) return;
    calling = to.trim();
    if (!calling) {
      find("to").focus();
      problem("Nobody is named: type a number, a name or *echo.");
      return;
    }
    problem("");
    begin(calling, "placing");
    if (!(await microphone()) || state !== "placing") return;
    say({ do: "call", to: calling, as: find("calls_as").value.trim() });
  }

  function begin(who, name) {
    link = "";
    since = 0;
    setMuted(false);
    find("who").textContent = who;
    find("said").textContent = "";
    find("link").hidden = true;
    const typing = name === "incoming" && document.activeElement.matches(TEXTS) ? document.activeElement : null;
    become(name);
    if (!typing) find(name === "incoming" ? "answer" : "hang-up").focus();
    // The next key of who types must not answer: the button is one Tab away.
    else if (find("form").contains(typing)) find("call").focus();
  }

  function placed(uuid) {
    link = uuid;
    if (uuid) {
      find("link").href = phone.dataset.call.replace("00000000-0000-0000-0000-000000000000", uuid);
      find("link").hidden = false;
    }
  }

  function rings(what) {
    begin(what.name ? what.name + " (" + what.caller + ")" : what.caller || "Somebody", "incoming");
    placed(what.call);
  }

  async function answer() {
    if (state !== "incoming") return;
    audio.hush();
    if ((await microphone()) && inCall()) say({ do: "answer" });
    else say({ do: "hang-up" });
  }

  function hangUp() {
    if (!inCall()) return;
    say({ do: "hang-up" });
    if (state === "placing") end("Hung up.", false);
  }

  // A button that comes to stand where another stood is not pressed by who aims at that one.
  const buttons = phone.querySelector(".phone-buttons");
  const places = () => Array.from(buttons.children, (button) => button.hidden).join();
  let aimTimer = 0;

  function leaveToAim() {
    buttons.style.pointerEvents = "none";
    clearTimeout(aimTimer);
    aimTimer = setTimeout(() => buttons.style.removeProperty("pointer-events"), AIM_MS);
  }

  function become(name) {
    const before = places();
    const focused = document.activeElement;
    state = name;
    if (name === "answered" && !since) since = Date.now();
    if (name === "ringing") audio.ring(false);
    else if (name === "incoming") audio.ring(true);
    else audio.hush();
    show();
    if (places() !== before) leaveToAim();
    if (buttons.contains(focused) && focused.hidden) find("call").focus();
  }

  function end(text, isFailure, uuid) {
    const hadFocus = find("call").contains(document.activeElement);
    audio.hush();
    audio.close();
    if (uuid) placed(uuid);
    find("said").textContent = text;
    find("call").classList.toggle("phone-failed", Boolean(isFailure));
    become("ended");
    if (hadFocus) find("again").focus();
  }

  function setMuted(on) {
    muted = on;
    audio.mute(on);
    find("mute").setAttribute("aria-pressed", String(on));
    find("mute-word").textContent = on ? "Muted" : "Mute";
  }

  function press(digit) {
    if (state !== "answered" && state !== "early") return;
    say({ do: "digit", digit });
    find("pressed").textContent = (find("pressed").textContent + digit).slice(-24);
  }

  // --- what is shown ------------------------------------------------------------------------

  function clock() {
    return new Date().toLocaleTimeString();
  }

  function problem(text) {
    find("problem").textContent = text;
    find("to").toggleAttribute("aria-invalid", Boolean(text));
    if (text) find("to").setAttribute("aria-invalid", "true");
  }

  function show() {
    phone.dataset.state = state;
    find("form").hidden = state !== "idle";
    find("call").hidden = state === "idle";
    find("state").textContent = WORDS[state] || "";
    find("state").className = "badge badge-" + (state === "answered" ? "up" : state === "ended" ? "idle" : "wait");
    for (const part of phone.querySelectorAll("[data-in]")) part.hidden = !part.dataset.in.split(" ").includes(state);
    find("hang-up-word").textContent = state === "incoming" ? "Decline" : "Hang up";
    find("place").disabled = !isOpen();
    find("take").disabled = !isOpen();
    for (const button of phone.querySelectorAll("[data-dial]")) button.disabled = !isOpen();
    if (state !== "answered" && state !== "early") {
      find("keys").open = false;
      find("pressed").textContent = "";
    }
    timer();
  }

  function timer() {
    const seconds = since && state !== "ended" ? Math.floor((Date.now() - since) / 1000) : -1;
    if (seconds < 0 && state === "ended") return;
    const pad = (number) => String(number).padStart(2, "0");
    find("time").textContent = seconds < 0 ? "" : pad(Math.floor(seconds / 60)) + ":" + pad(seconds % 60);
  }

  function levels(loudest) {
    for (const [name, value] of Object.entries(loudest)) {
      const decibels = value > 0 ? 20 * Math.log10(value) : -60;
      const part = inCall() ? Math.max(0, Math.min(1, 1 + decibels / 48)) : 0;
      find(name + "-level").value = part;
    }
  }

  function takes(what) {
    taking = what.connection;
    find("takes-problem").textContent = what.text;
    const button = find("take");
    button.setAttribute("aria-pressed", String(Boolean(taking)));
    find("take-word").textContent = taking ? "Stop ringing here" : "Call me here";
    find("taking").textContent = taking ? "This browser rings when " + what.name + " is called." : "This browser does not ring.";
    find("taking").dataset.on = String(Boolean(taking));
    find("takes_for").readOnly = Boolean(taking);
  }

  async function take() {
    if (taking) {
      say({ do: "take", as: "" });
      return;
    }
    const connection = find("takes_for").value.trim();
    if (!connection) {
      find("takes-problem").textContent = "Nobody is named: type a connection's SIP user.";
      find("takes_for").focus();
      return;
    }
    try {
      await audio.ask();
      say({ do: "take", as: connection });
    } catch (error) {
      find("takes-problem").textContent = audio.why(error);
    }
  }

  // --- beginning ----------------------------------------------------------------------------

  audio.heard.frame = (frame) => {
    if (isOpen() && inCall()) socket.send(frame);
  };
  audio.heard.levels = levels;
  audio.heard.lost = () => {
    if (inCall()) find("said").textContent = "The microphone is gone: it was unplugged, or its permission taken. The other side hears nothing of you.";
  };

  const canHear = window.isSecureContext && navigator.mediaDevices && window.AudioWorkletNode;
  find("insecure").hidden = Boolean(canHear);
  phone.hidden = !canHear;
  find("server").hidden = !canHear;
  if (!canHear) return;

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    call(find("to").value);
  });
  for (const button of phone.querySelectorAll("[data-dial]")) {
    button.addEventListener("click", () => {
      find("to").value = button.dataset.dial;
      call(button.dataset.dial);
    });
  }
  for (const button of phone.querySelectorAll("[data-key]")) button.addEventListener("click", () => press(button.dataset.key));
  find("hang-up").addEventListener("click", hangUp);
  find("answer").addEventListener("click", answer);
  find("mute").addEventListener("click", () => setMuted(!muted));
  find("take").addEventListener("click", take);
  find("again").addEventListener("click", () => {
    become("idle");
    find("to").focus();
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select");
    if (event.key.length !== 1 || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (find("keys").open && "0123456789*#".includes(event.key)) press(event.key);
  });
  window.addEventListener("beforeunload", (event) => {
    if (inCall()) event.preventDefault();
  });
  setInterval(timer, 500);
  takes({ connection: "", name: "", text: "" });
  show();
  connect();
})();
