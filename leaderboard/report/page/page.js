
// Sorting, cells that open, and the check that figures follow from the evidence.
const digitsFor = (half) => (half > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(half)), 0), 6) : 4);
const withEnds = (mean, low, high) => {
  if (low === null) return shown(mean);
  const digits = digitsFor((high - low) / 2);
  return `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
};

// Sorting: rows with a rank among themselves, those without below them.
for (const table of document.querySelectorAll(".forest")) {
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads) {
    if (!head.dataset.key) continue;
    head.querySelector("button").addEventListener("click", () => {
      const at = heads.indexOf(head);
      const best = ["rank", "label"].includes(head.dataset.key) ? 1 : -1;
      const before = head.getAttribute("aria-sort");
      const sign = before ? (before === "ascending" ? -1 : 1) : best;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const value = (row) => {
        const cell = row.cells[at];
        if (head.dataset.key === "label") return cell.textContent.trim().toLowerCase();
        return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => row.dataset.entrant !== undefined);
        rows.sort((a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === null || y === null) return (x === null) - (y === null);
          return sign * (x < y ? -1 : x > y ? 1 : 0);
        });
        body.append(...rows);
      }
    });
  }
}

// Cells: one of a grid takes the focus, arrow keys move it.
const dialog = document.getElementById("cell");
dialog.querySelector(".close").addEventListener("click", () => dialog.close());
for (const grid of document.querySelectorAll(".side .heat")) {
  const rows = [...grid.tBodies[0].rows].map((row) => [...row.cells].slice(1));
  if (rows.length) rows[0][0].tabIndex = 0;
  const arena = Number(grid.closest(".arena").dataset.arena);
  const side = Number(grid.closest(".side").dataset.side);
  const place = (cell) => {
    const i = rows.findIndex((row) => row.includes(cell));
    return i < 0 ? null : [i, rows[i].indexOf(cell)];
  };
  const open = (cell) => {
    if (cell && cell.dataset.i !== undefined) openCell(arena, side, Number(cell.dataset.i), Number(cell.dataset.j));
  };
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell && place(cell)) {
      move(cell);
      open(cell);
    }
  });
  const move = (cell) => {
    for (const row of rows) for (const other of row) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  };
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  grid.addEventListener("keydown", (event) => {
    const at = place(event.target);
    if (!at || event.altKey) return; // Alt and an arrow leave the page
    const all = event.ctrlKey || event.metaKey; // to the ends of the whole grid, not of the row
    const ends = { Home: [all ? 0 : at[0], 0], End: [all ? rows.length - 1 : at[0], rows[0].length - 1] };
    if (event.key in steps || event.key in ends) {
      const [down, right] = steps[event.key] || [0, 0];
      const [i, j] = ends[event.key] || [at[0] + down, at[1] + right];
      const cell = (rows[i] || [])[j];
      if (cell) move(cell);
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      open(event.target);
      event.preventDefault();
    }
  });
}

function openCell(number, sideNumber, i, j) {
  const arena = figures.arenas[number];
  const side = arena.sides[sideNumber];
  const found = side.cells.find((cell) => cell[0] === i && cell[1] === j);
  if (!found) return;
  const [, , mean, low, high, n, lines] = found;
  const seats = parsedEvidence()[number].seats;
  const per = arena.rated ? 1 : arena.unit;
  const each = arena.unit > 1 ? " per step" : " per episode";
  const scaled = (x, by) => (x === null ? null : x / by);
  const range = (a, b, c, by) => withEnds(a / by, scaled(b, by), scaled(c, by));
  document.getElementById("cell-title").textContent = `${arena.labels[i]} with ${i === j ? "its like" : arena.labels[j]}`;
  const body = dialog.querySelector(".body");
  body.replaceChildren();
  const what = arena.rated ? "share of games won" : `own return${each}`;
  element("p", `${what}: ${range(mean, low, high, per)}, n = ${n.toLocaleString("en")} episodes`, body);
  const box = element("div", undefined, body);
  box.className = "scroll";
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Seat by seat");
  const table = element("table", undefined, box);
  const names = [...new Set(lines.flatMap((line) => Object.keys(line[5])))];
  const head = element("tr", undefined, element("thead", undefined, table));
  for (const word of ["seat", `return${each} [95 %]`, "n", ...names.map((name) => name.replaceAll("_", " "))]) {
    element("th", word, head).scope = "col";
  }
  const rows = element("tbody", undefined, table);
  for (const [seat, a, b, c, count, metrics] of lines) {
    const row = element("tr", undefined, rows);
    element("th", seats[seat], row).scope = "row";
    element("td", range(a, b, c, arena.unit), row);
    element("td", count.toLocaleString("en"), row);
    for (const name of names) element("td", metrics[name] ? range(...metrics[name].slice(0, 3), 1) : "-", row);
  }
  watchBox(box);
  if (typeof playersOf === "function") playersOf(number, i, j, element("p", undefined, body), () => dialog.close());
  dialog.showModal();
}

function ownSum(block, places, seats, who) {
  const rotations = new Map();
  places.forEach(([rotation, seat, whose], k) => {
    if (whose === who && seats.includes(seat)) rotations.set(rotation, [...(rotations.get(rotation) || []), block[7][2 * k]]);
  });
  if (!rotations.size) return null;
  const fewest = Math.min(...[...rotations.values()].map((sums) => sums.length));
  const chosen = [...rotations.values()].filter((sums) => sums.length === fewest);
  return chosen.reduce((total, sums) => total + sums.reduce((a, b) => a + b, 0) / fewest, 0) / chosen.length;
}

function added(arena, found, number) {
  const side = arena.sides[number];
  const size = found.entrants.length;
  const square = () => Array.from({ length: size }, () => new Array(size).fill(0));
  const total = square(), count = square(), score = square(), games = square(), won = square(), met = square();
  for (const block of found.blocks) {
    const [, , i, j, seating, , episodes, , spoiled, result] = block;
    const places = found.seatings[seating];
    for (const who of i === j ? [0] : [0, 1]) {
      const [a, b] = who ? [j, i] : [i, j];
      let sum = ownSum(block, places, side.seats, who);
      let n = sum === null ? 0 : episodes;
      if (spoiled.length) [sum, n] = spoiled[number].slice(2 * who, 2 * who + 2);
      total[a][b] += sum || 0;
      count[a][b] += n;
      if (result.length) {
        const [mine, theirs] = who ? [result[2], result[0]] : [result[0], result[2]];
        const all = mine + theirs + result[1];
        score[a][b] += mine + result[1] / 2;
        games[a][b] += all;
        won[a][b] += ((mine + result[1] / 2) * episodes) / all;
        met[a][b] += episodes;
      }
    }
  }
  return { total, count, score, games, won, met };
}

const close = (a, b) => Math.abs(a - b) <= 1e-7 * (1 + Math.max(Math.abs(a), Math.abs(b)));

// Whether a text shows a number, to the digits that it has.
function shows(text, value) {
  const found = text.match(/-?[\d,]*\.?\d+/);
  if (!found) return false;
  const digits = (found[0].split(".")[1] || "").length;
  return Math.abs(Number(found[0].replaceAll(",", "")) - value) <= 0.500001 * 10 ** -digits;
}

function recompute() {
  const problems = [];
  let checked = 0;
  const say = (where, what, told, made) => problems.push(`${where}: ${what} is given as ${told}, and comes to ${shown(made, 6)}`);
  const test = (where, what, told, made) => {
    if (told === null || made === null || !Number.isFinite(made)) return;
    checked += 1;
    if (!close(told, made)) say(where, what, told, made);
  };
  parsedEvidence().forEach((found, number) => {
    const arena = figures.arenas[number];
    const section = document.querySelector(`.arena[data-arena="${number}"]`);
    arena.sides.forEach((side, sideNumber) => {
      const { total, count, score, games, won, met } = added(arena, found, sideNumber);
      const own = (i, j) => (count[i][j] ? total[i][j] / count[i][j] : null);
      const cellOf = (i, j) => (arena.rated ? (games[i][j] ? score[i][j] / games[i][j] : null) : own(i, j));
      for (const [i, j, mean] of side.cells) test(`${arena.labels[i]} with ${arena.labels[j]}`, "the mean", mean, cellOf(i, j));
      const values = new Map();
      for (const row of side.rows) {
        const i = row.entrant;
        let sum = 0, weight = 0;
        for (const [j, w] of side.panel) {
          if (j < 0 || !count[i][j]) continue;
          sum += w * own(i, j);
          weight += w;
        }
        const others = arena.labels.map((_, j) => j).filter((j) => j !== i && count[i][j]);
        const figure = {
          own_return: weight > 0 ? sum / weight : null,
          everybody: others.length ? others.reduce((a, j) => a + own(i, j), 0) / others.length : null,
          won: arena.rated ? won[i].reduce((a, b) => a + b, 0) / met[i].reduce((a, b) => a + b, 0) : null,
          mu: row.mu,
        };
        values.set(i, figure);
        for (const name of ["own_return", "everybody", "won"]) test(arena.labels[i], name.replace("_", " "), row[name], figure[name]);
      }
      const by = arena.rated ? "mu" : "own_return";
      const ranked = side.rows.filter((row) => row.rank !== null);
      for (const row of ranked) {
        const mine = values.get(row.entrant)[by];
        const better = ranked.filter((other) => values.get(other.entrant)[by] > mine && !close(values.get(other.entrant)[by], mine));
        test(arena.labels[row.entrant], "the rank", row.rank, better.length + 1);
      }
      // What is read must be what was checked.
      const part = section.querySelectorAll(".side")[sideNumber];
      for (const row of part.querySelectorAll(".forest tr[data-entrant]")) {
        const i = Number(row.dataset.entrant);
        const told = side.rows.find((other) => other.entrant === i);
        for (const cell of row.querySelectorAll("[data-name]")) {
          const name = cell.dataset.name;
          if (!told || !(name in told) || told[name] === null) continue;
          const per = ["own_return", "everybody"].includes(name) ? arena.unit : 1;
          checked += 1;
          if (!shows(cell.textContent, told[name] / per)) say(arena.labels[i], name.replace("_", " "), cell.textContent, told[name] / per);
        }
      }
      for (const cell of part.querySelectorAll(".heat td[data-i]")) {
        const [i, j] = [Number(cell.dataset.i), Number(cell.dataset.j)];
        const made = cellOf(i, j);
        checked += 1;
        const per = arena.rated ? 1 : arena.unit;
        if (made === null || !shows(cell.textContent, made / per)) {
          say(`${arena.labels[i]} with ${arena.labels[j]}`, "the cell", cell.textContent, made / per);
        }
      }
    });
  });
  return { problems, checked };
}

async function evidenceFits() {
  if (!globalThis.crypto || !crypto.subtle) return null;
  const bytes = new TextEncoder().encode(document.getElementById("evidence").textContent);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const text = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return text === document.getElementById("digest").textContent;
}

document.getElementById("recompute")?.addEventListener("click", async () => {
  const { problems, checked } = recompute();
  if ((await evidenceFits()) === false) problems.unshift("the evidence is not what it was when its hash was written");
  const blocks = parsedEvidence().reduce((n, found) => n + found.blocks.length, 0);
  const said = document.getElementById("agreement");
  said.className = problems.length ? "differs" : "agrees";
  said.textContent = problems.length
    ? `${problems.length} of ${checked} numbers do not agree. ${problems.slice(0, 5).join("; ")}.`
    : `All ${checked.toLocaleString("en")} means and ranks agree with the sums of ${blocks.toLocaleString("en")} blocks.`;
});

// On paper nothing is folded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
