// Measures every turn: how long after the caller's last sound the agent was heard. A machine: time is passed in.

import { isHeard } from "./sound.js";

const LOUD = 0.01; // level of speech in a quiet room: -40 dBFS
const ABOVE = 4; // times the noise around it
const QUIETEST = 0.0003; // level that noise is taken for at least
const RISE = 1.002; // how fast noise may grow from one level to the next: twofold in seven seconds
const GAP = 0.25; // seconds of quiet between two ends of speech
const SOONEST = 0.15; // seconds after which somebody may be taken to have finished
const APART = 0.35; // seconds by which the server's clock of the caller and the page's may differ
const KEPT = 20;

export class Turns {
  constructor() {
    this.list = [];
    this.noise = QUIETEST;
    this.ends = []; // of the caller's stretches of speech
    this.answered = -Infinity; // the end that was answered last
    this.over = -Infinity;
  }

  you(level, at) {
    if (level > Math.max(LOUD, ABOVE * this.noise)) this.loud(at);
    this.noise = Math.min(LOUD, level < this.noise ? Math.max(level, QUIETEST) : this.noise * RISE);
  }

  loud(at) {
    if (at - this.ends.at(-1) <= GAP) this.ends.pop();
    this.ends = [...this.ends, at].slice(-KEPT);
  }

  // The agent begins to answer, `waited` seconds after the caller's end as the server measured them. A turn that only
  // asked for tools goes on when their results are there. Return whether it is a new turn.
  begin(id, said, waited, at) {
    const before = this.list.at(-1);
    if (!said && before && before.began === undefined) {
      before.id = id;
      return false;
    }
    this.list.push({ id, said, waited, spoke: 0, parts: [] });
    this.ask(at - (waited === undefined ? SOONEST : waited - APART));
    return true;
  }

  // The other side takes what the caller said for finished; it may have begun to answer before.
  decided(at) {
    this.over = at;
    this.ask(at - SOONEST);
  }

  // The caller's last end before that belongs to the turn that answers it first; what is said meanwhile does not.
  ask(before) {
    const turn = this.list.at(-1);
    const end = this.ends.findLast((each) => each <= before) ?? -Infinity;
    if (!turn || turn.began !== undefined || end <= this.answered) return;
    turn.from = end;
    if (this.over > end) turn.waited ??= this.over - end;
  }

  // Sound of the agent's turn `id`; return the turn when this is its first one.
  agent(level, at, id) {
    const turn = this.list.findLast((each) => each.id === id);
    if (!turn || !isHeard(level)) return undefined;
    const first = turn.began === undefined;
    if (first) this.open(turn, at);
    turn.spoke = at - turn.began;
    return first ? turn : undefined;
  }

  open(turn, at) {
    if (turn.from === undefined) this.ask(at - SOONEST);
    turn.began = at;
    if (turn.from !== undefined) turn.heard = at - turn.from;
    this.answered = turn.from ?? this.answered;
  }

  // What parts of a pipeline needed goes to the turn that is being answered.
  parts(parts) {
    this.list.at(-1)?.parts.push(...parts.filter((each) => each.seconds > 0));
  }

  get latest() {
    return this.list.findLast((each) => each.heard !== undefined)?.heard;
  }

  get median() {
    const heard = this.list.flatMap((each) => each.heard ?? []).sort((one, other) => one - other);
    return heard.length ? (heard[(heard.length - 1) >> 1] + heard[heard.length >> 1]) / 2 : undefined;
  }
}
