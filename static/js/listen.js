// Listening to a call from its page: the leg that is shown first left, the second right.
(function () {
  "use strict";

  const CLOSED = { 4401: "You are signed out.", 4403: "Your account may not listen.", 4429: "Too many pages of yours are open: close some." };
  const HEARD_EVERY = 25;
  let pieces = 0;
  let socket = null;
  let context = null;
  let node = null;

  const button = () => document.getElementById("listen-button");

  function show(text, on) {
    const said = document.getElementById("listen-said");
    if (said) said.textContent = text;
    const pressed = button();
    if (!pressed) return;
    pressed.setAttribute("aria-pressed", String(on));
    pressed.querySelector("[data-word]").textContent = on ? "Stop listening" : "Listen";
  }

  function stop(text) {
    if (socket) {
      socket.onclose = null;
      socket.close();
    }
    if (context) context.close();
    socket = context = node = null;
    show(text, false);
  }

  function told(what) {
    if (what.is === "listening") show("First leg in the left ear, second in the right.", true);
    else if (what.is === "refused") stop(what.text);
    else if (what.is === "over") stop("The call is over.");
  }

  // As in phone.js.
  function hear(sound) {
    if (node) node.port.postMessage(sound, [sound]);
    pieces += 1;
    if (pieces % HEARD_EVERY === 0 && socket) socket.send("heard");
  }

  async function listen(pressed) {
    if (!window.isSecureContext || !window.AudioWorkletNode) {
      show("Browsers play such sound over https or at localhost only. Open this page there.", false);
      return;
    }
    show("Connecting", true);
    context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(pressed.dataset.worklet);
    node = new AudioWorkletNode(context, "ears", { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [2] });
    node.connect(context.destination);
    document.dispatchEvent(new CustomEvent("phone:audio", { detail: { context, output: node } }));
    await context.resume();
    socket = hearing.watch(new WebSocket(location.origin.replace(/^http/, "ws") + pressed.dataset.listen));
    socket.binaryType = "arraybuffer";
    pieces = 0;
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) hear(event.data);
      else told(JSON.parse(event.data));
    };
    socket.onclose = (event) => stop(CLOSED[event.code] || "The connection to the server was lost. Listen again.");
  }

  // The page's parts are replaced as the call goes on: the button may be another by then.
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("#listen-button");
    if (!pressed) return;
    if (context) stop("");
    else listen(pressed);
  });
})();
