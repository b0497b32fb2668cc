"""Environments with a mistake each: the yard has a copy of this file, and command lines name what is in it."""

import os

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

CODE = spaces.Discrete(3)


class Plain(ParallelEnv):
    """Five steps, one point each."""

    metadata = {"name": "yard_v0", "render_modes": []}
    names = ("a_0", "a_1")

    def __init__(self, render_mode=None):
        self.possible_agents, self.render_mode = list(self.names), render_mode
        self.agents, self.t = [], 0

    def observation_space(self, agent):
        return spaces.Box(0, 9, (2,), np.float32)

    def action_space(self, agent):
        return CODE

    def see(self, agent):
        return np.full(2, self.t, np.float32)

    def pay(self, agent):
        return 1.0

    def info(self, agent):
        return {}

    def reset(self, seed=None, options=None):
        self.agents, self.t = list(self.possible_agents), 0
        return {a: self.see(a) for a in self.agents}, {a: self.info(a) for a in self.agents}

    def step(self, actions):
        self.t += 1
        agents, over = self.agents, self.t == 5
        self.agents = [] if over else agents
        seen, paid = {a: self.see(a) for a in agents}, {a: self.pay(a) for a in agents}
        return (
            seen,
            paid,
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, False),
            {a: self.info(a) for a in agents},
        )


env = Plain


class nan_seen(Plain):
    def see(self, agent):
        return np.full(2, np.nan if self.t == 3 else 0, np.float32)


class nan_paid(Plain):
    def pay(self, agent):
        return float("nan")


class infinite_paid(Plain):
    def pay(self, agent):
        return float("-inf")


class word_paid(Plain):
    def pay(self, agent):
        return "much"


class none_info(Plain):
    def info(self, agent):
        return None


class wide_mask(Plain):
    def info(self, agent):
        return {"action_mask": np.ones(4, np.int8)}


class old_reset(Plain):
    def reset(self, seed=None, options=None):
        return super().reset(seed)[0]


class old_step(Plain):
    def step(self, actions):
        return super().step(actions)[:4]


class partial_flags(Plain):
    def step(self, actions):
        seen, paid, over, cut, info = super().step(actions)
        return seen, paid, {"a_0": over["a_0"]}, cut, info


class wrong_shape(Plain):
    def see(self, agent):
        return np.zeros(3 if self.t == 2 else 2, np.float32)


class Name:
    """An agent that looks like another one."""

    def __str__(self):
        return "a_0"


class same_text(Plain):
    def __init__(self, render_mode=None):
        super().__init__()
        self.possible_agents = [Name(), Name()]


class text_space(Plain):
    def action_space(self, agent):
        return spaces.Text(5)


class mixed_spaces(Plain):
    def action_space(self, agent):
        return CODE if agent == "a_0" else spaces.Box(-1, 1, (2,), np.float32)


class closes_early(Plain):
    def step(self, actions):
        if self.t == 2:
            raise ConnectionError("the world is gone")
        return super().step(actions)


class ends_at_reset(Plain):
    def reset(self, seed=None, options=None):
        answer = super().reset(seed)
        self.agents = []
        return answer


class no_agents(Plain):
    names = ()


class prints(Plain):
    def __init__(self, render_mode=None):
        super().__init__()
        print("hello from the world")


class prints_then_breaks(prints):
    def step(self, actions):
        print("a step")
        os.write(1, b"a step below Python\n")
        raise RuntimeError("broken, and told so")


def takes_nothing():
    return Plain()


class Turns(AECEnv):
    """Two seats in turn, three turns each."""

    metadata = {"name": "turns_v0", "render_modes": []}

    def __init__(self, render_mode=None):
        self.possible_agents, self.render_mode = ["a_0", "a_1"], render_mode

    def observation_space(self, agent):
        return spaces.Box(0, 9, (1,), np.float32)

    def action_space(self, agent):
        return CODE

    def observe(self, agent):
        return np.zeros(1, np.float32)

    def reset(self, seed=None, options=None):
        self.agents, self.t = list(self.possible_agents), 0
        self.rewards, self._cumulative_rewards = dict.fromkeys(self.agents, 0.0), dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations, self.infos = dict.fromkeys(self.agents, False), {a: {} for a in self.agents}
        self.agent_selection = "a_0"

    def step(self, action):
        if self.terminations[self.agent_selection]:
            self._was_dead_step(action)
            return
        self.t += 1
        if self.t == 6:
            self.terminations = dict.fromkeys(self.agents, True)
        self.agent_selection = f"a_{self.t % 2}"


class never_retires(Turns):
    def _was_dead_step(self, action):
        pass


class unknown_turn(Turns):
    def step(self, action):
        super().step(action)
        self.agent_selection = "somebody"


class last_breaks(Turns):
    def observe(self, agent):
        if self.t == 2:
            raise LookupError("nothing to see")
        return super().observe(agent)
