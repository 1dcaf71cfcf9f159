// The browser phone's sound: microphone, loudspeaker, ringing. One audio context for the page.
window.phoneAudio = (function () {
  "use strict";

  const RING = { hz: [425, 425], on: 1, off: 4 };
  let context = null;
  let node = null;
  let stream = null;
  let microphone = null;
  let ringing = null;
  let module = "";
  const heard = { frame: () => {}, levels: () => {}, lost: () => {} };

  const WHY = {
    NotAllowedError: "This page may not use the microphone. Press the mark at the left of the address bar, allow the microphone for this site, and call again.",
    SecurityError: "This browser gives no page the microphone. Its settings, or whoever set it up, say so.",
    NotFoundError: "There is no microphone. Plug one in, or choose one in the settings of this machine, and call again.",
    NotReadableError: "The microphone is there, but another program has it, or the system refuses it. Close that program and call again.",
    OverconstrainedError: "The microphone cannot do what was asked of it. Choose another in the settings of this machine.",
  };

  function why(error) {
    return WHY[error.name] || "The microphone cannot be used: " + error.message + ".";
  }

  async function ready() {
    if (!context) {
      context = new AudioContext({ latencyHint: "interactive" });
      await context.audioWorklet.addModule(module);
      node = new AudioWorkletNode(context, "phone", { numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1] });
      node.port.onmessage = (event) => {
        if (event.data instanceof ArrayBuffer) heard.frame(event.data);
        else heard.levels(event.data);
      };
      node.connect(context.destination);
      // Whoever wants to see or hear what is played connects here.
      document.dispatchEvent(new CustomEvent("phone:audio", { detail: { context, output: node } }));
    }
    if (context.state !== "running") await context.resume();
  }

  async function open(filters) {
    const audio = { echoCancellation: filters, noiseSuppression: filters, autoGainControl: filters };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
    await ready();
    const track = stream.getAudioTracks()[0];
    track.onended = () => heard.lost();
    microphone = context.createMediaStreamSource(stream);
    microphone.connect(node);
    node.port.postMessage({ muted: false });
  }

  // To be asked for the microphone when a person is there, not when it rings.
  async function ask() {
    const asked = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of asked.getTracks()) track.stop();
    await ready();
  }

  function close() {
    if (microphone) microphone.disconnect();
    if (stream) for (const track of stream.getTracks()) track.stop();
    microphone = stream = null;
    if (node) node.port.postMessage({ silent: true });
  }

  function play(buffer) {
    if (node) node.port.postMessage(buffer, [buffer]);
  }

  function mute(muted) {
    if (node) node.port.postMessage({ muted });
  }

  function ring(loud) {
    if (ringing || !context) return;
    const gain = context.createGain();
    const tone = context.createOscillator();
    tone.frequency.value = loud ? 620 : RING.hz[0];
    const on = loud ? 0.4 : RING.on;
    const every = loud ? 1.6 : RING.on + RING.off;
    gain.gain.value = 0;
    for (let at = 0; at < 90; at += every) {
      gain.gain.setTargetAtTime(loud ? 0.15 : 0.08, context.currentTime + at, 0.01);
      gain.gain.setTargetAtTime(0, context.currentTime + at + on, 0.01);
    }
    tone.connect(gain).connect(context.destination);
    tone.start();
    ringing = { tone, gain };
  }

  function hush() {
    if (!ringing) return;
    ringing.tone.stop();
    ringing.gain.disconnect();
    ringing = null;
  }

  return {
    heard, why, open, ask, close, play, mute, ring, hush,
    set module(url) { module = url; },
    get isOpen() { return stream !== null; },
  };
})();
