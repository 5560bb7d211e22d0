// Draws the last seconds of a call as they happen: your voice above, what came over the wire between, the agent below.

const SPAN = 12; // seconds that are seen
const KEPT = 60; // seconds that are remembered
const ROWS = 3;
const AHEAD = 84; // pixels right of now, for the newest words
const FLOOR = -54; // dBFS that is drawn as nothing
const NAMES = ["ink", "faint", "line", "you", "agent", "wait", "stop", "card"];

// Return 0 to 1 for a level of 0 to 1, by how loud it seems.
export function loudness(level) {
  return level > 0 ? Math.max(0, 1 - (20 * Math.log10(level)) / FLOOR) : 0;
}

export class Timeline {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.voices = { you: [], agent: [] };
    this.marks = [];
    this.waits = [];
    this.end = 0;
  }

  level(who, level, at) {
    const voice = this.voices[who];
    voice.push({ at, level });
    this.end = Math.max(this.end, at);
    if (voice.length > KEPT * 50) voice.splice(0, KEPT * 10);
  }

  mark(at, text, tone) {
    this.marks.push({ at, text, tone });
    if (this.marks.length > 400) this.marks.splice(0, 200);
  }

  // From the end of the caller's speech until the agent was heard.
  wait(from, to, text) {
    this.waits.push({ from, to, text });
    if (this.waits.length > 100) this.waits.splice(0, 50);
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.pen = this.canvas.getContext("2d");
    this.pen.scale(ratio, ratio);
    this.pen.font = "12px system-ui, sans-serif";
    this.pen.textBaseline = "middle";
    this.colours = colours(this.canvas);
    this.layout(width, height);
    this.drawGrid();
    this.drawWaits();
    this.drawVoice("you");
    this.drawVoice("agent");
    this.nameWaits();
    this.drawMarks();
  }

  layout(width, height) {
    const lane = height * 0.31;
    this.width = width;
    this.height = height;
    this.lanes = { you: { middle: lane / 2, half: lane / 2 - 8 }, agent: { middle: height - lane / 2 - 8, half: lane / 2 - 12 } };
    this.wire = { top: lane, bottom: height - lane - 8 };
    this.seconds = width < 560 ? SPAN / 2 : SPAN;
  }

  x(at) {
    return (this.width - AHEAD) * (1 - (this.end - at) / this.seconds);
  }

  sees(at) {
    return at > this.end - this.seconds - 2;
  }

  drawGrid() {
    const { pen } = this;
    pen.lineWidth = 1;
    for (let back = 0; back <= this.seconds; back++) {
      const x = Math.round(this.x(this.end - back)) + 0.5;
      this.stroke(this.colours.line, [x, 0], [x, this.height - 14]);
      if (back % 2 === 0 && x > 24) this.text(back ? `-${back} s` : "now", x, this.height - 7, this.colours.faint, "center");
    }
    for (const { middle } of Object.values(this.lanes)) this.stroke(this.colours.line, [0, middle], [this.width, middle]);
  }

  drawVoice(who) {
    const { middle, half } = this.lanes[who];
    const { pen } = this;
    const wide = Math.max(1, (0.02 / this.seconds) * (this.width - AHEAD));
    pen.fillStyle = this.colours[who];
    for (const { at, level } of this.voices[who]) {
      const tall = loudness(level) * half;
      if (this.sees(at) && tall > 0.5) pen.fillRect(this.x(at) - wide, middle - tall, wide + 0.4, 2 * tall);
    }
    this.text(who === "you" ? "You" : "Agent", this.width - 6, middle - 10, this.colours.faint, "right");
  }

  drawWaits() {
    const { pen } = this;
    for (const { from, to } of this.waits.filter((each) => this.sees(each.to))) {
      const [left, right] = [this.x(from), this.x(to)];
      pen.globalAlpha = 0.22;
      pen.fillStyle = this.colours.wait;
      pen.fillRect(left, 0, right - left, this.height - 14);
      pen.globalAlpha = 1;
      pen.lineWidth = 1.5;
      this.stroke(this.colours.wait, [left, 0], [left, this.height - 14]);
      this.stroke(this.colours.wait, [right, 0], [right, this.height - 14]);
    }
  }

  nameWaits() {
    for (const { from, to, text } of this.waits.filter((each) => this.sees(each.to))) {
      this.label(text, this.x((from + to) / 2), this.lanes.you.middle, this.colours.wait, "center");
    }
  }

  drawMarks() {
    const free = Array(ROWS).fill(-Infinity);
    const tall = (this.wire.bottom - this.wire.top) / ROWS;
    for (const { at, text, tone } of this.marks.filter((each) => this.sees(each.at))) {
      const x = this.x(at);
      const edge = free.find((each) => each < x) ?? Math.min(...free);
      const row = free.indexOf(edge);
      const y = this.wire.top + tall * (row + 0.5);
      const colour = this.colours[tone];
      this.pen.lineWidth = tone === "stop" ? 2 : 1;
      const ends = { you: this.lanes.you.middle, agent: this.lanes.agent.middle }[tone] ?? y;
      const [from, to] = tone === "stop" ? [0, this.height - 14] : [y, ends];
      this.stroke(colour, [x, from], [x, to]);
      free[row] = this.label(text, Math.max(x, edge), y, colour, "left") + 3;
    }
  }

  // Write in a small box; return its right edge.
  label(text, x, y, colour, align) {
    const { pen } = this;
    const wide = pen.measureText(text).width + 10;
    const left = align === "center" ? x - wide / 2 : x;
    pen.fillStyle = this.colours.card;
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(left, y - 9, wide, 18, 5);
    pen.fill();
    pen.stroke();
    this.text(text, left + 5, y + 0.5, this.colours.ink, "left");
    return left + wide;
  }

  text(text, x, y, colour, align) {
    this.pen.fillStyle = colour;
    this.pen.textAlign = align;
    this.pen.fillText(text, x, y);
  }

  stroke(colour, from, to) {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  }
}

function colours(canvas) {
  const style = getComputedStyle(canvas);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
