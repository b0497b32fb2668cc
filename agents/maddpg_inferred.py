"""MADDPG with inferred policies: what the others will do is learned from what they did, and not asked.

Lowe et al. 2017, section 4.2. Agent i keeps a model muhat_i^j of every other j and takes target actions from a slow
copy of it. Before each update the model goes one step down its loss on the newest transitions:

    model (7):       L = -E[log muhat_i^j(a_j | o_j) + lambda H(muhat_i^j)]
    targets (8):     y = r_i + gamma d Qbar_i(x', .. a'_j ..)
                     at a'_i = mubar_i(o'_i) and, for every other j,
                     a'_j = slow copy of muhat_i^j at o'_j

The rest is `agents.maddpg`: this file adds the models and overrides where target actions come from.

Departures: those of `maddpg`. A model learns before each update, not at each step of the world. Inferred policies enter
the critic as relaxed actions, as executed ones do, and not as log-probabilities. Where actions are continuous a model
is a Gaussian of fixed width, whose entropy is constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.maddpg import Maddpg, MaddpgConfig
from agents.parts.departed import DEPARTED
from agents.parts.gradients import leaves
from agents.parts.team import Trained, apply
from agents.parts.transitions import Batch
from agents.protocol import LearningContext, State
from agents.randomness import derive
from arenas.settings import Amount, Positive


@dataclass(frozen=True)
class InferredConfig(MaddpgConfig):
    """Settings of `maddpg-inferred`."""

    model_lr: Positive = 0.01  # Adam's step size of the inferred policies
    entropy: Amount = 0.001  # lambda of equation 7


class MaddpgInferred(Maddpg):
    """MADDPG whose targets use inferred policies of the other seats.

    Shapes: P = N (S - 1) models, of every own seat one of every other seat that is read; the rest as in `Maddpg`.
    """

    Config = InferredConfig
    departed = DEPARTED["maddpg-inferred"]
    config: InferredConfig

    def make_networks(self, seed: int) -> None:
        """Actors, critics, and the models of the other seats."""
        super().make_networks(seed)
        self.reader.others = []  # what others do next is inferred
        read = self.reader.read
        self.pairs = [(i, j) for i in self.reader.own for j in range(len(read)) if i != j]
        self.modelled = [j for _, j in self.pairs]
        seeds = [derive(seed, "model", read[i], read[j]) for i, j in self.pairs]
        self.models = Trained(self.reader.actors(self.modelled, seeds), self.config.model_lr, self.config.clip)

    def update(self, batch: Batch, context: LearningContext, luck: torch.Generator) -> dict[str, float]:
        """One step of every model on the newest transitions, then of critics and actors as in `maddpg`."""
        divergence = self.infer() if self.pairs else {}
        return super().update(batch, context, luck) | divergence

    def infer(self) -> dict[str, float]:
        """One step down equation 7, and the slow copies after it."""
        newest = self.replay.newest(self.config.batch)
        seen, done = (newest[name].movedim(1, 0)[self.modelled] for name in ("observation", "action"))
        real = self.reader.real[self.modelled]
        phi = leaves(self.models.team.parameters)
        out = apply(phi, seen)
        if self.reader.discrete:
            log_pi = self.reader.masked(out, self.modelled).log_softmax(-1)
            probabilities, log_pi = log_pi.exp(), log_pi.where(real, 0.0)
            likelihood, entropy = (log_pi * done).sum(-1), -(probabilities * log_pi).sum(-1)
            objective = likelihood + self.config.entropy * entropy
        else:
            objective = -((out.tanh() - done) * real).square().sum(-1) / 2
        self.models.descend(-objective.mean(1).sum(), phi)
        self.models.follow(self.config.tau)
        return {"divergence": self.divergence(seen, out.detach())} if self.reader.discrete else {}

    @torch.no_grad()
    def target_actions(self, batch: Batch, context: LearningContext, luck: torch.Generator) -> Tensor:
        """a'_1 .. a'_N of equation 8 [N, B, S, A]: what each own seat does itself, and what it infers of the others."""
        ours = super().target_actions(batch, context, luck)
        actions = ours.repeat(len(self.seats), 1, 1, 1)
        if self.pairs:
            seen = batch["next"].movedim(1, 0)[self.modelled]
            out = apply(self.models.slow.parameters, seen)
            inferred = self.reader.action(out, self.config.target, luck, self.modelled)
            for (i, j), action in zip(self.pairs, inferred, strict=True):
                actions[self.reader.own.index(i), :, j] = action
        return actions

    @torch.no_grad()
    def divergence(self, seen: Tensor, out: Tensor) -> float:
        """Mean KL divergence in nats from the true policies to the inferred ones, over pairs whose truth is ours."""
        known = [pair for pair, j in enumerate(self.modelled) if j in self.reader.own]
        others = [self.modelled[pair] for pair in known]
        numbers = [self.reader.own.index(j) for j in others]
        theta = {name: p[numbers] for name, p in self.actor.team.parameters.items()}
        true = self.reader.masked(apply(theta, seen[known]), others)
        log_p, log_q = (
            logits.log_softmax(-1).where(self.reader.real[others], 0.0)
            for logits in (true, self.reader.masked(out[known], others))
        )
        return float((true.softmax(-1) * (log_p - log_q)).sum(-1).mean())

    def learning_state(self) -> State:
        """Those of `maddpg`, and the models."""
        return super().learning_state() | (self.models.state("model/0") if self.pairs else {})
