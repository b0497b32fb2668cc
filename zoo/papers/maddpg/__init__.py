"""Lowe et al. 2017, Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments: tables and figures."""

#: The rule of the paper, and the one that it is compared with.
MADDPG, DDPG = "maddpg", "ddpg"
#: How the house's runs differ from the paper's in all of its figures.
UNLIKE = (
    "Unlike the paper: discrete actions are executed hard (its code executes soft ones), the world is"
    " mpe2's (places move with the old velocity), networks learned with Adam at the step sizes on their cards"
    " (paper .01) and for the steps below (paper 25,000 episodes of 25 steps, an update per 100).",
)
