"""The words by which arenas say what they offer, and agents what they need."""

from __future__ import annotations

from collections.abc import Mapping

#: Every word that an arena may offer and an agent may need, with its meaning. Arenas of one family add the family's
#: name, so that scripted agents can ask for exactly the game that they know.
WORDS: Mapping[str, str] = {
    "discrete": "every seat chooses one of A actions",
    "continuous": "every seat chooses a vector of D numbers in [-1, 1]",
    "channel": "seats may send messages of a few bits",
    "common": "groups of seats share common knowledge",
    "hands": "cards are hidden from some seats, and what is public of them is told (`arenas.hands`)",
    "symmetries": "renamings that leave the game what it is are told (`arenas.symmetries`)",
    "state": "the global state is shown to learners",
    "simulator": "a twin of the game may be rolled out in imagination",
    "value": "the exact, differentiable value of memoryless policies is known",
    "joint": "learners see what the other seats saw and did (--sight actions or policies)",
    "team-reward": "the seats of one team are paid alike, though the arena is not cooperative",
    "policies": "learners see the other seats' policies (--sight policies)",
    "matrix": "an iterated two-player matrix game whose observation is the last joint action",
    "one-hot": "a seat sees the number of its state, as a vector with a single 1",
    "skirmish": "a battle of two teams of units; observations and actions are laid out as SMAC's",
    "switch": "the switch riddle: a seat sees whether it is inside, and tells or does not",
    "two-card": "the two-card game: a seat sees its card, whether the first has acted, and what it did",
    "trade-comm": "the trading game: a seat sees its item and the step, and asks for the other's item",
    "digits": "two seats see a handwritten digit each, as a picture whose channels are colours",
    "hanabi": "Hanabi; observations and actions are laid out as the Hanabi Learning Environment's",
    "coin": "a coin game: channels (own agent, other agent, own coin, other coin) on a torus",
    "particle": "a particle world: observations and actions are those of mpe2's scenario of that name",
    "spread": "the particle world of cooperative navigation",
    "tag": "the particle world of predator and prey",
    "adversary": "the particle world of physical deception",
    "push": "the particle world of keep-away",
    "speaker-listener": "the particle world of cooperative communication",
    "reference": "the particle world where each of two names the other's goal",
    "crypto": "the particle world of covert communication",
    "world-comm": "the particle world of predators with a leader, prey, food and forests",
}
