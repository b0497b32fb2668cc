"""The iterated prisoner's dilemma in LOLA's table 3: which learners end in tit-for-tat, and what they earn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from zoo.papers.figure import FigureRow, Published, over_runs
from zoo.papers.learning_runs import seat_rows, share_of_runs
from zoo.papers.lola.self_play import RUNS, Rule, SelfPlay

#: What tit-for-tat does at start, CC, CD, DC, DD: the probability of cooperating.
TIT_FOR_TAT = np.array([1.0, 1.0, 0.0, 1.0, 0.0])
#: Observation of the row player -> that of the column player at the same time.
SWAP = [0, 1, 3, 2, 4]
#: A run cooperates where its pair earns at least that, half way between mutual defection and cooperation.
COOPERATES = -1.5
SHARE = f"share of runs that cooperate, R at least {COOPERATES:g}"
#: Rule -> how many of the paper's 50 runs cooperated, where its mean and spread can mean nothing else: one run at -1
#: and 49 at -2 have the mean -1.98 and the standard deviation .14, and runs without spread end alike.
COOPERATING = {"NL-Ex": 1, "NL-PG": 0}
_TABLE = "hidden=0,optimizer=sgd,weigh=start,entropy=0,lr=0.3,critic_lr=1"


class LolaIpd(SelfPlay):
    """Naive and LOLA learners in the prisoner's dilemma."""

    name = "lola-ipd"
    arena = "ipd"
    gamma = 0.96
    measure = "%TFT"
    updates: ClassVar = {False: 200, True: 150}
    copies = 512
    rules = (
        Rule("NL-Ex", "naive-exact,lr=1", False, 20.8, -1.98, 0.14),
        Rule("LOLA-Ex", "lola-exact,lr=1,eta=1", False, 81.0, -1.06, 0.19),
        Rule("NL-PG", f"naive,{_TABLE}", True, 20.0, -1.98, 0.00),
        Rule("LOLA-PG", f"lola,{_TABLE},eta=1,decay=1", True, 66.4, -1.17, 0.34),
    )

    def agreement(self, policies: np.ndarray) -> np.ndarray:
        """Both play tit-for-tat: mean over what the row player sees."""
        match = np.where(TIT_FOR_TAT == 1, policies, 1 - policies)  # [R, 2, 5]
        return np.asarray((match[:, 0] * match[:, 1][:, SWAP]).mean(1))

    def returns(self, rule: Rule, tails: Sequence[np.ndarray]) -> list[FigureRow]:
        """The pair's mean beside the table, and the higher and the lower seat."""
        pair = (tails[0] + tails[1]) / 2
        published = Published.of_runs(rule.value, rule.sd, RUNS)
        rows = [over_runs(rule.name, pair, published, "R, return per step", "higher")]
        known = COOPERATING.get(rule.name)
        shares = Published.of_share(known / RUNS, RUNS) if known is not None else None
        rows.append(share_of_runs(rule.name, pair, COOPERATES, SHARE, published=shares, better="higher"))
        return rows + seat_rows(rule.name, tails, "R of the {} seat of each run")


FIGURE = LolaIpd()
