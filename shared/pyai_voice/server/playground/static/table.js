// The table of turns and the figures beside the microphone.

const $ = (id) => document.getElementById(id);

export function inSeconds(value) {
  return value === undefined ? "–" : `${value.toFixed(2)} s`;
}

export function showTurns({ list, latest, median }) {
  $("latest").textContent = inSeconds(latest);
  $("median").textContent = inSeconds(median);
  $("count").textContent = String(list.length);
  $("turns").replaceChildren(...list.map(row).reverse());
}

function row(turn, index) {
  const parts = turn.parts.map(({ name, seconds }) => `${name} ${inSeconds(seconds)}`).join(", ");
  const cells = [index + 1, turn.said || "–", inSeconds(turn.waited), inSeconds(turn.heard), inSeconds(turn.spoke || undefined), parts || "–"];
  const made = document.createElement("tr");
  made.append(...cells.map(cell));
  return made;
}

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}
