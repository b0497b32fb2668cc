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

// A box that has nothing to scroll is no stop on the way through the page.
const boxes = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    const box = target.closest(".scroll");
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
});
function watchBox(box) {
  boxes.observe(box);
  for (const inside of box.children) boxes.observe(inside);
}
document.querySelectorAll(".scroll").forEach(watchBox);

// The evidence: sums of every block, seat by seat.
let evidence = null;
function parsedEvidence() {
  evidence = evidence || parsed("evidence");
  return evidence;
}
