// The microphone and the loudspeaker of this page, and the level of anything that sounds.

const HEARD = 0.003; // level, of full scale, below which nothing is heard: -50 dBFS
const WANTED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export const isHeard = (level) => level > HEARD;

// Return the seconds of this page's clock, which everything on it is timed by.
export const now = () => performance.now() / 1000;

export async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("The browser gives the microphone only to pages on https or on this machine (http://localhost).");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: WANTED });
  } catch (error) {
    throw new Error(error.name === "NotAllowedError" ? "The microphone was not allowed." : "No microphone was found.");
  }
}

// Hands every 20 ms of a stream to `heard({pcm, level})`: pcm16 mono at 16 kHz, and its level from 0 to 1.
export class Ear {
  static async open(stream, heard) {
    const context = new AudioContext();
    await context.audioWorklet.addModule("/playground/capture-worklet.js");
    const ear = new Ear();
    ear.context = context;
    ear.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    ear.node.port.onmessage = ({ data }) => heard(data);
    ear.source = context.createMediaStreamSource(stream);
    ear.source.connect(ear.node);
    await context.resume();
    return ear;
  }

  async close() {
    this.node.port.onmessage = null;
    this.source.disconnect();
    await this.context.close();
  }
}

// Plays pcm16 at `rate`; tells `played({level, turn, queued})` every 20 ms what is being heard.
export class Speaker {
  static async open(rate, played) {
    const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    await context.audioWorklet.addModule("/playground/playback-worklet.js");
    const speaker = new Speaker();
    speaker.context = context;
    speaker.node = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    speaker.node.port.onmessage = ({ data }) => played(data);
    speaker.node.connect(context.destination);
    await context.resume();
    return speaker;
  }

  // Seconds from the worklet to the ear.
  get latency() {
    return this.context.outputLatency || this.context.baseLatency || 0;
  }

  play(pcm, turn) {
    this.node.port.postMessage({ pcm, turn }, [pcm]);
  }

  flush() {
    this.node.port.postMessage({ flush: true });
  }

  async close() {
    this.node.port.onmessage = null;
    await this.context.close();
  }
}
