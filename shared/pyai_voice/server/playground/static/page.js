// The page: its fields and buttons, and what it shows of the facts of a call.

import { BotCall } from "./bot.js";
import { OmniCall, fetchToken } from "./omni.js";
import { isHeard, openMicrophone } from "./sound.js";
import { inSeconds, showTurns } from "./table.js";
import { Timeline, loudness } from "./timeline.js";
import { Transcript } from "./transcript.js";
import { Turns } from "./turns.js";

const $ = (id) => document.getElementById(id);
const SILENT = 0.0001; // level that is not shown: -80 dBFS
const PERSONA =
  "You are Mia, the receptionist of the Seaview hotel. Breakfast is from seven to ten in the winter garden. " +
  "The pool opens at eight and closes at nine in the evening. A room with a view of the sea costs one hundred and twenty euros. " +
  "Check-out is at eleven. Dogs are welcome and stay for free.";
const GREETING = "Seaview hotel, this is Mia speaking. How can I help you?";

const timeline = new Timeline($("timeline"));
let needsKey = false;
let sounds = false;
let transcript, turns, call, microphone;

// Facts of a call

const shows = {
  live: () => state("live", "connected"),
  you({ level, at }) {
    turns.you(level, at);
    timeline.level("you", level, at);
    meter("you", level);
  },
  agent({ level, at, queued, first }) {
    timeline.level("agent", level, at);
    meter("agent", level);
    if (queued !== undefined) $("buffered").textContent = inSeconds(queued);
    const begun = turns.agent(level, at, first);
    if (begun) answered(begun);
    else if (sounds && !isHeard(level)) showTurns(turns);
    sounds = isHeard(level);
  },
  "caller-words"({ text, whole, final, at }) {
    if (!transcript.caller) timeline.mark(at, "first words", "you");
    transcript.callerWords(text, { whole, final });
  },
  decided({ at }) {
    turns.decided(at);
    timeline.mark(at, "turn over", "you");
  },
  turn({ id, waited, at }) {
    if (turns.begin(id, transcript.turn(), waited, at)) timeline.mark(at, `turn ${turns.list.length}`, "agent");
    showTurns(turns);
  },
  "agent-words": ({ text }) => transcript.agentWords(text),
  flush: ({ at }) => timeline.mark(at, "interrupted", "stop"),
  interrupted({ spoken }) {
    transcript.interrupted(spoken);
    showTurns(turns);
  },
  tool({ id, name, given, at }) {
    transcript.tool(id, name, given);
    timeline.mark(at, name, "wait");
  },
  "tool-done": (fact) => transcript.toolDone(fact.id, fact),
  knowledge({ text, at }) {
    timeline.mark(at, `knowledge: ${text}`, "wait");
  },
  parts({ parts }) {
    turns.parts(parts);
    showTurns(turns);
  },
  note: ({ text, bad }) => transcript.note(text, bad),
  ended({ text, bad }) {
    if (text) notice(text, bad);
    over();
  },
};

function tell(fact) {
  shows[fact.kind](fact);
}

function answered(turn) {
  if (turn.heard !== undefined) {
    timeline.wait(turn.from, turn.began, inSeconds(turn.heard));
    transcript.heardAfter(inSeconds(turn.heard));
  }
  showTurns(turns);
}

// A call

async function begin() {
  reset();
  state("connecting", "connecting …");
  try {
    if (needsKey && !isBot() && !$("key").value) throw new Error("Enter an API key: the server printed one when it started.");
    microphone = await openMicrophone();
    call = isBot() ? new BotCall($("bot-address").value, tell) : new OmniCall(agent(), tell);
    if (isBot()) await call.open(microphone);
    else await call.open(await fetchToken(needsKey ? $("key").value : ""), microphone);
    busy(false);
  } catch (error) {
    notice(error.message, true);
    await call?.close();
    over();
  }
}

function agent() {
  const fields = { voice_id: $("voice").value, persona: $("persona").value, greeting: $("greeting").value };
  return Object.fromEntries(Object.entries(fields).filter(([name, value]) => value || name === "greeting"));
}

function reset() {
  notice("");
  $("empty").hidden = true;
  transcript = new Transcript($("transcript"));
  turns = new Turns();
  timeline.clear();
  showTurns(turns);
  $("call").textContent = "Hang up";
  $("call").dataset.live = "true";
  busy(true); // until it is there, or is not
  $("mute").disabled = false;
  setFields(true);
  requestAnimationFrame(animate);
}

function over() {
  call = undefined;
  microphone?.getTracks().forEach((track) => track.stop());
  microphone = undefined;
  state("idle", "not connected");
  $("call").textContent = "Call";
  $("call").dataset.live = "false";
  busy(false);
  $("mute").disabled = true;
  mute(false);
  setFields(false);
  for (const who of ["you", "agent"]) meter(who, 0);
  $("buffered").textContent = "–";
  if (turns) showTurns(turns);
  timeline.draw();
}

function animate() {
  if ($("state").dataset.state === "idle") return;
  timeline.draw();
  requestAnimationFrame(animate);
}

// Fields

function isBot() {
  return $("tab-bot").getAttribute("aria-selected") === "true";
}

function setFields(locked) {
  const fields = document.querySelectorAll(".controls input, .controls select, .controls textarea, [role=tab]");
  for (const field of fields) field.disabled = locked;
}

// The button keeps the keyboard's focus, which one that is disabled would lose.
function busy(connecting) {
  $("call").ariaDisabled = String(connecting);
}

function press() {
  if ($("call").ariaDisabled === "true") return;
  if (call) call.close();
  else begin();
}

function state(name, text) {
  $("state").dataset.state = name;
  $("state").textContent = text;
}

function notice(text, bad = false) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("notice").dataset.bad = String(bad);
}

function meter(who, level) {
  $(`meter-${who}`).value = loudness(level);
  $(`level-${who}`).textContent = level > SILENT ? `${Math.round(20 * Math.log10(level))} dB` : "–";
}

function mute(muted) {
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").textContent = muted ? "Unmute" : "Mute";
  if (call?.mute) call.mute(muted);
  else if (call) call.muted = muted;
}

function choose(tab) {
  for (const each of document.querySelectorAll("[role=tab]")) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

async function load() {
  const about = await (await fetch("/playground/about")).json();
  needsKey = about.needs_key;
  $("key-field").hidden = !needsKey;
  $("version").textContent = about.version;
  $("brain").textContent = about.brain === "offline" ? "rules, no language model" : about.brain;
  $("voice").replaceChildren(...about.voices.map(({ voice_id, name }) => new Option(name, voice_id)));
  $("persona").value = PERSONA;
  $("greeting").value = GREETING;
  $("call").disabled = false;
}

$("call").disabled = true;
$("call").addEventListener("click", press);
$("key").addEventListener("keydown", ({ key }) => key === "Enter" && press());
$("mute").addEventListener("click", () => mute($("mute").getAttribute("aria-pressed") !== "true"));
$("theme").addEventListener("click", toggleTheme);
new MutationObserver(() => timeline.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft" || key === "ArrowRight") choose(tab.nextElementSibling ?? tab.previousElementSibling);
  });
}

timeline.draw();
load().catch(() => notice("The server does not answer. Is it still running?", true));
