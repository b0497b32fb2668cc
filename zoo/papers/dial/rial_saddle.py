"""Why RIAL may stand still on colour-digit, where DIAL does not: exactly, and what comes of it in training.

Agent 1 has seen a digit d and a colour c and sends m; agent 2, with d' and c', chooses u, which pays

    2 (-1)^(u + c' + d) + (-1)^(u + d' + c).

Agent 1 is paid the same on average for either message where agent 2 does not listen, and also where it listens but does
not put what it hears together with what it sees, as with u = m: over c' and d' all cancels. Then nothing tells the
values of agent 1's messages apart. Where agent 1's message does not depend on d and c, agent 2's expected payment is 0
for every c', d', m and u: nothing tells its values from 0. Where both hold RIAL's expected errors cancel, and only luck
moves it.

DIAL's sender is moved by the slope of (r - Q(c', d', m, u))^2 in m, which is -2 (r - Q) dQ/dm. Its mean over c', d' and
u is of the opposite sign for even and odd d, unless dQ/dm happens to be orthogonal to (-1)^(u + c'): a receiver at
random already tells the sender to separate them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.randomness import generator
from arenas.digits.parity import pay
from leaderboard.report import plots
from leaderboard.statistics.estimate import exact, t
from zoo.papers.dial.digits import SETTING
from zoo.papers.dial.readers import learned
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, over_runs, seed_words
from zoo.papers.learning_runs import share_of_runs

RECEIVERS = 200  # drawn at random
SHARES = (0.01, 0.1, 1.0)  # how often the receiver listens, or the sender tells
COPIES, UPDATES, QUICK, POINTS = 256, 300, 6, 10
BEST = 4.0
#: First weights of what is heard and of what decides about the message, by the words for them.
SCALES = {"usual scales": "", "plain scales": ",hear=1,say=1", "small scales": ",hear=0.1,say=0.1"}


def payments() -> Tensor:
    """What agent 2's action adds to the payment, float64 [20, 20, 2]: by both views, digit and colour, and by u."""
    views = torch.tensor([(digit, colour) for digit in range(10) for colour in range(2)])
    n = len(views)
    one, two = views[:, None].expand(n, n, 2), views[None].expand(n, n, 2)
    digits, colours = torch.stack((one[..., 0], two[..., 0]), -1), torch.stack((one[..., 1], two[..., 1]), -1)
    paid = [pay(torch.full_like(digits, u), digits, colours)[..., 1] for u in (0, 1)]
    return torch.stack(paid, dim=-1).double()


def deaf(count: int, seed: int) -> Tensor:
    """Receivers at random that do not listen, float64 [count, 20, 2, 2]: how likely u is, by their view and by m."""
    chance = torch.rand(count, 20, generator=generator(seed), dtype=torch.float64)
    return torch.stack((chance, 1 - chance), dim=-1).unsqueeze(2).expand(-1, -1, 2, -1)


def echo() -> Tensor:
    """The receiver with u = m, float64 [1, 20, 2, 2]."""
    return torch.eye(2, dtype=torch.float64).expand(1, 20, 2, 2)


def listening() -> Tensor:
    """The receiver with u = c' + m, float64 [1, 20, 2, 2]."""
    colour = torch.arange(20) % 2
    return one_hot((colour.unsqueeze(1) + torch.arange(2)) % 2, 2).double().unsqueeze(0)


def sender_gap(receivers: Tensor) -> Tensor:
    """By how much a sender's expected payment differs between its messages, at most over its views, [K].

    `receivers` are float64 [K, 20, 2, 2], as from `deaf`.
    """
    expected = torch.einsum("kvmu,svu->ksm", receivers, payments()) / 20
    return (expected[..., 1] - expected[..., 0]).abs().amax(1)


def receiver_error(tells: float) -> float:
    """The largest expected payment of an action at a message, over its cases, where the sender tells so often.

    It sends the parity of its digit, or else a fair coin.
    """
    parity = torch.arange(20) // 2 % 2
    chance = torch.stack([0.5 * (1 - tells) + tells * (parity == m).double() for m in (0, 1)], dim=1)  # of m [20, 2]
    expected = torch.einsum("sm,sru->mru", chance, payments()) / chance.sum(0)[:, None, None]
    return float(expected.abs().max())


def slopes(count: int, seed: int) -> Tensor:
    """By how much the slope of DIAL's loss in m differs between even and odd digits, float64 [count].

    Receivers are at random: Q = a + b m with a, b standard normal for each c', d' and u, which is drawn uniformly; both
    kinds of digits send the same.
    """
    luck = generator(seed)
    a, b = (torch.randn(count, 20, 2, generator=luck, dtype=torch.float64) for _ in range(2))
    slope = -2 * ((payments()[None] - a[:, None]) * b[:, None]).mean((2, 3))  # [count, 20], at m = 0
    parity = torch.arange(20) // 2 % 2 == 0
    return slope[:, parity].mean(1) - slope[:, ~parity].mean(1)


def enumerated(tell: Tell, seed: int) -> Json:
    """The expected errors, by enumeration."""
    receivers = deaf(RECEIVERS, seed)
    gaps = {"deaf, at random": sender_gap(receivers), "u = m": sender_gap(echo())}
    for share in SHARES:
        words = f"u = c' + m in {share:.0%}, else deaf"
        gaps[words] = sender_gap(share * listening() + (1 - share) * receivers)
    return {
        "sender": {words: float(gap.max()) for words, gap in gaps.items()},
        "receiver": {f"sender tells in {share:.0%}": receiver_error(share) for share in (0.0, *SHARES)},
        "slopes": slopes(RECEIVERS, seed).abs().tolist(),
    }


class RialSaddle(Figure):
    """Expected errors by enumeration, and how long RIAL stands still in training by the scales of its first weights."""

    name = "rial-saddle"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """The enumeration, and a part for each scale with all its runs."""
        updates = UPDATES // QUICK if quick else UPDATES
        common = {"copies": COPIES, "updates": updates, "points": POINTS, "runs": seeds, "seed": 0}
        parts = [Part("exact", enumerated, {"seed": 0})]
        for words, scales in SCALES.items():
            own = {"game": "colour-digit", "settings": [], "agent": f"rial,{SETTING}{scales}"}
            parts.append(Part(words, learned, {**own, **common}))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """What cancels and what does not, then what trained teams have at the end."""
        results = {part.name: result for part, result in done}
        known: dict[str, Any] = results.pop("exact")
        rows: list[FigureRow] = []
        groups = {
            "sender": "RIAL's sender: difference between its messages in expected payment, by the receiver",
            "receiver": "RIAL's receiver: largest expected error of an action",
        }
        for who, group in groups.items():
            rows += [FigureRow(words, exact(size), group=group) for words, size in known[who].items()]
        group = "DIAL's sender: slope of the loss, even less odd digits"
        rows.append(FigureRow("receivers at random", t(np.array(known["slopes"])), group=group, note="size, over 200"))
        curves = {}
        for words, found in results.items():
            shares = np.array(found["bits"]) / BEST
            group, note = "RIAL trained on colour-digit: share of the best", " ".join(f"{x:.2f}" for x in shares[-1])
            rows.append(over_runs(f"{words}, with bits", shares[-1], None, group, "higher", note=note))
            learns = np.array(found["training"][-1]) / BEST
            rows.append(over_runs(f"{words}, as it learns", learns, None, group, "higher"))
            rows.append(share_of_runs(f"{words}: runs above .5", shares[-1], 0.5, group))
            curves[words] = {"at": found["at"], "shares": shares.tolist()}
        settings = {"agent": f"rial,{SETTING}", "rounds": done[-1][0].settings["updates"], "games a round": COPIES}
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """Shares of the best against rounds, a thin line for each run."""
        plot, (panel,) = plots.panels(1)
        for (words, curve), colour in zip(report.data["curves"].items(), plots.COLOURS, strict=False):
            for run in np.array(curve["shares"]).T:
                panel.plot([0, *curve["at"]], [0, *run], color=colour, linewidth=1, alpha=0.8, label=words)
        panel.set(
            xlabel="rounds", ylabel="share of the best, with bits", title="RIAL on colour-digit", ylim=(-0.1, 1.05)
        )
        plots.legend_below(plot, [panel], 3)
        return plot


FIGURE = RialSaddle()
