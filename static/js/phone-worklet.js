// The sound of the browser phone, off the page's own thread: microphone to 16 kHz frames of 20 ms,
// frames from the call to the loudspeaker. What waits to be played is kept short.
"use strict";

const WIRE_HZ = 16000;
const FRAME = 320;
const BEGINS_AT = 3;
const MOST = 25;
const WATCHED = 100;
const ZEROS = 16;
const STEPS = 256;

// A windowed sinc, read from a table; history is kept between blocks, so there is no click.
class Resampler {
  constructor(from, to) {
    const narrow = Math.min(1, to / from);
    this.step = from / to;
    this.half = Math.ceil(ZEROS / narrow);
    this.table = new Float32Array(this.half * STEPS + 2);
    const cutoff = narrow * 0.94;
    for (let i = 0; i < this.table.length; i += 1) {
      const t = i / STEPS;
      const x = Math.PI * cutoff * t;
      const sinc = t === 0 ? 1 : Math.sin(x) / x;
      const window = t >= this.half ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * t) / this.half);
      this.table[i] = cutoff * sinc * window;
    }
    this.kept = new Float32Array(2 * this.half);
    this.at = this.half;
  }

  push(samples) {
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    const out = [];
    const last = all.length - this.half;
    while (this.at < last) {
      out.push(this.one(all));
      this.at += this.step;
    }
    const gone = Math.max(0, Math.floor(this.at) - this.half);
    this.kept = all.slice(gone);
    this.at -= gone;
    return out;
  }

  one(all) {
    const first = Math.ceil(this.at - this.half);
    const end = Math.floor(this.at + this.half);
    let sum = 0;
    for (let i = Math.max(0, first); i <= end && i < all.length; i += 1) {
      const place = Math.abs(i - this.at) * STEPS;
      const low = Math.floor(place);
      const part = place - low;
      if (low + 1 < this.table.length) sum += all[i] * (this.table[low] * (1 - part) + this.table[low + 1] * part);
    }
    return sum;
  }
}

// Frames that wait to be played, and what is played of them.
class Player {
  constructor() {
    this.fromWire = new Resampler(WIRE_HZ, sampleRate);
    this.clear();
    this.ready = [];
  }

  clear() {
    this.waiting = [];
    this.plays = false;
    this.takes = 0;
    this.least = 0;
  }

  take(frame) {
    if (this.waiting.length >= MOST) this.waiting.splice(0, this.waiting.length - BEGINS_AT);
    this.waiting.push(frame);
  }

  next() {
    if (!this.plays && this.waiting.length < BEGINS_AT) return null;
    if (!this.plays) {
      this.plays = true;
      this.takes = 0;
      this.least = this.waiting.length;
    }
    if (!this.waiting.length) {
      this.plays = false;
      return null;
    }
    this.takes += 1;
    this.least = Math.min(this.least, this.waiting.length);
    if (this.takes >= WATCHED) {
      if (this.least > BEGINS_AT) this.waiting.shift();
      this.takes = 0;
      this.least = this.waiting.length;
    }
    return this.waiting.shift();
  }

  // Fills a block, and returns how loud it is.
  play(output) {
    while (this.ready.length < output.length) {
      const frame = this.next();
      const samples = new Float32Array(FRAME);
      if (frame) for (let i = 0; i < FRAME && i < frame.length; i += 1) samples[i] = frame[i] / 32768;
      for (const sample of this.fromWire.push(samples)) this.ready.push(sample);
    }
    let loudest = 0;
    for (let i = 0; i < output.length; i += 1) {
      output[i] = this.ready[i];
      loudest = Math.max(loudest, Math.abs(output[i]));
    }
    this.ready.splice(0, output.length);
    return loudest;
  }
}

class Phone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.toWire = new Resampler(sampleRate, WIRE_HZ);
    this.player = new Player();
    this.said = [];
    this.muted = false;
    this.loudest = { said: 0, heard: 0 };
    this.blocks = 0;
    this.port.onmessage = (event) => this.told(event.data);
  }

  told(what) {
    if (what instanceof ArrayBuffer) this.player.take(new Int16Array(what));
    else if (what.muted !== undefined) this.muted = what.muted;
    else if (what.silent) this.player.clear();
  }

  capture(input) {
    const muted = this.muted;
    for (const sample of this.toWire.push(input)) {
      const value = muted ? 0 : Math.max(-1, Math.min(1, sample));
      this.loudest.said = Math.max(this.loudest.said, Math.abs(value));
      this.said.push(value);
    }
    while (this.said.length >= FRAME) {
      const frame = new Int16Array(FRAME);
      for (let i = 0; i < FRAME; i += 1) frame[i] = Math.round(this.said[i] * 32767);
      this.said.splice(0, FRAME);
      this.port.postMessage(frame.buffer, [frame.buffer]);
    }
  }

  process(inputs, outputs) {
    const input = inputs[0][0];
    const output = outputs[0][0];
    if (!output) return true;
    // A microphone that is not there yet is silence: the call's process hears that the page lives.
    this.capture(input || new Float32Array(output.length));
    this.loudest.heard = Math.max(this.loudest.heard, this.player.play(output));
    for (const other of outputs[0].slice(1)) other.set(output);
    this.blocks += 1;
    if (this.blocks % 40 === 0) {
      this.port.postMessage(this.loudest);
      this.loudest = { said: 0, heard: 0 };
    }
    return true;
  }
}

// The caller in the left ear, the callee in the right.
class Ears extends AudioWorkletProcessor {
  constructor() {
    super();
    this.players = [new Player(), new Player()];
    this.port.onmessage = (event) => {
      const bytes = new Uint8Array(event.data);
      const player = this.players[bytes[0]];
      if (player) player.take(new Int16Array(event.data.slice(1)));
    };
  }

  process(inputs, outputs) {
    outputs[0].forEach((output, side) => this.players[side] && this.players[side].play(output));
    return true;
  }
}

registerProcessor("phone", Phone);
registerProcessor("ears", Ears);
