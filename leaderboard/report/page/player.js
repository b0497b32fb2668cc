// Replays: what was played again is drawn, step by step.
const unpacked = new Map();
function unpack(number) {
  if (!unpacked.has(number)) {
    const text = document.querySelector(`.replays[data-arena="${number}"]`).textContent;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    unpacked.set(number, new Response(stream).json());
  }
  return unpacked.get(number);
}

const NAMED = ["red", "blue", "green", "purple", "orange", "sky"];
const ORDER = ["blue", "red", "green", "purple", "orange", "sky", "ink"];
const colourOf = (name) => {
  if (name.startsWith("#")) return name;
  const style = getComputedStyle(document.documentElement);
  return style.getPropertyValue({ faint: "--line" }[name] || `--${name}`).trim();
};
const partsOf = (colour) => {
  const digits = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
  return [0, 2, 4].map((k) => parseInt(digits.slice(k, k + 2), 16));
};
// How well one colour is seen on another, 1 to 21, as the Web Content Accessibility Guidelines (2.1) define it.
const lightOf = (colour) => {
  const parts = partsOf(colour).map((x) => x / 255);
  const [r, g, b] = parts.map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrastOf = (one, other) => {
  const [a, b] = [lightOf(one), lightOf(other)].sort((x, y) => x - y);
  return (b + 0.05) / (a + 0.05);
};
// Words on a coloured shape; and words beside one, in its colour, as much nearer to the page's ink as they must be read.
const inkOn = (fill) => (contrastOf("#000000", fill) > contrastOf("#ffffff", fill) ? "#000000" : "#ffffff");
const wordInk = (name) => {
  const [own, ink] = [partsOf(colourOf(name)), partsOf(colourOf("ink"))];
  const mixed = (k) => `#${own.map((x, at) => Math.round(x + ((ink[at] - x) * k) / 10).toString(16).padStart(2, "0")).join("")}`;
  return Array.from({ length: 11 }, (_, k) => mixed(k)).find((colour) => contrastOf(colour, colourOf("field")) >= 4.5);
};
// A seat that is called by a colour has it.
const seatColour = (seat, k) => (NAMED.includes(seat) ? seat : ORDER[k % ORDER.length]);

function drawMarks(pen, data, frame, unit) {
  for (let k = 0; k < frame.length; ) {
    const [shape, size, colour, words] = data.looks[frame[k]];
    const [x, y] = [(frame[k + 1] / 100) * unit, (frame[k + 2] / 100) * unit];
    const far = shape === "line" || shape === "bar";
    const [dx, dy] = far ? [frame[k + 3] / 100, frame[k + 4] / 100] : [0, 0];
    k += far ? 5 : 3;
    const half = (size * unit) / 2;
    pen.fillStyle = pen.strokeStyle = colourOf(colour);
    pen.lineWidth = Math.max(1, unit * 0.025);
    pen.beginPath();
    if (shape === "square") pen.fillRect(x - half, y - half, 2 * half, 2 * half);
    else if (shape === "box") {
      pen.lineWidth = Math.max(2, unit * 0.05);
      pen.strokeRect(x - 1.7 * half, y - half, 3.4 * half, 2 * half);
    } else if (shape === "disc" || shape === "ring") {
      pen.arc(x, y, Math.max(half, 1), 0, 2 * Math.PI);
      if (shape === "disc") pen.fill();
      else pen.stroke();
    } else if (shape === "cross") {
      pen.moveTo(x - half, y - half);
      pen.lineTo(x + half, y + half);
      pen.moveTo(x + half, y - half);
      pen.lineTo(x - half, y + half);
      pen.stroke();
    } else if (shape === "line") {
      pen.lineWidth = Math.max(1, size * unit);
      pen.moveTo(x, y);
      pen.lineTo(x + dx * unit, y + dy * unit);
      pen.stroke();
    } else if (shape === "bar") {
      pen.globalAlpha = 0.25;
      pen.fillRect(x - half, y, 2 * half, 0.12 * unit);
      pen.globalAlpha = 1;
      pen.fillRect(x - half, y, 2 * half * dx, 0.12 * unit);
    }
    if (words) {
      const inside = shape === "square" || shape === "disc";
      pen.fillStyle = inside ? inkOn(colourOf(colour)) : wordInk(colour);
      const height = shape === "word" ? size * unit : Math.min(half, 16);
      pen.font = `${Math.max(9, height)}px system-ui, sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(words, x, y);
    }
  }
}

function drawGrid(pen, [width, height], unit) {
  pen.strokeStyle = colourOf("faint");
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = 0; x <= width; x += 1) {
    pen.moveTo(x * unit, 0);
    pen.lineTo(x * unit, height * unit);
  }
  for (let y = 0; y <= height; y += 1) {
    pen.moveTo(0, y * unit);
    pen.lineTo(width * unit, y * unit);
  }
  pen.stroke();
}

class Player {
  constructor(section, number) {
    this.section = section;
    this.number = number;
    this.arena = figures.arenas[number];
    this.at = 0;
    this.timer = null;
    this.pictures = new Map();
    const find = (name) => section.querySelector(name);
    this.canvas = find(".board");
    this.scrub = find(".scrub");
    this.playButton = find(".play");
    find(".pairing").addEventListener("change", () => this.choosePair(Number(find(".pairing").value)));
    find(".game").addEventListener("change", () => this.choose(Number(find(".game").value)));
    this.scrub.addEventListener("input", () => this.show(Number(this.scrub.value)));
    this.playButton.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
    find(".back").addEventListener("click", () => this.step(-1));
    find(".forward").addEventListener("click", () => this.step(1));
    find(".speed").addEventListener("change", () => this.timer && this.start());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  async ready() {
    if (this.data) return;
    this.data = await unpack(this.number);
    this.pairs = new Map();
    this.data.games.forEach((game, k) => {
      const key = game.pair.join(",");
      this.pairs.set(key, [...(this.pairs.get(key) || []), k]);
    });
    const select = this.section.querySelector(".pairing");
    [...this.pairs.keys()].forEach((key, k) => {
      const [i, j] = key.split(",").map(Number);
      const words = i === j ? `${this.arena.labels[i]} with its like` : `${this.arena.labels[i]} with ${this.arena.labels[j]}`;
      element("option", words, select).value = k;
    });
    this.choosePair(0);
  }

  choosePair(k, game) {
    this.section.querySelector(".pairing").value = k;
    const games = [...this.pairs.values()][k];
    const select = this.section.querySelector(".game");
    select.replaceChildren();
    for (const number of games) {
      const { kind, episode, pair } = this.data.games[number];
      const words = kind === "only" ? `all alike, episode ${episode}` : `${kind} for ${this.arena.labels[pair[0]]}, episode ${episode}`;
      element("option", words, select).value = number;
    }
    this.choose(game === undefined ? games[0] : game);
  }

  choose(number) {
    this.stop();
    this.section.querySelector(".game").value = number;
    this.game = this.data.games[number];
    const seats = parsedEvidence()[this.number].seats;
    this.seats = seats;
    const totals = seats.map(() => 0);
    this.returns = [totals.slice()];
    for (const pay of this.game.pays) {
      this.data.pays[pay].forEach((x, k) => (totals[k] += x));
      this.returns.push(totals.slice());
    }
    this.scrub.max = this.game.moments.length - 1;
    const body = this.section.querySelector(".returns").tBodies[0];
    body.replaceChildren();
    seats.forEach((seat, k) => {
      const row = element("tr", undefined, body);
      const head = element("td", undefined, row);
      const swatch = element("span", undefined, head);
      swatch.className = "swatch";
      swatch.style.background = `var(--${seatColour(seat, k)})`;
      head.append(seat);
      element("td", this.arena.labels[this.game.seated[k]], row);
      element("td", "0", row);
      element("td", shown(this.game.recorded[k]), row);
    });
    this.curve();
    this.show(0);
  }

  // Returns so far over the steps; where rewards fell there are marks below.
  curve() {
    const svg = this.section.querySelector(".curve");
    svg.replaceChildren();
    const all = this.returns.flat();
    const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    const steps = Math.max(this.returns.length - 1, 1);
    const x = (step) => 8 + (624 * step) / steps;
    const y = (value) => 6 + 66 * (1 - (value - low) / (high - low || 1));
    const add = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      svg.append(made);
      return made;
    };
    add("line", { x1: 8, x2: 632, y1: y(0), y2: y(0), class: "zero" });
    this.seats.forEach((seat, k) => {
      const line = add("polyline", { points: this.returns.map((r, step) => `${x(step).toFixed(1)},${y(r[k]).toFixed(1)}`).join(" ") });
      line.style.stroke = `var(--${seatColour(seat, k)})`;
    });
    this.game.pays.forEach((pay, step) => {
      this.data.pays[pay].forEach((paid, k) => {
        if (paid === 0 || this.seats.length > 4) return;
        const mark = add("line", { x1: x(step + 1), x2: x(step + 1), y1: 76 + 3 * k, y2: 80 + 3 * k });
        mark.style.stroke = `var(--${seatColour(this.seats[k], k)})`;
        mark.setAttribute("stroke-width", 2);
      });
    });
    this.cursor = add("line", { y1: 0, y2: 90, class: "axis" });
    this.x = x;
  }

  show(step) {
    this.at = Math.min(Math.max(step, 0), this.game.moments.length - 1);
    this.scrub.value = this.at;
    this.cursor.setAttribute("x1", this.x(this.at));
    this.cursor.setAttribute("x2", this.x(this.at));
    const last = this.game.moments.length - 1;
    const [frame, caption] = this.data.moments[this.game.moments[this.at]];
    const drawn = this.data.frames[frame];
    const text = drawn[0] === "text" ? `\n${drawn[1]}` : "";
    const words = `step ${this.at} of ${last}${caption ? `: ${caption}` : ""}`;
    this.section.querySelector(".moment").textContent = words + text;
    this.scrub.setAttribute("aria-valuetext", words);
    const rows = this.section.querySelector(".returns").tBodies[0].rows;
    this.returns[this.at].forEach((total, k) => (rows[k].cells[2].textContent = shown(total)));
    const ending = this.section.querySelector(".ending");
    ending.textContent = this.at < last ? "" : this.atTheEnd();
    this.draw();
  }

  atTheEnd() {
    if (this.game.faults.length) return `Spoiled: ${this.game.faults.map(([seat, status]) => `${seat} ${status}`).join(", ")}.`;
    const end = this.returns[this.returns.length - 1];
    const same = end.every((total, k) => Math.abs(total - this.game.recorded[k]) <= 1e-3 * (1 + Math.abs(total)));
    return same ? "The end: the returns are those recorded." : "The end: the returns are NOT those recorded.";
  }

  draw() {
    if (!this.game) return;
    const [frame] = this.data.moments[this.game.moments[this.at]];
    const drawn = this.data.frames[frame];
    const [w, h] = this.data.size.length ? this.data.size : [1, 1];
    const room = Math.min(360, this.canvas.parentNode.clientWidth || 360);
    const wide = Math.min(room, (400 * w) / h);
    this.canvas.style.width = `${wide}px`;
    const ratio = devicePixelRatio || 1;
    const pen = this.canvas.getContext("2d");
    const fit = (width, height) => {
      this.canvas.width = width * ratio;
      this.canvas.height = height * ratio;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    };
    this.canvas.hidden = drawn[0] === "text";
    if (drawn[0] === "text") return;
    if (drawn[0] === "picture") {
      const image = this.picture(drawn[1]);
      const show = () => {
        fit(wide, (wide * image.naturalHeight) / image.naturalWidth);
        pen.imageSmoothingEnabled = image.naturalWidth > 150;
        pen.drawImage(image, 0, 0, wide, (wide * image.naturalHeight) / image.naturalWidth);
      };
      if (image.complete) show();
      else image.onload = show;
      return;
    }
    fit(wide, (wide * h) / w);
    if (this.data.size[2]) drawGrid(pen, this.data.size, wide / w);
    drawMarks(pen, this.data, drawn, wide / w);
  }

  picture(text) {
    if (!this.pictures.has(text)) {
      const image = new Image();
      image.src = `data:image/png;base64,${text}`;
      this.pictures.set(text, image);
    }
    return this.pictures.get(text);
  }

  step(by) {
    this.stop();
    this.show(this.at + by);
  }

  start() {
    this.stop();
    if (this.at === this.game.moments.length - 1) this.show(0);
    this.playButton.textContent = "Pause";
    const pause = 1000 / Number(this.section.querySelector(".speed").value);
    this.timer = setInterval(() => {
      this.show(this.at + 1);
      if (this.at === this.game.moments.length - 1) this.stop();
    }, pause);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.playButton.textContent = "Play";
  }
}

const players = new Map();
for (const section of document.querySelectorAll(".player")) {
  const number = Number(section.closest(".arena").dataset.arena);
  const player = new Player(section, number);
  players.set(number, player);
  new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && player.ready()).observe(section);
}

// A link in an open cell to a page of the pairing's games, where there is one.
function gamesElsewhere(number, i, j, parent) {
  const { games } = document.querySelector(`.arena[data-arena="${number}"]`).dataset;
  if (!games) return;
  const { entrants } = parsedEvidence()[number];
  const link = element("a", "Watch games of these two", parent);
  link.href = games + [entrants[i], entrants[j], figures.arenas[number].arena].map(encodeURIComponent).join("/");
}

// Buttons in an open cell that lead to the replays of its pairing.
async function playersOf(number, i, j, parent, leave) {
  const player = players.get(number);
  if (player) await player.ready();
  const keys = player ? [...player.pairs.keys()] : [];
  const k = keys.findIndex((key) => key === `${i},${j}` || key === `${j},${i}`);
  if (k < 0) {
    gamesElsewhere(number, i, j, parent);
    return;
  }
  const games = player.pairs.get(keys[k]);
  if (games.length > 1) parent.append(`For ${player.arena.labels[player.data.games[games[0]].pair[0]]}: `);
  for (const game of games) {
    const { kind } = player.data.games[game];
    const button = element("button", kind === "only" ? "Play a game" : `Play the ${kind} game`, parent);
    button.type = "button";
    parent.append(" ");
    button.addEventListener("click", () => {
      leave();
      player.section.scrollIntoView();
      player.choosePair(k, game);
      player.start();
      player.playButton.focus({ preventScroll: true });
    });
  }
}
