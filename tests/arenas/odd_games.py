"""Generated PettingZoo games, plain and odd, and PettingZoo's own loop over them: the reference for foreign arenas.

A `Plan` is a game in numbers: who plays, in which space, when each dies, when who is paid, who is on turn. It is played
as a turn game (`TurnGame`) or a parallel one (`AllGame`). A plan may have a mistake, a way of breaking PettingZoo's
contract; such a game must be refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

#: Ways of breaking the contract, by form.
BROKEN = {
    "turn": (
        "no empty step", "returns from the dead", "pays nan", "pays two numbers", "pays None", "sees nan", "sees inf",
        "sees outside", "sees too much", "mask of zeros", "mask too narrow", "info None", "no such agent", "no flag",
        "raises", "leaves", "one name twice", "nobody",
    ),
    "all": (
        "returns from the dead", "pays nan", "pays two numbers", "pays None", "sees nan", "sees inf", "sees outside",
        "sees too much", "mask too narrow", "info None", "infos None", "no such agent", "no flag",
        "goes without a word", "pays the dead", "sees nothing", "old step", "old reset", "raises", "leaves",
        "one name twice", "nobody",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """A game in numbers; times are in steps of a parallel game, and in turns of a turn game."""

    form: str
    agents: int
    space: int  # number of the observation space, see `space_of`
    acts: int  # actions from `start` on
    start: int
    length: int
    deaths: tuple[int, ...]  # when each agent dies
    arrivals: tuple[int, ...]  # when each agent comes; 0: it is there from the reset on
    order: str  # "cycle", "random" or "twice": who is on turn
    pays: str  # "now", "ledger", "late", "everybody" or "at the end"
    cut: bool  # whether the end is a truncation
    masks: str  # "", "observation" or "info"
    names: str  # "text", "number" or "tuple"
    sleeps: bool  # parallel: whoever is not on turn has a mask of zeros
    waits: bool  # turn: the dead wait for their turn, and are paid meanwhile
    breaks: str = ""

    @classmethod
    def drawn(cls, seed: int, form: str, breaks: str = "") -> Plan:
        """A plan by chance."""
        luck = np.random.default_rng([seed, form == "turn"])
        n, length = int(luck.integers(1, 5)), int(luck.integers(1, 13))
        if breaks:
            n, length = max(2, n), max(6, length)
        masks = str(luck.choice(["", "observation", "info"]))
        arrivals = [0 if k == 0 or luck.random() < 0.8 else int(luck.integers(1, length + 1)) for k in range(n)]
        deaths = [int(luck.integers(a + 1, 2 * length + 2)) for a in arrivals]
        if breaks:
            arrivals, deaths = [0] * n, [99] * n
            masks = "info" if "mask" in breaks else masks
            if breaks in ("returns from the dead", "pays the dead"):
                deaths[1] = 3 if form == "turn" else 2
        space, sleeps = int(luck.integers(0, 9)), form == "all" and bool(masks) and bool(luck.random() < 0.5)
        return cls(
            form=form,
            agents=n,
            space=0 if breaks == "sees outside" and space == 1 else space,  # nothing is outside the second
            acts=int(luck.integers(1, 6)),
            start=int(luck.choice([0, 0, -2, 7])),
            length=length,
            deaths=tuple(deaths),
            arrivals=tuple(arrivals),
            order=str(luck.choice(["cycle", "random", "twice"])),
            pays=str(luck.choice(["now", "ledger", "late", "everybody", "at the end"])),
            cut=bool(luck.random() < 0.5),
            masks=masks,
            names=str(luck.choice(["text", "number", "tuple"])),
            sleeps=sleeps and not breaks,
            waits=not breaks and bool(luck.random() < 0.5),
            breaks=breaks,
        )


def space_of(plan: Plan) -> Any:
    """What agents see; every kind that has a form as numbers."""
    kinds = [
        spaces.Box(0, 50, (2,), np.float32),
        spaces.Box(-np.inf, np.inf, (3,), np.float64),
        spaces.Box(0, 255, (4, 3, 2), np.uint8),
        spaces.Box(np.array([-1, 0]), np.array([50, 60]), dtype=np.int64),
        spaces.Discrete(40, start=-3),
        spaces.MultiDiscrete([40, 3], start=[-1, 5]),
        spaces.MultiBinary(5),
        spaces.Tuple([spaces.Discrete(40), spaces.Box(0, 9, (), np.float32)]),
        spaces.Dict({"far": spaces.Box(0, 60, (2, 2), np.float32), "near": spaces.Discrete(40)}),
    ]
    return kinds[plan.space]


class _Game:
    """What both forms share: spaces, names, sights, payments, and the mistakes."""

    metadata = MappingProxyType({"name": "odd_v0", "render_modes": []})
    render_mode = None

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        makes = {"text": lambda k: f"p_{k}", "number": lambda k: k, "tuple": lambda k: ("p", k)}
        self.possible_agents = [makes[plan.names](k) for k in range(plan.agents)]
        if plan.breaks == "one name twice":
            self.possible_agents[:2] = [7, "7"]
        if plan.breaks == "nobody":
            self.possible_agents = []
        self.agents: list[Any] = []
        self.seen = self.whole = space_of(plan)
        width = plan.acts
        if plan.masks == "observation":
            parts = dict(self.seen.spaces) if isinstance(self.seen, spaces.Dict) else {"observation": self.seen}
            self.seen = spaces.Dict({**parts, "action_mask": spaces.Box(0, 1, (width,), np.int8)})

    def observation_space(self, agent: Any) -> Any:
        return self.seen

    def action_space(self, agent: Any) -> Any:
        return spaces.Discrete(self.plan.acts, start=self.plan.start)

    def number(self, agent: Any) -> int:
        return self.possible_agents.index(agent)

    def breaks(self, what: str) -> bool:
        """Whether this mistake is made now: from the third step on, so that some play comes first."""
        return self.plan.breaks == what and self.t >= 3

    def sight(self, agent: Any) -> Any:
        """A sample of the space that depends on the moment, the agent and the luck: private to the agent."""
        if self.over:
            raise RuntimeError("asked for something after the end")
        space = self.whole
        space.seed(int(self.luck_of_sight + 1000 * self.t + 7 * self.number(agent)) % 2**31)
        seen = space.sample()
        if isinstance(space, spaces.Box) and space.dtype.kind == "f":
            seen = np.nan_to_num(seen)
        for name, value in (("sees nan", np.nan), ("sees inf", np.inf), ("sees outside", 1e6), ("sees too much", 0)):
            if self.breaks(name):
                seen = self.spoiled(space, value, more=name == "sees too much")
        if self.plan.masks == "observation":
            parts = dict(seen) if isinstance(space, spaces.Dict) else {"observation": seen}
            return {**parts, "action_mask": self.mask(agent)}
        return seen

    def spoiled(self, space: Any, value: float, *, more: bool) -> Any:
        """Something that is not in the space."""
        if isinstance(space, spaces.Dict):
            return {**space.sample(), "far": np.full((2, 2 + 7 * more), value)}
        if isinstance(space, spaces.Tuple):
            return (np.int64(-1), np.float32(2)) if not more else (3,)
        shape = np.asarray(space.sample()).shape
        return np.full((2, *shape) if more else shape, value if np.isfinite(value) or shape else -999)

    def mask(self, agent: Any) -> Any:
        if self.plan.sleeps and self.awake() != agent:
            return np.zeros(self.plan.acts, np.int8)
        mask = np.array([(k + self.t) % 2 == 0 for k in range(self.plan.acts)], np.int8)
        mask[self.t % self.plan.acts] = 1
        if self.breaks("mask of zeros"):
            mask[:] = 0
        return mask[:-1] if self.breaks("mask too narrow") else mask

    def awake(self) -> Any:
        return None

    def info(self, agent: Any) -> Any:
        if self.breaks("info None"):
            return None
        return {"action_mask": self.mask(agent)} if self.plan.masks == "info" else {}

    def paid(self, agent: Any, action: int) -> Any:
        """What an agent earns now: it depends on its number, the moment, the luck and what was done."""
        if self.breaks("pays nan"):
            return float("nan")
        if self.breaks("pays two numbers"):
            return np.array([1.0, 2.0])
        if self.breaks("pays None"):
            return None
        amount = float((self.number(agent) + 1) * (self.t % 4) - action + int(self.rng.integers(0, 3)))
        form = (self.t + self.number(agent)) % 3
        return (amount, np.array([amount]), np.float32(amount))[form]

    def start(self, seed: int | None) -> None:
        self.rng = np.random.default_rng(seed)
        self.luck_of_sight = int(self.rng.integers(0, 10**6))
        self.t, self.over = 0, False

    def state(self) -> Any:
        if self.over:
            raise RuntimeError("asked for the state after the end")
        return np.array([self.t, len(self.agents)], np.float32)

    def render(self) -> Any:
        raise RuntimeError("nobody asked for a picture")


class TurnGame(_Game, AECEnv):
    """A plan as a turn game."""

    def reset(self, seed: int | None = None, options: Any = None) -> None:
        self.start(seed)
        plan = self.plan
        self.agents = [a for a in self.possible_agents if plan.arrivals[self.number(a)] == 0]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations, self.truncations = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, False)
        self.infos = {a: {} for a in self.agents}
        self.agent_selection = self.agents[0]
        self.infos[self.agent_selection] = self.info(self.agent_selection)
        self.later: list[tuple[Any, float]] = []
        self._skip_agent_selection = None

    def observe(self, agent: Any) -> Any:
        if agent != self.agent_selection:
            raise RuntimeError(f"{agent} was asked on another's turn")
        return self.sight(agent)

    def step(self, action: Any) -> None:
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            if self.plan.breaks == "no empty step":
                return
            self.bury(action)
            if self.breaks("returns from the dead"):
                self.add(agent)
                self.agent_selection = agent
            return
        self.t += 1
        if self.breaks("raises"):
            raise RuntimeError("worn out")
        if self.breaks("leaves"):
            raise SystemExit(0)
        assert self.action_space(agent).contains(action)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        self.pay(agent, int(action))
        self.come_and_go()
        self.pass_on(agent)
        if self.breaks("no such agent"):
            self.agent_selection = "nobody"
        if self.breaks("no flag"):
            self.terminations.pop(self.agent_selection, None)
        self.infos = {a: self.info(a) if a == self.agent_selection else {} for a in self.agents}
        if not self.plan.waits:
            self._deads_step_first()

    def bury(self, action: Any) -> None:
        """The empty step."""
        if not self.plan.waits:
            self._was_dead_step(action)
        else:
            assert action is None
            agent = self.agent_selection
            for of in (self.terminations, self.truncations, self.rewards, self._cumulative_rewards, self.infos):
                del of[agent]
            self.agents.remove(agent)
            self._clear_rewards()
            if self.agents:
                self.pass_on(agent)
                self.infos = {a: self.info(a) if a == self.agent_selection else {} for a in self.agents}
        self.over = not self.agents

    def pay(self, agent: Any, action: int) -> None:
        plan = self.plan
        earned = self.paid(agent, action)
        if plan.breaks.startswith("pays"):
            self._cumulative_rewards = dict.fromkeys(self.agents, earned)
        elif plan.pays == "now":
            self.rewards[agent] = earned
            self._accumulate_rewards()
        elif plan.pays == "ledger":
            other = self.agents[self.t % len(self.agents)]
            self._cumulative_rewards[other] = self._cumulative_rewards[other] + earned
        elif plan.pays == "everybody":
            for other in self.agents:
                self.rewards[other] = self.paid(other, action)
            self._accumulate_rewards()
        elif plan.pays == "late":  # two turns later, dead or not, as long as they are in the game
            self.later.append((agent, earned))
            if len(self.later) > 2:
                other, amount = self.later.pop(0)
                if other in self._cumulative_rewards:
                    self._cumulative_rewards[other] = self._cumulative_rewards[other] + amount
        elif self.t >= plan.length:
            for other in self.agents:
                self._cumulative_rewards[other] = self._cumulative_rewards[other] + self.paid(other, action)

    def come_and_go(self) -> None:
        plan = self.plan
        for agent in self.possible_agents:
            if plan.arrivals[self.number(agent)] == self.t:
                self.add(agent)
        dying = [a for a in self.agents if plan.deaths[self.number(a)] <= self.t]
        for agent in dying:
            self.terminations[agent] = True
        if self.t >= plan.length:
            for agent in self.agents:
                (self.truncations if plan.cut else self.terminations)[agent] = True

    def add(self, agent: Any) -> None:
        self.agents.append(agent)
        for of, value in (
            (self.rewards, 0.0), (self._cumulative_rewards, 0.0), (self.terminations, False),
            (self.truncations, False), (self.infos, {}),
        ):  # fmt: skip
            of[agent] = value

    def pass_on(self, agent: Any) -> None:
        waits = self.plan.waits
        alive = [a for a in self.agents if waits or not (self.terminations[a] or self.truncations[a])]
        if not alive:
            self.agent_selection = self.agents[0]
        elif self.plan.order == "random":
            self.agent_selection = alive[int(self.rng.integers(0, len(alive)))]
        elif self.plan.order == "twice" and self.t % 2 and agent in alive:
            self.agent_selection = agent
        else:
            after = [a for a in alive if self.number(a) > self.number(agent)]
            self.agent_selection = (after or alive)[0]


class AllGame(_Game, ParallelEnv):
    """A plan as a parallel game."""

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.start(seed)
        self.gone: set[Any] = set()
        self.agents = [a for a in self.possible_agents if self.plan.arrivals[self.number(a)] == 0]
        told = self.sights(), self.infos()
        return told[0] if self.plan.breaks == "old reset" else told

    def awake(self) -> Any:
        return self.agents[self.t % len(self.agents)] if self.agents else None

    def sights(self) -> dict[Any, Any]:
        seen = {a: self.sight(a) for a in self.agents}
        if self.breaks("sees nothing"):
            seen.pop(self.agents[0], None)
        return seen

    def infos(self) -> Any:
        return None if self.breaks("infos None") else {a: self.info(a) for a in self.agents}

    def step(self, actions: dict[Any, Any]) -> Any:
        plan = self.plan
        assert actions.keys() == set(self.agents), "actions for others than those in agents"
        awake = self.awake()
        done = {a: int(x) for a, x in actions.items() if not plan.sleeps or a == awake}
        for agent, action in actions.items():
            assert self.action_space(agent).contains(action)
        self.t += 1
        if self.breaks("raises"):
            raise RuntimeError("worn out")
        if self.breaks("leaves"):
            raise SystemExit(0)
        names = list(self.agents)
        rewards = {a: self.paid(a, sum(done.values())) for a in names}
        if plan.pays in ("late", "at the end") and not plan.breaks and self.t < plan.length:
            rewards = dict.fromkeys(names, 0)
        over = self.t >= plan.length
        dead = {a: plan.deaths[self.number(a)] <= self.t or (over and not plan.cut) for a in names}
        cut = dict.fromkeys(names, over and plan.cut)
        leave = [a for a in names if dead[a] or cut[a]]
        self.gone.update(leave)
        self.agents = [a for a in names if a not in leave]
        self.agents += [a for a in self.possible_agents if plan.arrivals[self.number(a)] == self.t and not over]
        if self.breaks("pays the dead"):
            rewards |= dict.fromkeys(self.gone, 1.0)
        if self.breaks("returns from the dead") and not over:
            self.agents += [a for a in self.possible_agents if a not in self.agents]
        if self.breaks("no such agent"):
            self.agents = [*self.agents, "nobody"]
            return dict.fromkeys(self.agents, 0), rewards, dead, cut, {a: {} for a in self.agents}
        if self.breaks("goes without a word") and self.agents:
            self.agents = self.agents[1:]
        if self.breaks("no flag"):
            dead.pop(names[0])
        self.over = not self.agents
        told = {} if self.over else self.sights(), rewards, dead, cut, {} if self.over else self.infos()
        return (told[0], rewards, dead, told[4]) if self.breaks("old step") else told


def game(plan: Plan) -> TurnGame | AllGame:
    """The game of a plan."""
    return TurnGame(plan) if plan.form == "turn" else AllGame(plan)


def numbered(env: Any, agent: Any, number: int) -> Any:
    """The action with this number, from 0 on."""
    return env.action_space(agent).start + number


def official(env: Any, seed: int, action: Any, act: Any = numbered) -> tuple[dict[Any, float], int]:
    """PettingZoo's own loop: the total of each agent by its text, and how many actions were taken.

    `action(agent, t)` says what an agent does in step t of the game, and `act(env, agent, that)` is it for the
    environment.
    """
    totals = {str(a): 0.0 for a in env.possible_agents}
    t = 0

    def value(agent: Any) -> Any:
        return act(env, agent, action(str(agent), t))

    if isinstance(env, AECEnv):
        env.reset(seed=seed)
        for agent in env.agent_iter(10**6):
            dead = env.terminations[agent] or env.truncations[agent]
            _, reward, ended, cut, _ = env.last(observe=not dead)
            totals[str(agent)] += float(np.asarray(reward).reshape(()))
            if ended or cut:
                env.step(None)
                continue
            env.step(value(agent))
            t += 1
        return totals, t
    env.reset(seed=seed)
    while env.agents:
        _, rewards, _, _, _ = env.step({a: value(a) for a in env.agents})
        t += 1
        for agent, reward in rewards.items():
            totals[str(agent)] += float(np.asarray(reward).reshape(()))
    return totals, t
