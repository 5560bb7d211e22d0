// Measures every turn: how long after the caller's last sound the agent was heard. A machine: time is passed in.

import { isHeard } from "./sound.js";

const LOUD = 0.01; // level of speech in a quiet room: -40 dBFS
const ABOVE = 4; // times the noise around it
const QUIETEST = 0.0003; // level that noise is taken for at least
const RISE = 1.002; // how fast noise may grow from one level to the next: twofold in seven seconds

export class Turns {
  constructor() {
    this.list = [];
    this.noise = QUIETEST;
    this.voiceEnd = -Infinity;
    this.answered = -Infinity; // the caller's end that was answered last
    this.over = -Infinity;
  }

  you(level, at) {
    if (level > Math.max(LOUD, ABOVE * this.noise)) this.voiceEnd = at;
    this.noise = Math.min(LOUD, level < this.noise ? Math.max(level, QUIETEST) : this.noise * RISE);
  }

  // The agent begins to answer, `waited` seconds after the caller's end as the server measured them. A turn that only
  // asked for tools goes on when their results are there. Return whether it is a new turn.
  begin(id, said, waited) {
    const before = this.list.at(-1);
    if (!said && before && before.began === undefined) {
      before.id = id;
      return false;
    }
    this.list.push({ id, said, waited, spoke: 0, parts: [] });
    this.ask();
    return true;
  }

  // The other side takes what the caller said for finished; it may have begun to answer before.
  decided(at) {
    this.over = at;
    this.ask();
  }

  // The caller's end belongs to the turn that answers it first.
  ask() {
    const turn = this.list.at(-1);
    if (!turn || turn.began !== undefined || this.voiceEnd <= this.answered) return;
    turn.from = this.voiceEnd;
    if (this.over > turn.from) turn.waited ??= this.over - turn.from;
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
