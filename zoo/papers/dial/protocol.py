"""Figure 6.5 of the thesis: what three prisoners agreed on by DIAL, as a tree, and what that is worth, exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from agents.protocol import Policy
from arenas.riddle import certainty, days, protocol_value
from leaderboard.report import plots
from zoo.entry.venue import ArenaChoice
from zoo.papers.dial.exact import every_day, exact_value
from zoo.papers.figure import Figure, Json, Part, Published, Reproduction, Results, Tell, over_runs, seed_words
from zoo.training.plan import Plan, set_up

N, COPIES, UPDATES, QUICK = 3, 32, 600, 10
#: By how often a prisoner was inside before; more often is the last.
VISITS = ("first time", "second time", "later")
LEAVES = ("Off", "On", "Tell")


def tree(players: Mapping[str, Policy]) -> Json:
    """What a team does [days][visits][bit]: the shares in which it leaves 0, leaves 1, and tells; None: never reached.

    Over all orders of prisoners that are not over, each as likely as any other of that day.
    """
    counts: Counter[tuple[int, int, int, int]] = Counter()
    for day in every_day(players, n=N):
        for number, seat in enumerate(players):
            step, action, mine = day.timesteps[seat], day.actions[seat], day.inside[:, number]
            assert step.messages is not None and action.message is not None
            bit = (step.messages[:, number, 0] > 0.5).long()
            chosen = action.message[:, 0].long().masked_fill(action.value == 1, 2)
            visits = day.visits.clamp_max(len(VISITS) - 1)
            for case in zip(*(leaf[mine].tolist() for leaf in (visits, bit, chosen)), strict=True):
                counts[day.number, *case] += 1
    return [[[_shares(counts, day, v, b) for b in (0, 1)] for v in range(len(VISITS))] for day in range(1, days(N) + 1)]


def _shares(counts: Counter[tuple[int, int, int, int]], day: int, visits: int, bit: int) -> list[float] | None:
    times = [counts[day, visits, bit, what] for what in range(len(LEAVES))]
    return [x / sum(times) for x in times] if any(times) else None


def value_of(found: Json) -> float:
    """What the tree is worth if all do what is done most often in each of its cases."""

    def protocol(day: int, visits: int, bit: int) -> tuple[bool, int, int]:
        shares = found[day - 1][min(visits, len(VISITS) - 1)][bit]
        what = 0 if shares is None else int(np.argmax(shares))
        return what == 2, what % 2, min(visits + 1, len(VISITS) - 1)

    return float(protocol_value(N, protocol))


def one_run(tell: Tell, seed: int, updates: int) -> Json:
    """Train a team: its share of what can be had, its tree, and the share that the tree has."""
    choice = ArenaChoice("switch", (f"n={N}",))
    plan = Plan(
        f"dial,updates={updates}", choice, copies=COPIES, length=None, steps=updates * COPIES * days(N), seed=seed
    )
    table = set_up(plan).table
    for done in range(updates):
        table.play_round()
        tell(done + 1, updates)
    found, best = tree(table.players), float(certainty(N))
    return {"share": exact_value(table.players, n=N) / best, "tree": found, "of tree": value_of(found) / best}


def written(found: Json) -> list[str]:
    """The tree in lines, one for each day and visit that comes up."""
    lines = []
    for day, by_visits in enumerate(found, 1):
        for name, by_bit in zip(VISITS, by_visits, strict=True):
            ways = [f"finds {LEAVES[bit]}: {_said(shares)}" for bit, shares in enumerate(by_bit) if shares is not None]
            if ways:
                lines.append(f"day {day}, {name}: {'; '.join(ways)}")
    return lines


def _said(shares: list[float]) -> str:
    parts = [(share, name) for share, name in zip(shares, LEAVES, strict=True) if share]
    if len(parts) == 1:
        return parts[0][1]
    return ", ".join(f"{name} {share:.0%}" for share, name in sorted(parts, reverse=True))


class DialProtocol(Figure):
    """The protocol that was learned, and its exact value."""

    name = "dial-protocol"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        updates = UPDATES // QUICK if quick else UPDATES
        return [Part(f"seed {seed}", one_run, {"seed": seed, "updates": updates}) for seed in range(seeds)]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """What teams have, and what their trees have; the best team's tree in the notes."""
        runs = [result for _, result in done]
        shares = np.array([run["share"] for run in runs])
        best = runs[int(shares.argmax())]
        group = "share of what can be had, exact"
        theirs = Published(1.0, basis="figure 6.5")
        rows = [
            over_runs("the team as it plays", shares, theirs, group, "higher"),
            over_runs("its tree alone", np.array([run["of tree"] for run in runs]), None, group, "higher"),
        ]
        notes = [*self.remarks, "The tree of the best team:", *written(best["tree"])]
        settings = {"arena": f"switch, n={N}", "rounds": done[0][0].settings["updates"], "episodes a round": COPIES}
        over = "teams; drawn: the best team's tree"
        return Reproduction(rows, settings, seed_words(seeds), notes, {"tree": best["tree"]}, over=over)

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for each visit: the shares of what is done on each day, by the bit that is found."""
        plot, axes = plots.panels(len(VISITS))
        found = report.data["tree"]
        for visits, (panel, name) in enumerate(zip(axes, VISITS, strict=True)):
            for day, by_visits in enumerate(found, 1):
                for bit, shares in enumerate(by_visits[visits]):
                    below = 0.0
                    for share, label, colour in zip(shares or [], LEAVES, plots.COLOURS, strict=False):
                        at = day - 0.2 + 0.4 * bit
                        panel.bar(at, share, 0.36, bottom=below, color=colour, label=label)
                        below += share
            panel.set(xlabel="day (left: finds Off, right: finds On)", ylabel="share of cases", ylim=(0, 1))
            panel.set_title(f"inside for the {name}" if "time" in name else name)
            panel.set(xlim=(0.5, len(found) + 0.5), xticks=range(1, len(found) + 1))
        plots.legend_below(plot, list(axes), 3)
        return plot


FIGURE = DialProtocol()
