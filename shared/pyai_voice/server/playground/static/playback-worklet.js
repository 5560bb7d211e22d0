// Plays pcm16 chunks one after the other. A flush drops what is queued and what is playing, within 128 samples.

const LONGEST = 30; // seconds that are queued at most; the server sends one second ahead
const REPORT = 0.02; // seconds between two reports

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.clear();
    this.rest();
    this.port.onmessage = ({ data }) => (data.flush ? this.clear() : this.add(data));
  }

  clear() {
    this.queue = [];
    this.offset = 0;
    this.queued = 0;
  }

  rest() {
    this.power = 0;
    this.count = 0;
  }

  add({ pcm, turn }) {
    const samples = new Int16Array(pcm);
    if (this.queued + samples.length > LONGEST * sampleRate) return;
    this.queue.push({ samples, turn });
    this.queued += samples.length;
  }

  process(_inputs, [[output]]) {
    for (let place = 0; place < output.length; place++) {
      const sample = this.next();
      output[place] = sample;
      this.power += sample * sample;
    }
    this.count += output.length;
    if (this.count >= REPORT * sampleRate) this.report();
    return true;
  }

  next() {
    const chunk = this.queue[0];
    if (!chunk) return 0;
    this.turn = chunk.turn;
    const sample = chunk.samples[this.offset++] / 32768;
    this.queued--;
    if (this.offset >= chunk.samples.length) {
      this.queue.shift();
      this.offset = 0;
    }
    return sample;
  }

  report() {
    const level = Math.sqrt(this.power / this.count);
    this.port.postMessage({ level, turn: this.turn, queued: this.queued / sampleRate });
    this.rest();
  }
}

registerProcessor("playback", Playback);
