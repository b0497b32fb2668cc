"""DDPG for several seats that take no notice of each other: the baseline of MADDPG's paper.

Lillicrap, Hunt, Pritzel, Heess, Erez, Tassa, Silver and Wierstra 2016, "Continuous control with deep reinforcement
learning"; as a baseline in Lowe et al. 2017, where it is MADDPG with critics that see one seat alone:

    critic:  minimise (Q_i(o_i, a_i) - y)^2,
             y = r_i + gamma d Qbar_i(o'_i, mubar_i(o'_i))
    actor:   ascend Q_i(o_i, a_i) at a_i = mu_i(o_i)

Departures: those of `maddpg`, from which it differs in what the critics read and in nothing else.
"""

from __future__ import annotations

from agents.maddpg import Maddpg


class Ddpg(Maddpg):
    """Independent DDPG: MADDPG with critics that see one seat."""

    needs_to_learn = frozenset()
    central = False
