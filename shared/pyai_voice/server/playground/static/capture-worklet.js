// Turns a microphone into slots of 20 ms: pcm16 mono at 16 kHz, each with its level. A slot comes also in silence.

import { Resampler } from "./resampler.js";

const RATE = 16000;
const SLOT = RATE / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, RATE);
    this.begin();
  }

  begin() {
    this.pcm = new Int16Array(SLOT);
    this.filled = 0;
    this.power = 0;
  }

  process([input]) {
    const sound = input[0] ?? new Float32Array(128);
    for (const sample of this.resampler.take(sound)) this.add(sample);
    return true;
  }

  add(sample) {
    const limited = Math.max(-1, Math.min(1, sample));
    this.pcm[this.filled++] = Math.round(limited * 32767);
    this.power += limited * limited;
    if (this.filled < SLOT) return;
    this.port.postMessage({ pcm: this.pcm.buffer, level: Math.sqrt(this.power / SLOT) }, [this.pcm.buffer]);
    this.begin();
  }
}

registerProcessor("capture", Capture);
