"""MADDPG with ensembles: several sub-policies a seat, so that none is fitted to one behaviour of the others.

Lowe et al. 2017, section 4.3. A seat has K sub-policies, of which a team draws one at the start of an episode, and a
replay D^(k) for each.

    actor (9):       ascend (1/K) E over D_i^(k) of Q_i(x, a_1 .. a_N)
                     at a_i = mu_i^(k)(o_i)

The rest is `agents.maddpg`: this file adds the draw and the sub-policies' own transitions.

The paper does not say whether the K sub-policies share Q_i (its notation has no k, so the default is one; `critics=own`
gives each its own), nor which of the others' sub-policies give the target actions: here it is the one that played.

Departures: those of `maddpg`. The K replays lie in one ring, whose transitions are marked with k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.maddpg import Maddpg, MaddpgConfig
from agents.parts.departed import DEPARTED
from agents.parts.exploration import explore
from agents.parts.policies.categorical import MODE
from agents.parts.team import apply
from agents.parts.transitions import Batch
from agents.protocol import DifferentiablePolicy, JointTrajectory, LearningContext, Memory, Seating
from agents.randomness import below, bits, derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Count


@dataclass(frozen=True)
class EnsembleConfig(MaddpgConfig):
    """Settings of `maddpg-ensemble`."""

    k: Count = 3  # K, sub-policies a seat (paper: 3 in keep-away and navigation, 2 in predator-prey)
    draw: Literal["team", "seat"] = "team"  # the seats that draw k together
    critics: Literal["shared", "own"] = "shared"  # by the K sub-policies


class MaddpgEnsemble(Maddpg):
    """MADDPG with K sub-policies a seat, one drawn per team and episode.

    Shapes: G sets of own seats that draw k together, and so learn from the same transitions; a batch has leaves
    [G, B, ...]. The rest as in `Maddpg`.
    """

    Config = EnsembleConfig
    departed = DEPARTED["maddpg-ensemble"]
    extras = ("k",)
    config: EnsembleConfig

    def make_networks(self, seed: int) -> None:
        """K actors and one or K critics for each own seat; `actor` and `critic` are those that learn just now."""
        config = self.config
        drawers = [self.spec.seats[seat].team if config.draw == "team" else seat for seat in self.seats]
        if config.k > 1:
            self.reader.sets = [list(dict.fromkeys(drawers)).index(drawer) for drawer in drawers]
        self.actors = [self.new_actors(seed, *([k] if config.k > 1 else [])) for k in range(config.k)]
        self.critics = [self.new_critics(seed, k) for k in range(config.k if config.critics == "own" else 1)]
        self.turn(0)
        self.networks = {f"actor/{k}": actors for k, actors in enumerate(self.actors)}
        self.networks |= {f"critic/{k}": critics for k, critics in enumerate(self.critics)}
        members = {self.member(seat, k): (self.actors[k].team, seat) for seat in self.seats for k in range(config.k)}
        self.policies = {name: self.reader.policy(*member) for name, member in members.items()}
        self.playing = {name: self.reader.policy(*member, MODE) for name, member in members.items()}
        self.owed = torch.zeros(config.k, dtype=torch.float64)  # updates earned by transitions and not yet made

    def member(self, seat: str, k: int) -> str:
        """The name of a sub-policy, under which its weights are stored."""
        return f"{seat}/{k}" if self.config.k > 1 else seat

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that its transitions have earned for the sub-policies."""
        rows = self.reader.rows(joint, context.peers)
        drawn = rows["k"][:, self.reader.own]
        for k in range(self.config.k):
            self.owed[k] += float((drawn == k).double().mean(1).sum()) * self.config.rate
        if not self.store(rows):
            self.owed.zero_()
            return {}
        luck, made_by = generator(context.seed), self.made_by()
        metrics: dict[str, float] = {}
        for k in range(self.config.k):
            self.turn(k)
            while self.owed[k] >= 1:
                self.owed[k] -= 1
                if all(len(rows_of_set) for rows_of_set in made_by[k]):
                    metrics = self.update(self.sample(made_by[k], luck), context, luck)
        return metrics

    def turn(self, k: int) -> None:
        """Let sub-policy k learn, with the critic that it has."""
        self.actor, self.critic = self.actors[k], self.critics[k % len(self.critics)]

    def objective(self, value: Tensor, out: Tensor) -> Tensor:
        """Equation 9: a Kth part of what equation 5 ascends, on transitions that the sub-policy made."""
        return super().objective(value, out) / self.config.k

    def act_now(self, batch: Batch, at: Literal["observation", "next"], luck: torch.Generator) -> Tensor:
        """What our seats do [B, N, A], or [G, B, N, A] by the sub-policies that played."""
        if "k" not in batch:
            return super().act_now(batch, at, luck)
        how = self.config.target if at == "next" else self.config.sample
        seen = batch[at].movedim(2, 0).flatten(1, 2)[self.reader.own]  # [N, G * B, O]
        played = batch["k"][..., self.reader.own].movedim(2, 0).flatten(1).unsqueeze(-1)  # [N, G * B, 1]
        teams = [actors.slow if at == "next" else actors.team for actors in self.actors]
        outputs = [apply(team.parameters, seen) for team in teams]
        actions = torch.stack([self.reader.action(out, how, luck, self.reader.own) for out in outputs])
        chosen = actions.take_along_dim(played.unsqueeze(0), dim=0)
        return chosen.view(len(seen), *batch[at].shape[:2], -1).movedim(0, 2)

    def made_by(self) -> list[list[Tensor]]:
        """For each k the rows of the replay with the transitions that its sub-policies made, set by set."""
        made = self.replay.filled("k")
        columns = {number: made[:, seat] for number, seat in zip(self.reader.sets, self.reader.own, strict=True)}
        return [[(c == k).nonzero().squeeze(1) for c in columns.values()] for k in range(self.config.k)]

    def sample(self, made: list[Tensor], luck: torch.Generator) -> Batch:
        """A batch for each set from these rows of the replay."""
        drawn = [torch.randint(len(rows), (self.config.batch,), generator=luck) for rows in made]
        chosen = [rows[draw.to(rows.device)] for rows, draw in zip(made, drawn, strict=True)]
        if len(chosen) > 1:
            return self.replay.at(torch.stack(chosen))
        batch = self.replay.at(chosen[0])
        del batch["k"]  # all sub-policies that played are those that learn
        return batch

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The memory of `maddpg`, and k with its luck."""
        memory = super().begin(seating)
        team = self.spec.seats[seating.seat].team
        # one entrant may fill two teams, which then draw apart
        shared = seating.team_seed + derive(0, "team", team) // 2
        luck = shared if self.config.draw == "team" else seating.seed
        return memory | {"k_luck": luck, "k": torch.zeros_like(luck)}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the sub-policy that was drawn for the episode."""
        policies = self.policies if memory["training"] else self.playing
        seat = self.seats[memory["seat"]]
        k = below(bits(memory["k_luck"], memory["step"]), self.config.k).where(timestep.first, memory["k"])
        answers = [policies[self.member(seat, k)].act(timestep, memory) for k in range(self.config.k)]
        values = torch.stack([action.value for action, _ in answers])  # [K, B(, D)]
        value = values[k, torch.arange(len(k), device=k.device)]
        following = {**answers[0][1], "k": k}
        return explore(Action(value, extras={"k": k}), timestep, following, self.config.epsilon), following

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """None where sub-policies are drawn: which one it is would be a memory of the past."""
        return super().policy(seat) if self.config.k == 1 else None
