// Reads and writes Omni frames as a browser client does, by the rules of PyAI's protocol ("Omni native"): tags, JSON, PCM.
// One JSON object on standard input: {"read": [{"from": "client" | "server", "hex": "..."}], "write": [{...}]}; the
// readings and the hex of what was written come on standard output. Written from the description of the wire alone; it
// shares no code with the package.
import { readFileSync } from "node:fs";

const AUDIO = 0x01, WORDS = 0x02, CONTROL = 0x03;
const LONGEST_BODY = 16384, LONGEST_CONTROL = 262144, LONGEST_TEXT = 4000;
const SPEAKERS = new Map([["user", "caller"], ["caller", "caller"], ["assistant", "agent"], ["agent", "agent"]]);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const malformed = { kind: "malformed" };

const decoded = (body) => {
  try {
    return utf8.decode(body);
  } catch {
    return null;
  }
};

const object = (text) => {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
};

const audio = (body) => {
  if (body.length % 2) return malformed;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  return { kind: "audio", samples: Array.from({ length: body.length / 2 }, (_, at) => view.getInt16(2 * at, true)) };
};

// An engine that fails may say so in the place of audio; sound may begin with a brace as well.
const failure = (body) => {
  if (body[0] !== 0x7b || body.length > LONGEST_BODY) return null;
  const fields = object(decoded(body) ?? "");
  return fields && ["detail", "error", "event"].some((key) => key in fields) ? { kind: "control", fields } : null;
};

const control = (body, longest) => {
  const fields = body.length > longest ? null : object(decoded(body) ?? "");
  return fields ? { kind: "control", fields } : malformed;
};

const said = (text, speaker, replaces, final, sequence) => {
  const length = [...text].length;
  const allowed = text.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(text);
  if (!length || length > LONGEST_TEXT || !allowed) return malformed;
  return { kind: "words", text, speaker, replaces, final, sequence };
};

const transcript = (fields) => {
  const speaker = SPEAKERS.get(fields.role ?? fields.speaker);
  const { final = false, sequence = null } = fields;
  const numbered = sequence === null || (Number.isInteger(sequence) && sequence >= 0);
  const wrong = "type" in fields || (fields.event ?? "transcript") !== "transcript";
  const text = ["delta", "text", "transcript"].map((key) => fields[key]).find((value) => value !== undefined);
  if (wrong || !speaker || typeof final !== "boolean" || !numbered || typeof text !== "string") return malformed;
  return said(text, speaker, !("delta" in fields), final, sequence);
};

const words = (body) => {
  const text = body.length && body.length <= LONGEST_BODY ? decoded(body) : null;
  if (text === null) return malformed;
  if (!text.replace(/^ +/, "").startsWith("{")) return said(text, "caller", false, false, null);
  const fields = object(text);
  return fields ? transcript(fields) : malformed;
};

const read = ({ from, hex }) => {
  const frame = Buffer.from(hex, "hex"), body = frame.subarray(1);
  const server = from === "server";
  switch (frame[0]) {
    case AUDIO:
      return (server && failure(body)) || audio(body);
    case WORDS:
      return server ? words(body) : malformed;
    case CONTROL:
      return control(body, server ? LONGEST_BODY : LONGEST_CONTROL);
    default:
      return malformed;
  }
};

const write = ({ control: fields, text, samples }) => {
  if (fields) return Buffer.concat([Buffer.of(CONTROL), Buffer.from(JSON.stringify(fields))]);
  if (text !== undefined) return Buffer.concat([Buffer.of(WORDS), Buffer.from(text)]);
  const body = Buffer.alloc(2 * samples.length);
  samples.forEach((sample, at) => body.writeInt16LE(sample, 2 * at));
  return Buffer.concat([Buffer.of(AUDIO), body]);
};

const asked = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({ read: asked.read.map(read), write: asked.write.map((each) => write(each).toString("hex")) }));
