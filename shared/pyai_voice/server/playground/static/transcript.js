// The transcript of both sides, with tools between them. Text from outside only ever becomes text.

export class Transcript {
  constructor(list) {
    this.list = list;
    this.list.replaceChildren();
    this.caller = undefined;
    this.agent = undefined;
    this.tools = new Map();
  }

  // What the caller says: more of it, or (`whole`) all of it since the last final words.
  callerWords(text, { whole = false, final = true } = {}) {
    this.caller ??= { item: this.add("you", "You"), said: "", fixed: "" };
    const { caller } = this;
    caller.said = whole ? join(caller.fixed, text) : caller.said + text;
    if (whole && final) caller.fixed = caller.said;
    caller.item.words.textContent = caller.said.trim();
    this.follow();
  }

  // The agent's turn begins; return what the caller said before it.
  turn() {
    const said = this.caller?.said.trim() ?? "";
    this.caller = this.agent = undefined;
    return said;
  }

  agentWords(text) {
    this.agent ??= { item: this.add("agent", "Agent"), text: "" };
    this.agent.text = join(this.agent.text, text);
    this.agent.item.words.textContent = this.agent.text;
    this.follow();
  }

  // Strike out what nobody heard.
  interrupted(spoken) {
    if (!this.agent) return;
    const { item, text } = this.agent;
    const heard = text.startsWith(spoken) ? spoken : "";
    const rest = document.createElement("del");
    rest.textContent = text.slice(heard.length).trim();
    item.words.replaceChildren(heard ? `${heard} ` : "", rest);
    item.badge("interrupted", "stop");
    item.row.dataset.interrupted = "true";
    this.agent = undefined;
  }

  heardAfter(seconds) {
    this.agent?.item.badge(`heard after ${seconds}`, "wait");
  }

  tool(id, name, given) {
    const item = this.add("tool", "Tool");
    item.words.textContent = `${name}(${given === undefined ? "" : JSON.stringify(given)})`;
    this.tools.set(id, item);
    this.follow();
  }

  toolDone(id, { result, error }) {
    const item = this.tools.get(id);
    if (!item) return;
    item.words.textContent += ` → ${error ?? JSON.stringify(result)}`;
    item.row.dataset.failed = String(error !== undefined);
  }

  note(text, bad = false) {
    const item = this.add("note", bad ? "Error" : "Note");
    item.words.textContent = text;
    item.row.dataset.failed = String(bad);
    this.follow();
  }

  add(kind, who) {
    const row = element("li", kind);
    const words = element("span", "words");
    const head = element("span", "who", who);
    row.append(head, words);
    this.list.append(row);
    return { row, words, badge: (text, tone) => head.append(element("span", `badge ${tone}`, text)) };
  }

  follow() {
    this.list.scrollTop = this.list.scrollHeight;
  }
}

function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

function join(before, text) {
  return before && text ? `${before.trimEnd()} ${text.trimStart()}` : before || text.trimStart();
}
