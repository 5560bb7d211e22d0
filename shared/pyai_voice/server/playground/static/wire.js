// Omni's messages: every one is binary, and its first byte says what it is.

const AUDIO = 1;
const WORDS = 2;
const CONTROL = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export function audioMessage(pcm) {
  return tagged(AUDIO, new Uint8Array(pcm));
}

export function controlMessage(type, fields) {
  return tagged(CONTROL, encoder.encode(JSON.stringify({ type, ...fields })));
}

function tagged(tag, body) {
  const message = new Uint8Array(body.length + 1);
  message[0] = tag;
  message.set(body, 1);
  return message;
}

// Return {audio}, {words} or {event}. Throws where the message is none of the protocol.
export function readMessage(data) {
  if (typeof data === "string") throw new Error("binary_frames_required");
  const [tag] = new Uint8Array(data, 0, 1);
  const body = data.slice(1);
  if (tag === AUDIO && body.byteLength % 2 === 0) return { audio: body };
  if (tag === WORDS) return { words: decoder.decode(body) };
  if (tag === CONTROL) return { event: JSON.parse(decoder.decode(body)) };
  throw new Error("invalid_binary_frame");
}
