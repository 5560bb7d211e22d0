// A call to Omni on its own wire: microphone in, sound out, and facts for the page. PyAI's protocol, "Omni native".

import { Ear, Speaker, isHeard, now } from "./sound.js";
import { offered, runTool } from "./tools.js";
import { audioMessage, controlMessage, readMessage } from "./wire.js";

const CALLER_RATE = 16000;
const AGENT_RATE = 24000;
const BEHIND = 2 * CALLER_RATE; // bytes in the socket's buffer: a second of sound; then slots are left out
const TIMEOUT = 10000;
const ENDINGS = {
  1006: "The connection to the server was lost. Call again once it is there.",
  1008: "The server refused the call.",
  1011: "The server's engine failed; its log says why.",
  1012: "The server has ended the call because it stops.",
  4429: "Too many calls at once. Try again in a moment.",
};

// Return a token for one call. `key` is asked for where the server does not know this page; it goes into a header only.
export async function fetchToken(key) {
  const answer = key
    ? await post("/v1/omni/sessions", {
        headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
        body: JSON.stringify({ allowed_origins: [location.origin] }),
      })
    : await post("/playground/session", {});
  const fields = await answer.json();
  if (!answer.ok) throw new Error(fields.detail ?? fields.error?.message ?? "The server gave no token");
  return fields.token;
}

async function post(path, request) {
  try {
    return await fetch(path, { method: "POST", ...request });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
}

export class OmniCall {
  // `tell(fact)` hears what happens; `agent` has voice_id, persona, greeting.
  constructor(agent, tell) {
    this.agent = agent;
    this.tell = tell;
    this.turn = 0;
    this.muted = false;
  }

  async open(token, microphone) {
    this.speaker = await Speaker.open(AGENT_RATE, (played) => this.played(played));
    this.socket = new WebSocket(address(), ["pyai.v1", `pyai-key.${token}`]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    await opened(this.socket);
    this.socket.onclose = ({ code, reason }) => this.ended(code, reason);
    this.send(controlMessage("configure", { ...this.agent, tools: offered }));
    this.ear = await Ear.open(microphone, (slot) => this.heard(slot));
  }

  // The caller

  heard({ pcm, level }) {
    if (this.muted) {
      pcm = new ArrayBuffer(pcm.byteLength); // silence: the agent's clock is the caller's sound
      level = 0;
    }
    this.tell({ kind: "you", level, at: now() });
    if (this.socket.bufferedAmount < BEHIND) this.send(audioMessage(pcm));
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(message);
  }

  // The agent

  receive(data) {
    let message;
    try {
      message = readMessage(data);
    } catch (error) {
      this.socket.close(4002, "invalid_binary_frame");
      this.tell({ kind: "note", text: `What the server said was no message of Omni: ${error.message}`, bad: true });
      return;
    }
    if (message.audio) this.speaker.play(message.audio, this.turn);
    else if (message.words) this.tell({ kind: "caller-words", text: message.words, at: now() });
    else if (message.event) this.event(message.event);
  }

  event(event) {
    const at = now();
    switch (event.event) {
      case "hello":
        return this.check(event.audio_out);
      case "configured":
        return this.tell({ kind: "live", at });
      case "turn_begin":
        this.turn = event.turn;
        return this.tell({ kind: "turn", id: this.turn, waited: seconds(event.since_caller_end_ms), at });
      case "transcript":
        return this.tell({ kind: "agent-words", text: event.text, at });
      case "flush":
        this.speaker.flush();
        return this.tell({ kind: "flush", at });
      case "assistant_interrupted":
        return this.tell({ kind: "interrupted", spoken: event.reply ?? "", at });
      case "tool_call":
        return this.use(event, at);
      case "kb_query":
        return this.tell({ kind: "knowledge", text: event.none ? `nothing found (${event.reason})` : "passages found", at });
      case "idle_prompt":
        return this.tell({ kind: "note", text: "Nobody has said anything for a while.", at });
      case "end_call":
        return this.tell({ kind: "note", text: "The agent hangs up.", at });
      case "error":
        return this.tell({ kind: "note", text: event.message, bad: true, at });
    }
  }

  check(rate) {
    if (rate === `pcm16@${AGENT_RATE}`) return;
    this.tell({ kind: "note", text: `The server speaks ${rate}, which this page does not play.`, bad: true, at: now() });
    this.close();
  }

  use({ call_id, name, arguments: given }, at) {
    this.tell({ kind: "tool", id: call_id, name, given, at });
    const outcome = runTool(name, given);
    this.send(controlMessage("tool_result", { call_id, ...outcome }));
    this.tell({ kind: "tool-done", id: call_id, ...outcome, at: now() });
  }

  played({ level, turn, queued }) {
    const at = now() + this.speaker.latency;
    this.tell({ kind: "agent", level, at, queued, first: isHeard(level) ? turn : undefined });
  }

  // The end

  async close() {
    this.send(controlMessage("session_ending"));
    this.socket?.close(1000);
    await this.release();
  }

  async ended(code, reason) {
    const bad = code !== 1000;
    const text = bad ? (ENDINGS[code] ?? `The call ended (${reason || code})`) : "";
    await this.release();
    this.tell({ kind: "ended", text, bad, at: now() });
  }

  async release() {
    const parts = [this.ear, this.speaker];
    this.ear = this.speaker = undefined;
    await Promise.all(parts.map((part) => part?.close()));
  }
}

function address() {
  const url = new URL(`/v1/omni?format=pcm16&rate=${CALLER_RATE}&session_label=playground`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

function opened(socket) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("The server did not answer")), TIMEOUT);
    socket.addEventListener("open", () => (clearTimeout(late), resolve()), { once: true });
    socket.addEventListener("close", () => (clearTimeout(late), reject(new Error("The server refused the call"))), { once: true });
  });
}

function seconds(milliseconds) {
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}
