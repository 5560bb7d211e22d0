// A call to a Pipecat bot: WebRTC, offered to Pipecat's runner by one POST; what happens comes as RTVI messages over the
// data channel "chat". RTVI is Pipecat's own protocol between bots and their clients.

import { Ear, isHeard, now } from "./sound.js";

const VERSION = "2.0.0"; // of RTVI
const PING = 1000; // milliseconds; after three seconds without one the bot takes the caller for gone
const GATHERING = 2000;
const TIMEOUT = 15000;

export class BotCall {
  constructor(address, tell) {
    this.offerUrl = new URL("/api/offer", address);
    if (!["localhost", "127.0.0.1"].includes(this.offerUrl.hostname) || this.offerUrl.protocol !== "http:") {
      throw new Error("The bot has to be on this machine: http://localhost:7860");
    }
    this.tell = tell;
    this.segments = [];
    this.answering = false;
    this.muted = false;
  }

  async open(microphone) {
    this.peer = new RTCPeerConnection();
    this.channel = this.peer.createDataChannel("chat", { ordered: true });
    this.channel.onopen = () => this.greet();
    this.channel.onclose = () => this.close("The bot has ended the call");
    this.channel.onmessage = ({ data }) => this.receive(data);
    this.tracks = microphone.getAudioTracks();
    this.tracks.forEach((track) => this.peer.addTrack(track, microphone));
    this.peer.addTransceiver("video", { direction: "recvonly" }); // Pipecat counts its transceivers
    this.peer.ontrack = ({ track }) => track.kind === "audio" && this.play(track);
    this.peer.onconnectionstatechange = () => this.changed();
    await this.negotiate();
    await opened(this.channel);
    this.ear = await Ear.open(microphone, ({ level }) => this.tell({ kind: "you", level: this.muted ? 0 : level, at: now() }));
  }

  async negotiate() {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    await gathered(this.peer);
    const { sdp, type } = this.peer.localDescription;
    const answer = await post(this.offerUrl, { sdp, type });
    await this.peer.setRemoteDescription(answer);
  }

  mute(muted) {
    this.muted = muted;
    this.tracks.forEach((track) => (track.enabled = !muted));
  }

  async play(track) {
    const stream = new MediaStream([track]);
    this.audio = new Audio();
    this.audio.srcObject = stream;
    this.audio.play();
    this.monitor = await Ear.open(stream, ({ level }) =>
      this.tell({ kind: "agent", level, at: now(), first: isHeard(level) ? this.turn : undefined }),
    );
  }

  // Messages

  greet() {
    this.pinging = setInterval(() => this.channel.readyState === "open" && this.channel.send("ping"), PING);
    this.channel.send("ping");
    const data = { version: VERSION, about: { library: "pyai-playground" } };
    this.channel.send(JSON.stringify({ label: "rtvi-ai", type: "client-ready", id: "ready", data }));
  }

  receive(text) {
    const { label, type, data } = JSON.parse(text);
    if (label === "rtvi-ai") this.event(type, data ?? {}, now());
  }

  event(type, data, at) {
    switch (type) {
      case "bot-ready":
        return this.tell({ kind: "live", at });
      case "user-transcription":
        return this.tell({ kind: "caller-words", text: data.text, whole: true, final: data.final, at });
      case "user-stopped-speaking":
        return this.tell({ kind: "decided", at });
      case "bot-llm-started":
      case "bot-tts-started":
        return this.begin(at);
      case "bot-output":
        return this.output(data, at);
      case "bot-stopped-speaking":
        this.answering = false;
        return;
      case "bot-interrupted":
        return this.interrupted(at);
      case "llm-function-call-in-progress":
        return this.tell({ kind: "tool", id: data.tool_call_id, name: data.function_name ?? "tool", given: data.arguments, at });
      case "llm-function-call-stopped":
        return this.tell({ kind: "tool-done", id: data.tool_call_id, result: data.cancelled ? "cancelled" : data.result, at });
      case "metrics":
        return this.tell({ kind: "parts", parts: (data.ttfb ?? []).map(part), at });
      case "error":
      case "error-response":
        return this.tell({ kind: "note", text: data.error ?? data.message ?? "The bot reports an error", bad: true, at });
    }
  }

  begin(at) {
    if (this.answering) return;
    this.answering = true;
    this.segments = [];
    this.turn = (this.turn ?? 0) + 1;
    this.tell({ kind: "turn", id: this.turn, at });
  }

  output({ segment_id: id, text, will_be_spoken: aloud, spoken_status: status, spoken_progress: progress }, at) {
    if (!aloud) return;
    let segment = this.segments.find((each) => each.id === id);
    if (!segment) {
      this.begin(at);
      segment = { id, spoken: "" };
      this.segments.push(segment);
      this.tell({ kind: "agent-words", text, at });
    }
    segment.spoken = status === "completed" ? text : (progress?.accumulated_text ?? segment.spoken);
  }

  interrupted(at) {
    if (!this.answering) return;
    this.answering = false;
    this.tell({ kind: "flush", at });
    this.tell({ kind: "interrupted", spoken: this.segments.map((each) => each.spoken).join(" ").trim(), at });
  }

  // The end

  changed() {
    if (["failed", "disconnected", "closed"].includes(this.peer?.connectionState)) this.close("The bot has gone", true);
  }

  async close(text = "", bad = false) {
    if (!this.peer) return;
    const { peer } = this;
    this.peer = undefined;
    clearInterval(this.pinging);
    peer.close();
    this.audio?.pause();
    await Promise.all([this.ear?.close(), this.monitor?.close()]);
    this.tell({ kind: "ended", text, bad, at: now() });
  }
}

async function post(url, fields) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
      signal: AbortSignal.timeout(TIMEOUT),
    });
  } catch {
    throw new Error(`No bot answers at ${url.origin}. Start it with the line above.`);
  }
  if (!answer.ok) throw new Error(`The bot at ${url.origin} refused the call (${answer.status})`);
  return answer.json();
}

function gathered(peer) {
  return new Promise((resolve) => {
    const done = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHERING);
    done();
  });
}

function opened(channel) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("The bot did not connect")), TIMEOUT);
    const done = () => (clearTimeout(late), resolve());
    if (channel.readyState === "open") done();
    channel.addEventListener("open", done, { once: true });
  });
}

// Return a metric's part of the pipeline, without Pipecat's numbering.
function part({ processor, value }) {
  return { name: processor.replace(/#\d+$/, "").replace(/Service$/, ""), seconds: value };
}
