"""What a cross-play report looks like in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.text import Text

from leaderboard.report.layout import clean, decimals, number, plural
from leaderboard.report.sheet import Column, Sheet, figures, labels
from leaderboard.seeds import seed_words
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import FEWEST_EPISODES, FEWEST_KINDS
from leaderboard.statistics.tally import is_head_to_head
from zoo.crossplay.matrix import CrossMatrix
from zoo.crossplay.report import CrossReport, Entry, Group
from zoo.entry.declared import BEST
from zoo.play.blocks import arena_record

SURELY = 4  # standard errors by which a pair has to lose before it is named


def crossplay_screen(report: CrossReport, note: str = "", only: Sequence[str] = ()) -> RenderableType:
    """The whole screen; `note` says how it came about, `only` which roles are shown."""
    matrix = report.matrix
    title = Text(clean(f"Cross-play in {matrix.identity}, {matrix.venue.spec.kind} game; "), style="bold")
    title.append(
        f"{len(matrix.rows)} x {len(matrix.columns)} entrants, {plural(matrix.episodes, 'episode')} in each rotation,"
        f" seed {seed_words(matrix.seed)}",
        "not bold",
    )
    parts: list[RenderableType] = [title]
    for role in only or matrix.roles:
        parts += [Text(), *_matrix(report, role)]
    if report.entries:
        parts += [Text(), Text("Entries, best worst case first", style="bold"), _entries(report)]
        parts += [Text(line, style="dim") for line in _explained(report)]
    if any(len(group.members) > 1 for group in report.groups):
        parts += [Text(), Text("Groups: means over training seeds", style="bold"), _groups(report)]
        parts += [Text(line, style="dim") for line in _GROUPS_EXPLAINED]
        parts += [Text(clean(line)) for line in _strangers(report)]
    if matrix.faults:
        spoiled = "; ".join(
            f"{text} {', '.join(f'{count} {status}' for status, count in of.items())}"
            for text, of in matrix.faults.items()
        )
        line = f"Faults: {spoiled}. Episodes that the column spoiled do not count for the row."
        parts += [Text(), Text(clean(line), style="red")]
    if report.alone:
        parts += [Text(), Text(clean(f"Without figures, as nobody comes from another run: {', '.join(report.alone)}."))]
    return Stack(*parts, Text(), Text(note, style="dim"))


def _strangers(report: CrossReport) -> list[str]:
    """In a cooperative game a sentence for each group whose members earn less among strangers, and how sure that is."""
    if report.matrix.venue.spec.kind != "cooperative":
        return []
    ends: dict[str, str] = {}  # how a sentence begins -> how it ends
    for group in report.groups:
        if group.swap is None or group.swap.drop.mean <= 0:
            continue
        low, reason = group.swap.drop.low, "what partners agree on while they train, they alone know."
        if low is not None and low > 0:
            end = reason
        else:
            end = "so few runs give no interval" if low is None else "the drop's interval holds 0"
            pair = _misled(report.matrix, group)
            end += f", but {pair}: {reason}" if pair else "."
        begin = (
            f"{group.label}: {number(group.swap.self_play, 2)} with the partners of the own training run,"
            f" {number(group.swap.cross_play, 2)} with those of another; "
        )
        # what is the same in several roles is said once, with a pair if there is one in any of them
        ends[begin] = max(ends.get(begin, ""), end, key=lambda words: (": " in words, bool(words)))
    return [begin + end for begin, end in ends.items()]


def _misled(matrix: CrossMatrix, group: Group) -> str:
    """The two members of a group that earn least together, where that is surely less than the first has with itself."""
    mean, error = matrix.mean(group.role), matrix.standard_error(group.role)
    mine = [row for row, player in enumerate(matrix.rows) if player.label in group.members]
    found: list[tuple[float, str]] = []
    for row in mine:
        own = matrix.own_column(row)
        for column, partner in enumerate(matrix.columns):
            strange = partner.label in group.members and matrix.held_out[row, column]
            if own is None or not strange:
                continue
            lost, by = mean[row, own] - mean[row, column], np.hypot(error[row, own], error[row, column])
            if lost > SURELY * by:
                who = f"{matrix.rows[row].label}{f' as {group.role}' * (len(matrix.roles) > 1)}"
                text = f"{who} earns {number(float(mean[row, column]), 2)} with {partner.label}"
                found.append((float(mean[row, column]), text))
    return min(found, default=(0.0, ""))[1]


def _matrix(report: CrossReport, role: str) -> list[RenderableType]:
    matrix = report.matrix
    mean, error, numbers = matrix.mean(role), matrix.standard_error(role), _numbers(report)
    digits = min(decimals(error.ravel().tolist()), 2)
    names = labels("entrant", [_numbered(i, player.label) for i, player in enumerate(matrix.rows)])
    cells = [[number(x, digits) for x in column] for column in mean.T.tolist()]
    sheet = Sheet([names, *map(Column, numbers, cells)])
    known = error[np.isfinite(error)]
    worst = f"; standard error at most {number(float(known.max()), digits + 1)}" if known.size else ""
    where = "in one seat among partners" if len(matrix.roles) == 1 else f"as {role}"
    head_to_head = is_head_to_head(arena_record(matrix.venue.spec, matrix.identity))
    what = "Share of games won (a draw counts half) by the row" if head_to_head else "Own return per episode of the row"
    text = f"{what} {where} when paired with the column of that number{worst}."
    further = [f"{n} {p.label}" for n, p in zip(numbers, matrix.columns, strict=True) if p not in matrix.rows]
    title = Text(clean(role if len(matrix.roles) > 1 else "One seat among partners"), style="bold")
    lines: list[RenderableType] = [title, sheet, Text(clean(text), style="dim")]
    if further:
        lines.append(Text(clean(f"Columns only: {', '.join(further)}."), style="dim"))
    return lines


def _numbered(row: int, label: str) -> str:
    return f"{row + 1:>2} {label}"


def _numbers(report: CrossReport) -> list[str]:
    """The columns' numbers: those of the rows, and further ones for opponents that are no rows."""
    rows = list(report.matrix.rows)
    more = iter(range(len(rows) + 1, len(rows) + len(report.matrix.columns) + 1))
    return [str(rows.index(p) + 1 if p in rows else next(more)) for p in report.matrix.columns]


def _entries(report: CrossReport) -> Sheet:
    entries = report.entries
    numbers = _numbers(report)
    names = {p.label: n for p, n in zip(report.matrix.columns, numbers, strict=True)}
    columns = [labels("entrant", [_numbered(e.row, e.player.label) for e in entries])]
    if len(report.matrix.roles) > 1:
        columns.append(labels("role", [e.role for e in entries]))
    return Sheet([*columns, *_figures(entries, [names[(e.worst_against[1] or e.worst_against[0])] for e in entries])])


def _groups(report: CrossReport) -> Sheet:
    groups = report.groups
    columns = [labels("group", [g.label for g in groups])]
    if len(report.matrix.roles) > 1:
        columns.append(labels("role", [g.role for g in groups]))
    columns.append(Column("seeds", [str(len(g.members)) for g in groups]))
    columns += _figures(groups, None)
    swaps, between = [g.swap for g in groups], [g.swap_normalised for g in groups]
    if any(swaps):
        columns += [
            Column("other seeds", _plain(_each(swaps, "cross_play"))),
            _intervals("drop [95 %]", _each(swaps, "drop")),
            Column("R_-", _plain(_each(between, "correlation"), 2)),
            Column("others n", _plain(_each(between, "cross_play"), 2)),
        ]
    return Sheet(columns)


def _figures(judged: Sequence[Entry] | Sequence[Group], against: Sequence[str] | None) -> list[Column]:
    """The normalised figures, in whose worst case the opponents `against` are, and the raw ones."""
    raw, between = [x.raw for x in judged], [x.normalised for x in judged]
    vs = [] if against is None else [Column("vs", against)]
    columns = vs
    if any(between):
        columns = [
            figures("worst n [95 %]", _each(between, "worst"), 2, style="bold"),
            *vs,
            Column("CVaR n", _plain(_each(between, "cvar", "mean"), 2)),
            figures("mean n [95 %]", _each(between, "mean"), 2),
        ]
        if any(_each(between, "gap")):
            columns.append(figures("gap n [95 %]", _each(between, "gap"), 2))
    columns += [
        _intervals("worst [95 %]", _each(raw, "worst")),
        Column("CVaR", _plain(_each(raw, "cvar", "mean"))),
        _intervals("mean [95 %]", _each(raw, "mean")),
    ]
    if any(_each(raw, "own")):
        columns += [Column("own", _plain(_each(raw, "own", "mean"))), _intervals("gap [95 %]", _each(raw, "gap"))]
    return columns


def _each(of: Sequence[object | None], *names: str) -> list[Any]:
    """An attribute of each, or an attribute of that; None where there is none."""
    for name in names:
        of = [getattr(x, name, None) for x in of]
    return list(of)


def _intervals(header: str, estimates: Sequence[Estimate | None]) -> Column:
    """Raw figures, with the digits that their intervals deserve."""
    digits = decimals([x.half for x in estimates if x is not None], default=1)
    return figures(header, estimates, min(max(digits, 1), 2))


def _plain(values: Sequence[float | None], digits: int | None = None) -> list[str]:
    if digits is None:
        digits = 1 if max((abs(v) for v in values if v is not None), default=0.0) >= 10 else 2
    return [number(value, digits) for value in values]


def _explained(report: CrossReport) -> list[str]:
    """One line for every number of the table of entries."""
    matrix, anchors = report.matrix, report.anchors
    lines = []
    if anchors.low is None:
        lines.append(f"Nothing is normalised: {anchors.source}.")
    else:
        best = "the best of these entrants, so that n changes with who is named"
        high = best if anchors.high == BEST else clean(anchors.high)
        lines.append(
            f"n: return with an opponent on a scale from 0 ({clean(anchors.low)}) to 1 ({high}), each with the same"
            f" opponent in the same role; anchors: {clean(anchors.source)}."
        )
        numbers = _numbers(report)
        for role in dict.fromkeys(entry.role for entry in report.entries):
            out = [n for n, usable in zip(numbers, report.scales[role].usable.tolist(), strict=True) if not usable]
            where = f" as {role}" if len(matrix.roles) > 1 else ""
            if len(out) == len(numbers):
                lines.append(f"There is no n{where}, as the anchors do not clearly differ with anybody.")
            elif out:
                lines.append(f"Left out of n{where}, as the anchors do not clearly differ with them: {', '.join(out)}.")
    chosen = "chosen on one half of the episodes and estimated on the other, both ways, averaged"
    how = f", {chosen}" if matrix.episodes >= FEWEST_EPISODES else ""
    lines += [
        "worst: least mean return over held-out opponents, those of another training run (a longer one with the same"
        f" seed is the same){how}; vs: with whom.",
        f"CVaR: mean over the worst {report.alpha:.0%} of held-out opponents, in the same way.",
        "mean: over held-out opponents.",
    ]
    if any(entry.raw.own is not None for entry in report.entries):
        lines.append("own: with itself, as it trained; gap: own less mean; both only of trained entrants.")
    return [
        *lines,
        f"{_intervals_explained(report)} All play the same episodes, so differences of entries are surer.",
    ]


def _intervals_explained(report: CrossReport) -> str:
    figures = [x for entry in report.entries for x in (entry.raw, entry.normalised) if x is not None]
    few = [x.kinds < FEWEST_KINDS for x in figures]
    of_few = f"of fewer than {FEWEST_KINDS} kinds"
    if all(few):
        return f"Intervals are for other episodes with exactly these opponents, as they are {of_few}."
    gap = " and gap" if any(x.gap is not None for x in figures) else ""
    where = f" (for exactly these where they are {of_few})" if any(few) else ""
    return (
        f"Intervals of mean{gap} are for other opponents like these{where} and other episodes; those of worst case"
        " and CVaR for other episodes with these opponents."
    )


_GROUPS_EXPLAINED = (
    "A group is one agent with the same settings and training but for the seed; its intervals are for other seeds,"
    " too.",
    "own: self-play, with partners of the own run; other seeds: with those of the group's other runs; drop: what"
    " that costs.",
    "R_-: drop as a share of self-play, on the scale n (joint-policy correlation); others n: level without it.",
)
