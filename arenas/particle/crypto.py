"""Covert communication, `simple_crypto_v3` of mpe2: Alice tells Bob a secret, and Eve listens in.

Nobody moves; all say one of four symbols. The goal and the key are each one of two one-hot vectors of four. Alice sees
goal and key (8 numbers), Bob the key and what Alice said last (8), Eve only what Alice said (4); before the first step
that is zeros. With c what somebody said, each step pays

    Eve:           -|c_Eve - goal|^2
    Bob and Alice: +|c_Eve - goal|^2 - |c_Bob - goal|^2

where a term is 0 if the vector said is zero, which only continuous actions can make it. A wrong symbol costs 2. Since
only two of the four symbols are ever the goal, a guess between them is right half of the time. What is paid is the
same with physics=openai.

Per seat and episode of 25 steps of random play Eve earns about -38, Bob and Alice 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.faces import faces
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles
from arenas.protocol import Action, TimeStep

_SYMBOLS = 4
_GOALS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # colours of the two landmarks that stand for the goals


class Crypto(Particles):
    """Covert communication: Alice tells Bob a message that Eve must not understand."""

    name = "crypto-v1"

    def _scene(self) -> Scene:
        return Scene(
            kind="competitive",
            players=(
                Player(colour=(0.75, 0.25, 0.25), name="eve_0", team="eve", thrust=0.0, talks=True),
                Player(name="bob_0", team="friends", thrust=0.0, talks=True),
                Player(name="alice_0", team="friends", thrust=0.0, talks=True),
            ),
            landmarks=tuple(Body(colour=colour) for colour in _GOALS),
            goals=(2, 2),
            goal_colours={1: (0, _GOALS)},
            symbols=_SYMBOLS,
            draw_band=0.4,
            forfeit=-8.0,
        )

    def _deal(self) -> None:
        self._constants = one_hot(self._goals, _SYMBOLS).double().transpose(1, 2).flatten(0, 1)

    def _columns(self) -> list[list[int]]:
        goal, key = ([self._extra(first + k) for k in range(_SYMBOLS)] for first in (0, _SYMBOLS))
        heard = self._heard(2)
        return [heard, key + heard, goal + key]

    def _pay(self) -> Tensor:
        goal = one_hot(self._goals[0], _SYMBOLS).t().unsqueeze(1)
        said = self._said[:, :2]  # by Eve and by Bob, [4, 2, B]
        eve, bob = ((said - goal).square().sum(0) * (said != 0).any(0)).unbind()
        return torch.stack((-eve, eve - bob, eve - bob))

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Bob's and Eve's `accuracy`: the share of symbols said that are the goal's.

        Only steps after Alice has spoken count, so from the second on; under continuous actions the largest number is
        the symbol. A guess between the two goals is right in half of the steps.
        """
        alice = steps["alice_0"]
        goal = alice.observation[:-1, :, :_SYMBOLS].argmax(-1)
        heard = alice.active[:-1] & ~alice.first[:-1]
        measured: dict[str, dict[str, Tensor]] = {seat: {} for seat in self.spec.seats}
        for seat in ("eve_0", "bob_0"):
            said = actions[seat].value.argmax(-1) if self.continuous else actions[seat].value
            measured[seat] = {"accuracy": ((said == goal) & heard).sum(0) / heard.sum(0)}
        return measured


env, parallel_env = faces(Crypto)
