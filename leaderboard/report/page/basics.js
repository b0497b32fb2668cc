"use strict";
// What all scripts of a page share: the data that it carries, and elements that hold words. Nothing is fetched or sent.
document.documentElement.classList.add("on");
const parsed = (id) => JSON.parse(document.getElementById(id).textContent);
const figures = parsed("figures");
const element = (name, words, parent) => {
  const made = document.createElement(name);
  if (words !== undefined) made.textContent = words;
  if (parent) parent.append(made);
  return made;
};
const shown = (x, digits = 4) => (x === null || x === undefined ? "-" : String(Number(x.toFixed(digits))));

// The evidence: sums of every block, seat by seat.
let evidence = null;
function parsedEvidence() {
  evidence = evidence || parsed("evidence");
  return evidence;
}
