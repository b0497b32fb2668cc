"""Texts of reports: digits, aligned intervals, and labels that are safe to print."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from leaderboard.statistics.estimate import Estimate

MISSING = "-"
_FOLDED = 8  # letters of a line; names are not folded into shorter ones
_MARKS = " ,;@-_=/+)"


def clean(text: str) -> str:
    """The text without line breaks and control characters: labels may come from strangers."""
    return "".join(character if character.isprintable() else "?" for character in text)


def decimals(spreads: Iterable[float | None], default: int = 2, most: int = 4) -> int:
    """Decimals that show about two digits of a typical uncertainty; the rest would be noise."""
    known = sorted(spread for spread in spreads if spread is not None and math.isfinite(spread) and spread > 0)
    if not known:
        return default
    return min(max(1 - math.floor(math.log10(known[len(known) // 2])), 0), most)


def number(value: float | None, digits: int) -> str:
    """The number with this many decimals; never "-0.0"."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text


def shortened(text: str, width: int) -> str:
    """The text, cut in the middle to `width`: labels of one agent differ in the last setting or in the id there."""
    if cell_len(text) <= width:
        return text
    tail = max(width - 2, 0) // 2
    head = max(width - 2 - tail, 0)
    return f"{text[:head]}..{text[len(text) - tail :]}"[:width]


def folded(text: str, width: int) -> str:
    """The text in at most two lines of `width`, broken behind a mark if there is one; longer texts are cut, too."""
    if cell_len(text) <= width or width < _FOLDED:
        return shortened(text, width)
    places = [k for k in range(1, len(text)) if cell_len(text[:k]) <= width and cell_len(text[k:].strip()) < width]
    if places:  # the second line begins with a blank
        at = max([k for k in places if text[k - 1] in _MARKS] or places)
        return f"{text[:at].rstrip()}\n {text[at:].strip()}"
    return f"{text[: width - 2]}..\n {text[len(text) - width + 1 :]}"


def telling_width(texts: Iterable[str], least: int) -> int:
    """The smallest width from `least` on at which different texts, shortened, still differ."""
    unique = set(texts)
    width = least
    while len({shortened(text, width) for text in unique}) < len(unique):
        width += 1
    return width


def together(names: Sequence[str], keys: Sequence[Hashable]) -> list[tuple[str, list[int]]]:
    """Names with equal keys as one, "red_* (5)", in the order of the first of each; with them which those are."""
    members: dict[Hashable, list[int]] = {}
    for number, key in enumerate(keys):
        members.setdefault(key, []).append(number)
    found: list[tuple[str, list[int]]] = []
    for numbers in members.values():
        letters = takewhile(lambda column: len(set(column)) == 1, zip(*(names[n] for n in numbers), strict=False))
        stem = "".join(column[0] for column in letters)
        found.append((names[numbers[0]] if len(numbers) == 1 else f"{stem}* ({len(numbers)})", numbers))
    return found


def aligned(texts: Sequence[str]) -> list[str]:
    """The texts, padded on the left to one width."""
    width = max(map(len, texts), default=0)
    return [text.rjust(width) for text in texts]


def intervals(estimates: Sequence[Estimate | None], digits: int) -> list[str]:
    """Texts "value [low, high]" with all values, lows and highs below each other; an unknown interval is left out."""
    ends = [(None, None, None) if x is None else (x.mean, x.low, x.high) for x in estimates]
    values, lows, highs = (aligned([number(x[end], digits) for x in ends]) for end in range(3))
    return [
        value.strip() if low.strip() == high.strip() == MISSING else f"{value} [{low}, {high}]"
        for value, low, high in zip(values, lows, highs, strict=True)
    ]


def unaligned(text: str) -> str:
    """One of the texts of `intervals` for where nothing stands below it: without the blanks that align it."""
    return " ".join(text.split()).replace("[ ", "[")


def listed(words: Sequence[str]) -> str:
    """Words as a sentence has them: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def plural(n: int, word: str) -> str:
    """Number and noun: "1 block", "1,200 blocks", "2 matches"."""
    ending = "" if n == 1 else ("es" if word.endswith("ch") else "s")
    return f"{n:,} {word}{ending}"
