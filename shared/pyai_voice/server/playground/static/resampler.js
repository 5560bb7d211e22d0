// Changes the sample rate of a stream of sound: a windowed-sinc low-pass, so that nothing folds back into speech.

const LOBES = 12; // zero crossings of the kernel on each side
const PHASES = 64; // positions between two input samples
const PASS = 0.94; // part of the lower Nyquist frequency that passes

export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    const cutoff = PASS * Math.min(1, to / from);
    this.half = Math.ceil(LOBES / cutoff);
    this.kernels = Array.from({ length: PHASES }, (_, phase) => kernel(cutoff, this.half, phase / PHASES));
    this.kept = new Float32Array(this.half); // silence before the first sample
    this.position = this.half; // of the next output sample, in `kept`
  }

  // Return the output that these input samples complete.
  take(input) {
    const sound = new Float32Array(this.kept.length + input.length);
    sound.set(this.kept);
    sound.set(input, this.kept.length);
    const output = [];
    while (Math.floor(this.position) + this.half + 1 < sound.length) {
      output.push(this.sample(sound));
      this.position += this.step;
    }
    const used = Math.max(0, Math.floor(this.position) - this.half);
    this.kept = sound.slice(used);
    this.position -= used;
    return output;
  }

  sample(sound) {
    const whole = Math.floor(this.position);
    const taps = this.kernels[Math.floor((this.position - whole) * PHASES)];
    const first = whole - this.half + 1;
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * sound[first + tap];
    return sum;
  }
}

function kernel(cutoff, half, fraction) {
  const taps = new Float32Array(2 * half);
  for (let tap = 0; tap < taps.length; tap++) {
    const distance = tap - half + 1 - fraction;
    const window = Math.abs(distance) < half ? 0.5 + 0.5 * Math.cos((Math.PI * distance) / half) : 0;
    taps[tap] = cutoff * sinc(cutoff * distance) * window;
  }
  return taps;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
