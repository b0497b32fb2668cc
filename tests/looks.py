"""How well a page can be seen and walked by keyboard, measured in a browser.

`UNREADABLE` is evaluated in a page and gives a line for each text whose contrast is below 4.5 : 1 (WCAG 2.1), and for
each mark of a picture below 3 : 1. Backgrounds are those of the elements around, one over the other; of what lies
beneath in a picture only bands are reckoned in. What a canvas draws is measured by the colours that its script would
take.
"""

from __future__ import annotations

from typing import Any

UNREADABLE = """() => {
  const found = [];
  const parsed = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const over = (top, alpha, below) => below.map((x, k) => alpha * top[k] + (1 - alpha) * x);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((x) => x / 255).map((x) => (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => x - y);
    return (b + 0.05) / (a + 0.05);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const { rgb, a } = parsed(getComputedStyle(at).backgroundColor);
      layers.push([rgb, a]);
      if (a === 1) break;
    }
    const bottom = dark ? [18, 18, 18] : [255, 255, 255];
    const flat = layers.reverse().reduce((below, [rgb, a]) => over(rgb, a, below), bottom);
    const band = element.closest("svg")?.querySelector(".band");
    if (!band) return flat;
    const style = getComputedStyle(band);
    return over(parsed(style.fill).rgb, Number(style.opacity), flat);
  };
  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity);
    return product;
  };
  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".hidden, script, style, title, .skip");
  const measure = (element, colour, alpha, least, words) => {
    const { rgb, a } = parsed(colour);
    const below = ground(element);
    const got = ratio(over(rgb, a * alpha * opacity(element), below), below);
    return got < least ? `${words}: ${got.toFixed(2)}` : "";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const element = text.parentElement;
    if (!text.data.trim() || !seen(element)) continue;
    count += 1;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    found.push(measure(element, colour, 1, 4.5, `text "${text.data.trim().slice(0, 40)}"`));
  }
  const marks = "svg circle, svg polyline, svg line.span, svg line.axis, svg line.zero, .curve line";
  for (const mark of document.querySelectorAll(marks)) {
    if (!seen(mark)) continue;
    const style = getComputedStyle(mark);
    const both = [["fill", style.fillOpacity], ["stroke", style.strokeOpacity]];
    const paints = both.filter(([name]) => style[name] !== "none");
    const words = `mark ${mark.getAttribute("class")}`;
    const bad = paints.map(([name, alpha]) => measure(mark, style[name], Number(alpha), 3, words));
    if (bad.length && bad.every(Boolean)) found.push(bad[0]);
  }
  for (const swatch of document.querySelectorAll(".swatch")) {
    if (!seen(swatch)) continue;
    found.push(measure(swatch.parentElement, getComputedStyle(swatch).backgroundColor, 1, 3, "swatch"));
  }
  for (const control of document.querySelectorAll("button, select, input[type=text], input[type=password]")) {
    const style = getComputedStyle(control);
    if (!seen(control) || style.borderTopWidth === "0px") continue;
    const dim = control.disabled || control.getAttribute("aria-disabled") === "true";
    if (dim) continue;
    found.push(measure(control.parentElement, style.borderTopColor, 1, 3, `border of ${control.textContent}`));
  }
  if (typeof inkOn === "function") {
    for (const colour of [...NAMED, "ink", "faint"]) {
      const fill = colourOf(colour);
      for (const [ink, below] of [[inkOn(fill), fill], [wordInk(colour), colourOf("field")]]) {
        if (contrastOf(ink, below) < 4.5) found.push(`drawn ${ink} on ${below}`);
      }
    }
  }
  if (!count) found.push("no text is shown");
  return [...new Set(found.filter(Boolean))];
}"""

#: What has the focus: where it stands among all that can have it, whether it and its ring can be seen, what it is.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const { left, right, top, bottom } = one.getBoundingClientRect();
  const wide = Math.min(right, innerWidth) - Math.max(left, 0);
  const tall = Math.min(bottom, innerHeight) - Math.max(top, 0);
  const style = getComputedStyle(one);
  const words = one.getAttribute("aria-label") || one.textContent.trim().slice(0, 40) || one.className;
  return {
    number: [...document.querySelectorAll("*")].indexOf(one),
    name: `${one.tagName.toLowerCase()} ${words}`,
    shown: wide > 2 && tall > 2,
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    grid: Boolean(one.closest("[role=grid]")) && one.tagName === "TD",
  };
}"""

#: The places, among all elements, of those that a keyboard should reach; of a grid one cell.
REACHABLE = """() => {
  const all = [...document.querySelectorAll("*")];
  const kinds = "a[href], button, select, input, summary, [tabindex='0']";
  return [...document.querySelectorAll(kinds)]
    .filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }))
    .map((one) => all.indexOf(one));
}"""


#: Two frames are drawn: by then what the focus scrolled into view is there, and boxes know whether they scroll.
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


def walk(page: Any) -> list[dict[str, Any]]:
    """Tab from the top of a page to its end: what had the focus, in turn; see `FOCUSED`."""
    stops: list[dict[str, Any]] = []
    while True:
        page.keyboard.press("Tab")
        page.evaluate(SETTLED)
        stop = page.evaluate(FOCUSED)
        for _ in range(20):  # a busy machine draws late
            if stop is None or stop["shown"]:
                break
            page.wait_for_timeout(100)
            stop = page.evaluate(FOCUSED)
        if stop is None or (stops and stop["number"] == stops[0]["number"]):
            return stops
        stops.append(stop)
        assert len(stops) < 500, stops[-5:]


def check_walk(page: Any) -> list[dict[str, Any]]:
    """`walk`, every stop of it seen and ringed, in the order of the page, and nothing left out; returns the stops."""
    page.wait_for_load_state("networkidle")
    for _ in range(3):  # what can be reached may still change while a busy machine lays the page out
        before = page.evaluate(REACHABLE)
        stops = walk(page)
        if before == page.evaluate(REACHABLE):
            break
        page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    assert stops[0]["name"].startswith("a Skip to"), stops[0]
    for stop in stops:
        assert stop["shown"] and stop["ring"], stop
    numbers = [stop["number"] for stop in stops]
    assert numbers == sorted(numbers)
    assert numbers == page.evaluate(REACHABLE)
    return stops
