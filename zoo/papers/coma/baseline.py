"""What COMA's baseline does: nothing to the expected gradient, much to its variance.

Three things, of which the first two are exact.

The lemma: sum over u of pi(u) sum over a of grad log pi^a(u^a) b^a(u^-a) = 0 for any Q and pi. It is enumerated over
all joint actions of teams of two to four with random tables Q, random policies, masks and a floor of exploration.

The variance of each method's advantage in the `contribution` game, with exact critics and uniform play: measured in
games that are played, beside the closed form. COMA's does not depend on the size n of the team; central-V's grows.

Learning in that game at n = 20: tables of logits and linear critics, one step an episode, 64 episodes an update. Once
with critics that learn alone for 100 updates before 60 updates of the actors, and once without, over as many episodes.
The critics fit the game: Q is a sum over seats of what each contributes. What is compared is then the formula alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.critics import counterfactual, expected
from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, floored, taken
from agents.parts.optimizers import Adam
from agents.randomness import derive, derive_rows, generator
from arenas.protocol import Action
from arenas.signals import RIGHT, SIGNALS, offsets
from leaderboard.report import plots
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import (
    Figure,
    FigureRow,
    Json,
    Part,
    Published,
    Reproduction,
    Results,
    Tell,
    over_runs,
    seed_words,
)

#: Method -> how it is called.
METHODS = {
    "coma": "COMA",
    "central-qv": "central-QV",
    "central-v": "central-V",
    "iac-q": "IAC-Q",
    "iac-v": "IAC-V",
}
TEAMS = (2, 5, 10, 20, 40)
SIGMA, GAMMA = 0.5, 0.9  # of the games in which variances are measured
GAMES, QUICK_GAMES = 200_000, 20_000
#: Learning: seats, episodes an update, step sizes, weight of the entropy, floor, noise, and updates before and after.
AGENTS, BATCH, LR, CRITIC_LR, ENTROPY, FLOOR, NOISE = 20, 64, 0.05, 0.01, 0.02, 0.05, 1.0
WARM, AFTER, UPDATES = 100, 60, 160
ZERO = 1e-9  # what is 0 but for rounding


# -- the lemma --------------------------------------------------------------------------------------------------------


def lemma(tell: Tell, seed: int, tables: int) -> Json:
    """The largest component that COMA's and IAC-Q's baseline adds to the expected gradient, over random tables."""
    luck = generator(derive(seed, "lemma"))
    worst = {"coma": 0.0, "iac-q": 0.0}
    largest = 0.0
    for table in range(tables):
        sizes = [int(torch.randint(2, 5, (), generator=luck)) for _ in range(2 + table % 3)]
        q = 10 * torch.randn(sizes, generator=luck, dtype=torch.float64)
        logits = [torch.randn(n, generator=luck, dtype=torch.float64) for n in sizes]
        for z in logits[: table % 2]:
            z[0] = -torch.inf  # an action that is illegal
        pis = [floored(z, 0.1 * (table % 4)).softmax(-1) for z in logits]
        added = {"coma": [torch.zeros(n, dtype=torch.float64) for n in sizes]}
        added["iac-q"] = [torch.zeros_like(slope) for slope in added["coma"]]
        for joint in itertools.product(*map(range, sizes)):
            chance = float(np.prod([float(pi[u]) for pi, u in zip(pis, joint, strict=True)]))
            for seat, (pi, z) in enumerate(zip(pis, logits, strict=True)):
                if not chance:
                    continue
                index: list[Any] = list(joint)
                index[seat] = slice(None)
                score = _score(z, joint[seat], 0.1 * (table % 4))
                own = q.mean(dim=[k for k in range(len(sizes)) if k != seat])
                for name, values in (("coma", q[tuple(index)]), ("iac-q", own)):
                    added[name][seat] += chance * score * expected(pi, values)
                largest = max(largest, float((chance * score * q[joint]).abs().max()))
        for name, slopes in added.items():
            worst[name] = max(worst[name], max(float(slope.abs().max()) for slope in slopes))
        tell(table + 1, tables)
    return worst | {"largest term": largest}


def _score(logits: Tensor, action: int, floor: float) -> Tensor:
    """Gradient of log pi(action) in the logits."""
    z = logits.clone().requires_grad_()
    (slope,) = torch.autograd.grad(floored(z, floor).log_softmax(-1)[action], z)
    return slope


# -- variances --------------------------------------------------------------------------------------------------------


def variances(agents: int, sigma: float, gamma: float) -> dict[str, float]:
    """Variance of each method's advantage of the first seat, with exact critics, the uniform policy and endless play.

    COMA and IAC-Q subtract what does not depend on their own action and know Q, so one contribution is left. central-QV
    has Q(s, u) - V(s), every seat's. central-V has r + gamma V(s') - V(s), and IAC-V the same with V of its own signal.

    Returns:
        Method -> variance, in squares of the reward's unit.
    """
    own = (SIGNALS - 1) / SIGNALS**2
    table = offsets(agents).double()
    spread = table.var(dim=1, unbiased=False)
    all_of_it, mine = float(spread.sum()), float(spread[0])
    played = agents * own + agents * sigma**2
    return {
        "coma": own,
        "iac-q": own,
        "central-qv": agents * own,
        "central-v": played + gamma**2 * all_of_it,
        "iac-v": played + (all_of_it - mine) + gamma**2 * mine,
    }


def spreads(tell: Tell, seed: int, agents: int, games: int) -> Json:
    """Variance of each method's advantage of the first seat in games played uniformly, with exact critics."""
    chosen = (f"agents={agents}", f"sigma={SIGMA}", f"gamma={GAMMA}", "max_steps=2")
    arena = Venue(ArenaChoice("contribution", chosen)).arena(games)
    _, state = arena.reset(derive_rows(derive(seed, agents, "game"), games))
    luck = generator(derive(seed, agents, "actions"))
    action = torch.randint(SIGNALS, (games, agents), generator=luck)
    following, later = arena.step({seat: Action(action[:, k]) for k, seat in enumerate(arena.spec.seats)})
    assert state is not None
    assert later is not None
    first = next(iter(arena.spec.seats))
    tell(1, 2)
    signals, after = (s.view(games, agents, SIGNALS).argmax(-1) for s in (state, later))
    right, b = torch.tensor(RIGHT), offsets(agents).double()
    rest = agents / SIGNALS / (1 - GAMMA) + GAMMA / (1 - GAMMA) * float(b.mean(1).sum())  # of V, beside what is seen

    def bonus(seen: Tensor) -> Tensor:
        return b.expand(games, -1, -1).gather(2, seen.unsqueeze(2)).squeeze(2)

    hits, now, then = (action == right[signals]).double(), bonus(signals), bonus(after)
    # Q of every action of the first seat: its own hit beside what all others do
    others = hits[:, 1:].sum(1) + now.sum(1) + GAMMA * (rest + float(b.mean(1).sum()))
    q = one_hot(right[signals[:, 0]], SIGNALS).double() + others.unsqueeze(1)
    alone = one_hot(right[signals[:, 0]], SIGNALS).double() + now[:, :1]
    even = torch.full((SIGNALS,), 1 / SIGNALS, dtype=torch.float64)
    v, v_after = now.sum(1) + rest, then.sum(1) + rest
    reward, known = following[first].reward.double(), rest + float(b[1:].mean(1).sum())
    advantage = {
        "coma": counterfactual(q, even, action[:, 0]),
        "iac-q": counterfactual(alone, even, action[:, 0]),
        "central-qv": taken(q, action[:, 0]) - v,
        "central-v": reward + GAMMA * v_after - v,
        "iac-v": reward + GAMMA * (then[:, 0] + known) - (now[:, 0] + known),
    }
    tell(2, 2)
    return {name: float(a.var()) for name, a in advantage.items()}


# -- learning ---------------------------------------------------------------------------------------------------------


def learned(tell: Tell, seed: int, warm: int, updates: int) -> Json:
    """Share of right actions of each method after `updates` updates, the first `warm` of which the critics' alone."""
    shares = {}
    for done, method in enumerate(METHODS):
        shares[method] = _learn(method, seed, warm, updates)
        tell(done + 1, len(METHODS))
    return shares


def _learn(method: str, seed: int, warm: int, updates: int) -> float:
    """Share of right actions, the floor included, which leaves .9625 at most; all methods see the same luck."""
    luck, right, b = generator(derive(seed, "learn")), torch.tensor(RIGHT), offsets(AGENTS)
    theta = {"logits": torch.zeros(AGENTS, SIGNALS, SIGNALS)}
    phi = {"q": torch.zeros(AGENTS, SIGNALS, SIGNALS), "v": torch.zeros(AGENTS, SIGNALS)}
    actor, critic = Adam(theta, LR), Adam(phi, CRITIC_LR)
    seats = torch.arange(AGENTS)
    for update in range(updates):
        signals = torch.randint(SIGNALS, (BATCH, AGENTS), generator=luck)
        draws = torch.rand(BATCH, AGENTS, 1, generator=luck)
        noise = NOISE * AGENTS**0.5 * torch.randn(BATCH, generator=luck)
        pi = floored(theta["logits"], FLOOR).softmax(-1)[seats, signals]  # [B, n, A]
        action = (draws > pi.cumsum(-1)[..., :-1]).sum(-1)
        reward = ((action == right[signals]) + b[seats, signals]).sum(1) + noise
        free = leaves(phi)
        q, v = free["q"][seats, signals], free["v"][seats, signals]  # what each seat contributes [B, n, A] and [B, n]
        done = taken(q, action)
        loss = sum((error.square().mean() for error in _errors(method, done, v, reward)), torch.zeros(()))
        critic.descend(gradient(loss, free))
        if update < warm:
            continue
        praise = _praise(method, phi["q"][seats, signals], phi["v"][seats, signals], pi, action, reward)
        move = leaves(theta)
        log_pi = floored(move["logits"], FLOOR).log_softmax(-1)[seats, signals]
        bonus = entropy(log_pi).sum(1).mean()
        actor.descend(gradient(-(taken(log_pi, action) * praise).sum(1).mean() - ENTROPY * bonus, move))
    pi = floored(theta["logits"], FLOOR).softmax(-1)
    return float(pi[:, torch.arange(SIGNALS), right].mean())


def _errors(method: str, done: Tensor, v: Tensor, reward: Tensor) -> list[Tensor]:
    """What the critics of a method minimise: `done` and `v` [B, n] are what each seat's tables say."""
    alone = reward.unsqueeze(1)
    errors = {
        "coma": [done.sum(1) - reward],
        "central-qv": [done.sum(1) - reward, v.sum(1) - reward],
        "central-v": [v.sum(1) - reward],
        "iac-q": [done - alone],
        "iac-v": [v - alone],
    }
    return errors[method]


def _praise(method: str, q: Tensor, v: Tensor, pi: Tensor, action: Tensor, reward: Tensor) -> Tensor:
    """The advantage of each seat, [B, n] or [B, 1]."""
    done, alone = taken(q, action), reward.unsqueeze(1)
    if method == "coma":  # Q(s, (u^-a, .)): the own table beside what the others contribute
        return counterfactual(q + (done.sum(1, keepdim=True) - done).unsqueeze(-1), pi, action)
    if method == "central-qv":
        return (done - v).sum(1, keepdim=True)
    if method == "central-v":
        return alone - v.sum(1, keepdim=True)
    return counterfactual(q, pi, action) if method == "iac-q" else alone - v


# -- the figure -------------------------------------------------------------------------------------------------------

_LEMMA = "what the baseline adds to the expected gradient, largest of all components (0 but for rounding)"
_LEARNED = {
    "warm": f"share right at n = {AGENTS}: critics alone for {WARM} updates, then {AFTER} of the actors",
    "cold": f"share right at n = {AGENTS}: no warm-up, {UPDATES} updates of both, as many episodes",
}


def _spread_group(agents: int) -> str:
    return f"variance of the advantage, n = {agents}, beside the closed form"


class ComaBaseline(Figure):
    """The lemma, variances beside closed forms, and what they are worth to learners."""

    name = "coma-baseline"
    unit = "tables"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """The lemma, a part for each size of a team, and two for each seed of learning."""
        games = QUICK_GAMES if quick else GAMES
        parts = [Part("lemma", lemma, {"seed": 0, "tables": 12 if quick else 120})]
        parts += [Part(f"n = {n}", spreads, {"seed": 0, "agents": n, "games": games}) for n in TEAMS]
        for seed in range(seeds):
            parts += [
                Part(f"seed {seed}, {how}", learned, {"seed": seed, "warm": warm, "updates": UPDATES})
                for how, warm in (("warm", WARM), ("cold", 0))
            ]
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Rows of all three."""
        (_, added), *rest = done
        rows = [
            FigureRow(METHODS[m], estimate.exact(added[m]), Published(0.0, basis="lemma 1", rounding=ZERO), _LEMMA)
            for m in ("coma", "iac-q")
        ]
        shown = {}
        for part, found in rest[: len(TEAMS)]:
            agents, games = part.settings["agents"], part.settings["games"]
            closed = variances(agents, SIGMA, GAMMA)
            shown[agents] = found
            rows += [self._spread(METHODS[m], found[m], closed[m], agents, games) for m in METHODS]
        runs: dict[str, dict[str, np.ndarray]] = {}
        for how, warm in (("warm", WARM), ("cold", 0)):
            results = [found for part, found in rest[len(TEAMS) :] if part.settings["warm"] == warm]
            runs[how] = {m: np.array([found[m] for found in results]) for m in METHODS}
            rows += [over_runs(METHODS[m], runs[how][m], None, _LEARNED[how], "higher") for m in METHODS]
        settings = {
            "tables of the lemma": done[0][0].settings["tables"],
            "games of a variance": rest[0][0].settings["games"],
            "sigma of the variances": SIGMA,
            "learning": f"batch {BATCH}, Adam {LR} (actors) and {CRITIC_LR} (critics), entropy {ENTROPY}",
            "floor and sigma of learning": f"{FLOOR}, {NOISE}",
        }
        notes = [*self.remarks, *_orders(runs)]
        return Reproduction(
            rows, settings, seed_words(seeds), notes, {"variances": {str(n): v for n, v in shown.items()}}
        )

    @staticmethod
    def _spread(label: str, found: float, closed: float, agents: int, games: int) -> FigureRow:
        """A measured variance with twice its standard error, beside the closed form; off by at most 2 %."""
        error = 2 * found * (2 / games) ** 0.5
        ours = Estimate(found, found - error, found + error, games)
        note = f"off by {found / closed - 1:+.2%}"
        return FigureRow(
            label,
            ours,
            Published(closed, basis="closed form", rounding=0.02 * closed),
            _spread_group(agents),
            note=note,
        )

    def plot(self, report: Reproduction) -> plots.Plot:
        """Variance against the size of the team, with the closed forms."""
        plot, (panel,) = plots.panels(1)
        measured: Mapping[str, Mapping[str, float]] = report.data["variances"]
        sizes = [int(n) for n in measured]
        for method, colour in plots.colours_of(METHODS).items():
            if method == "iac-q":  # the same as COMA's
                continue
            label = METHODS[method]
            name = "COMA, IAC-Q" if method == "coma" else label
            panel.plot(sizes, [measured[str(n)][method] for n in sizes], "o", color=colour, label=name)
            panel.plot(sizes, [variances(n, SIGMA, GAMMA)[method] for n in sizes], color=colour)
        panel.set(xlabel="seats n", ylabel="variance of the advantage", yscale="log", xscale="log")
        panel.set_xticks(sizes, list(map(str, sizes)))
        panel.minorticks_off()
        plots.legend_below(plot, [panel], 4)
        return plot


def _orders(runs: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """Which methods are apart, in words."""
    words = []
    for how, by_method in runs.items():
        order = sorted(by_method, key=lambda m: -float(by_method[m].mean()))
        signs = []
        for one, other in itertools.pairwise(order):
            gap = estimate.t(by_method[one] - by_method[other])
            signs.append(">" if gap.low is not None and gap.low > 0 else "~")
        chain = METHODS[order[0]] + "".join(f" {s} {METHODS[m]}" for s, m in zip(signs, order[1:], strict=True))
        what = "with critics that were warm" if how == "warm" else "without warm-up"
        words.append(f"the order {what}, > where 95 % intervals of paired differences do not hold 0: {chain}.")
    return words


FIGURE = ComaBaseline()
