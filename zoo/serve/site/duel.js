// A game against an agent: the page sends what the human does, and draws what the server answers.
const find = (name) => document.getElementById(name);
const ARROWS = { left: "ArrowLeft", right: "ArrowRight", up: "ArrowUp", down: "ArrowDown" };
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
let game = null;
let shownMoment = null;
let waiting = false;

function put(name, text, parent) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

// The marks as the player of replays draws them.
function flat(marks) {
  const looks = [];
  const frame = [];
  marks.forEach(([shape, size, colour, text, x, y, dx, dy], k) => {
    looks.push([shape, size, colour, text]);
    frame.push(k, x, y, ...(shape === "line" || shape === "bar" ? [dx, dy] : []));
  });
  return [{ looks }, frame];
}

function draw() {
  if (!shownMoment || !shownMoment.marks) return;
  const canvas = find("board");
  canvas.hidden = false;
  const [w, h] = shownMoment.size;
  const wide = Math.min(360, canvas.parentNode.clientWidth || 360, (400 * w) / h);
  const ratio = devicePixelRatio || 1;
  canvas.style.width = `${wide}px`;
  canvas.width = wide * ratio;
  canvas.height = ((wide * h) / w) * ratio;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (shownMoment.size[2]) drawGrid(pen, shownMoment.size, wide / w);
  const [data, frame] = flat(shownMoment.marks);
  drawMarks(pen, data, frame, wide / w);
}

const number = (x) => (Math.abs(x) < 5e-10 ? "0" : String(Number(x.toFixed(3))));

function show(moment) {
  shownMoment = moment;
  find("moment").textContent = `step ${game.step} of ${game.steps}${moment.caption ? `: ${moment.caption}` : ""}`;
  const body = find("returns");
  body.replaceChildren();
  game.seats.forEach((seat, k) => {
    const row = put("tr", undefined, body);
    const head = put("td", undefined, row);
    put("span", undefined, head).className = "swatch";
    head.firstChild.style.background = `var(--${seatColour(seat, k)})`;
    head.append(seat);
    put("td", seat === game.seat ? "you" : "the agent", row);
    put("td", number(moment.pays[seat]), row);
    put("td", number(game.returns[seat]), row);
  });
  draw();
}

function keyOf(k) {
  return ARROWS[game.actions[k]] || (k < 9 ? String(k + 1) : "");
}

function buttons() {
  const list = find("actions");
  if (list.childElementCount !== game.actions.length || list.dataset.seat !== game.seat) {
    list.replaceChildren();
    list.dataset.seat = game.seat;
    game.actions.forEach((name, k) => {
      const button = put("button", name, put("li", undefined, list));
      button.type = "button";
      const key = keyOf(k);
      if (key) put("kbd", SIGNS[key] || key, button);
      button.addEventListener("click", () => act(k));
    });
  }
  // aria-disabled keeps the focus where it is, which `disabled` would lose
  [...list.querySelectorAll("button")].forEach((button, k) => {
    button.setAttribute("aria-disabled", String(game.over || !game.legal[k]));
  });
}

function table(rows) {
  if (!rows || !rows.length) return;
  const [head, body] = [find("table").tHead, find("table").tBodies[0]];
  head.replaceChildren();
  body.replaceChildren();
  const line = put("tr", undefined, head);
  for (const heading of Object.keys(rows[0])) put("th", heading, line).scope = "col";
  for (const row of rows) {
    const cells = put("tr", undefined, body);
    for (const text of Object.values(row)) put("td", text, cells);
  }
  find("none").hidden = true;
}

async function ask(what, sent) {
  if (waiting) return;
  waiting = true;
  try {
    const answer = await fetch(`${location.pathname}/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(sent),
    });
    if (!answer.ok) {
      find("message").textContent = answer.status === 409 ? "This game goes on in another window." : "That is not possible now.";
      return;
    }
    game = await answer.json();
    show(game.moments[game.moments.length - 1]);
    buttons();
    table(game.table);
    const words = `You are ${game.seat}.`;
    const end = game.state === "DONE" ? "The game is over." : `The agent spoiled the game: ${game.state}.`;
    find("message").textContent = game.over ? `${end} You got ${number(game.returns[game.seat])}.` : words;
    // whoever has begun plays on; a second Enter where the first one was would leave the game
    if (what === "begin") find("actions").querySelector("[aria-disabled=false]")?.focus();
    find("begin").textContent = game.over ? "Begin the next game" : "Leave it and begin another";
  } catch {
    find("message").textContent = "The server does not answer. Is it still running?";
  } finally {
    waiting = false;
  }
}

function act(k) {
  if (game && !game.over && game.legal[k]) return ask("act", { episode: game.episode, step: game.step, action: k });
  return undefined;
}

find("begin").addEventListener("click", () => ask("begin", {}));
document.addEventListener("keydown", (event) => {
  if (!game || game.over || event.ctrlKey || event.metaKey || event.altKey) return;
  const k = game.actions.findIndex((_, at) => keyOf(at) === event.key);
  if (k < 0) return;
  event.preventDefault();
  act(k);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
