"""What a replay teaches about a partner that changes: minimisers of the replay loss in two matrix games, exact.

The partner plays action g, and a uniform one with probability eps, which falls from 1 to .02 while everything is kept.
The learner tries all its actions alike. M [A, A] is what it is paid, p_t the partner's policy at time t, T now.

    on policy      Q(u) = sum_b p_T(b) M(u, b), whose largest is the best response
    plain          Q(u) = mean over t of sum_b p_t(b) M(u, b)
    weighted       sum of p_t(b) w_t(b) M(u, b) over the sum of p_t(b) w_t(b), over t and b, w_t = p_T / p_t
    as clipped     the same with w_t in [.01, 2], as the paper clips it
    fingerprint    a value for every eps: that of eps_T is on policy

Below, the same is learned from samples: each step is one game, stored, and one gradient step on some that are drawn
from all before. A value is a number, or linear in eps where there is a fingerprint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.replay import importance, tempered
from agents.randomness import derive, generator
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_arena
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, seed_words

GAMES = ("climbing", "penalty")  # penalty with its default, k = -100
FIRST, LAST, TIMES = 1.0, 0.02, 1000  # eps at first and at last, and how many times there are between them
ON_POLICY, WEIGHTED = "on policy", "weighted"
MINIMISERS = (ON_POLICY, "plain", WEIGHTED, "as clipped", "fingerprint")
REPLAYS = ("none", "plain", "importance", "fingerprint", "both")
STEPS, BATCH = 8000, 32  # games, and transitions in a gradient step
RATE = 0.2  # of a gradient step at first; it falls to a tenth


def payoffs(game: str) -> Tensor:
    """What the first seat is paid, float64 [A, A]."""
    pay = load_arena(game).make(1).spec.payoffs
    return torch.tensor(pay, dtype=torch.float64)[..., 0]


def falling(times: int) -> Tensor:
    """The partner's exploration at each time, float64 [times]."""
    return torch.linspace(FIRST, LAST, times, dtype=torch.float64)


def partner(eps: Tensor, g: int, actions: int) -> Tensor:
    """The partner's policies, [..., A], for eps [...]."""
    greedy = torch.nn.functional.one_hot(torch.tensor(g), actions)
    return (1 - eps).unsqueeze(-1) * greedy + eps.unsqueeze(-1) / actions


def weights(now: Tensor, then: Tensor) -> Tensor:
    """Importance weights of the partner's actions, [n, m], by their probabilities; the learner's own do not count."""
    pair = [torch.stack([torch.ones_like(then), p.expand_as(then)], dim=1) for p in (now, then)]  # [n, 2, m]
    return importance(pair[0], pair[1])[:, 0]


def minimisers(pay: Tensor, g: int, eps: Tensor) -> dict[str, Tensor]:
    """Kind of replay -> the values Q [A] that minimise its loss at the last of the times."""
    then = partner(eps, g, len(pay))
    now = then[-1]
    exact = weights(now, then)

    def mean(weight: Tensor) -> Tensor:
        total = (then * weight).sum(0)
        return pay @ total / total.sum()

    clipped = tempered(exact, 2)
    values = (pay @ now, mean(torch.ones_like(then)), mean(exact), mean(clipped), pay @ now)
    return dict(zip(MINIMISERS, values, strict=True))


def closed_form(tell: Tell, game: str) -> Json:
    """Every action g of the partner: kind -> Q at the end, and along the way the lead of the right action."""
    pay, result = payoffs(game), []
    eps = falling(TIMES)
    for g in range(len(pay)):
        way: dict[str, list[float]] = {name: [] for name in MINIMISERS}
        for until in range(20, TIMES + 1, 20):
            values = minimisers(pay, g, eps[:until])
            right = int(values[ON_POLICY].argmax())
            for name, q in values.items():
                way[name].append(float(q[right] - torch.cat([q[:right], q[right + 1 :]]).max()))
        result.append({"q": {name: q.tolist() for name, q in minimisers(pay, g, eps).items()}, "lead": way})
        tell(g + 1, len(pay))
    return result


def learned(tell: Tell, game: str, g: int, replay: str, steps: int, runs: int, seed: int) -> Json:
    """The values [runs, A] that a learner has at the end, all runs in one batch."""
    pay, luck = payoffs(game).float(), generator(derive(seed, game, g, replay))
    actions, eps = len(pay), falling(steps).float()
    pi = partner(eps, g, actions)
    marked, weighed = replay in ("fingerprint", "both"), replay in ("importance", "both")
    inputs = torch.stack([torch.ones(steps), 2 * eps - 1], dim=1)[:, : 1 + marked]
    theta = torch.zeros(runs, actions, inputs.shape[1])
    mine, theirs = (torch.zeros(runs, steps, dtype=torch.long) for _ in range(2))
    row, mean = torch.arange(runs).unsqueeze(1), torch.zeros(runs, 1)
    for t in range(steps):
        mine[:, t] = torch.randint(actions, (runs,), generator=luck)
        theirs[:, t] = torch.multinomial(pi[t].expand(runs, -1), 1, generator=luck).squeeze(1)
        drawn = torch.randint(t + 1, (runs, BATCH), generator=luck) if replay != "none" else torch.full((runs, 1), t)
        u, b = mine.gather(1, drawn), theirs.gather(1, drawn)
        x = inputs[drawn]  # [runs, batch, inputs]
        error = pay[u, b] - (theta[row, u] * x).sum(-1)
        if weighed:
            weight = tempered(weights(pi[t][b], pi[drawn, b]), 2)
            mean += (weight.mean(1, keepdim=True) - mean) * max(0.01, 1 / (t + 1))
            error = error * weight / mean
        step = RATE * (1 - 0.9 * t / steps) / drawn.shape[1] * error.unsqueeze(-1) * x
        theta.index_put_((row.expand_as(u), u), step, accumulate=True)
        if t % 100 == 99:
            tell(t + 1, steps)
    return (theta @ inputs[-1]).tolist()


class ReplayExact(Figure):
    """Which best response each replay picks."""

    name = "replay-exact"
    unit = "games"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """The closed forms of each game, and all learners."""
        exact = [Part(f"{game}, exact", closed_form, {"game": game}) for game in GAMES]
        common = {"steps": STEPS // 4 if quick else STEPS, "runs": seeds, "seed": 0}
        return exact + [
            Part(f"{game} {g} {replay}", learned, {"game": game, "g": g, "replay": replay, **common})
            for game in GAMES
            for g in range(3)
            for replay in REPLAYS
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The minimisers with the action that each prefers, and how many runs end with the right one."""
        exact = {part.settings["game"]: result for part, result in done if part.function is closed_form}
        rows, shares = [], []
        for game, of_game in exact.items():
            for g, result in enumerate(of_game):
                right = best(result["q"][ON_POLICY])
                for name, q in result["q"].items():
                    cells = {f"Q({u})": f"{value:.2f}" for u, value in enumerate(q)}
                    cells["best response"] = f"{best(q)}{'' if best(q) == right else ', wrong'}"
                    group = f"{game}, partner settled on {g}: minimisers at eps = {LAST:g}"
                    rows.append(FigureRow(name, estimate.exact(q[right]), group=group, exact=cells))
        for part, result in done:
            if part.function is closed_form:
                continue
            game, g, replay = (part.settings[name] for name in ("game", "g", "replay"))
            right = best(exact[game][g]["q"][ON_POLICY])
            hits = sum(best(q) == right for q in result)
            group = f"{game}, partner settles on {g}: share of runs that end with the best response, {right}"
            shares.append(FigureRow(replay, estimate.wilson(hits, len(result)), group=group, better="higher"))
        steps = done[-1][0].settings["steps"]
        settings = {
            "eps": f"{FIRST:g} to {LAST:g}, linearly",
            "kept": "everything",
            "learned": f"{steps:,} games, {BATCH} a gradient step, step size {RATE:g}",
        }
        data = {game: [of_g["lead"] for of_g in result] for game, result in exact.items()}
        return Reproduction([*rows, *shares], settings, seed_words(seeds), self.remarks, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """The lead of the best response over the next action while eps falls, by partner and kind of replay."""
        plot, axes = plots.panels(3, 2, width=3.6, height=2.9)
        cells = [(game, g, lead) for game, of_game in report.data.items() for g, lead in enumerate(of_game)]
        styles = dict(zip(MINIMISERS, ("-", "-", "--", "-.", ":"), strict=True))
        for panel, (game, g, lead) in zip(axes, cells, strict=True):
            for name, colour in plots.colours_of(MINIMISERS).items():
                eps = [float(e) for e in falling(TIMES)[19::20]]
                panel.plot(eps, lead[name], styles[name], color=colour, label=name)
            panel.axhline(0, color="0.6", linewidth=0.8)
            panel.invert_xaxis()
            panel.set(title=f"{game}, partner {g}", xlabel="eps", ylabel="lead of the best response")
        plots.legend_below(plot, axes, 5)
        return plot


def best(q: list[float]) -> int:
    """The action of the largest value."""
    return max(range(len(q)), key=q.__getitem__)


FIGURE = ReplayExact()
