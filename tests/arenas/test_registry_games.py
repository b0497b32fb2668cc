"""All environments of PettingZoo's registry, of mpe2 and of MAgent2 play to their end, as in PettingZoo's own loop."""

import importlib
import importlib.util
import re

import numpy as np
import pettingzoo
import pytest
import torch

from arenas.foreign.arena import Foreign
from arenas.foreign.copies import maker
from arenas.foreign.spaces import environment_action
from tests.arenas.arena_play import dealt
from tests.arenas.odd_games import official

pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages behind them

#: What a group of environments needs beside PettingZoo.
NEEDS = {
    "classic": ("chess", "rlcard", "shimmy", "pygame"),
    "butterfly": ("pymunk", "pygame"),
    "sisl": ("Box2D", "pymunk", "pygame"),
    "mpe2": ("mpe2", "pygame"),
    "magent2": ("magent2", "pygame"),
}
#: Shorter games of those that are long or draw pictures; an environment ends itself after so many cycles.
SHORTER = {"pistonball": 3, "cooperative_pong": 10, "pursuit": 30, "multiwalker": 60, "knights": 150}
MAGENT = ["adversarial_pursuit_v4", "battle_v4", "battlefield_v5", "combined_arms_v6", "gather_v5", "tiger_deer_v4"]
NAMES = [f"pettingzoo:{name}" for name in sorted(pettingzoo.aec_registry) if not name.startswith("atari/")]
NAMES += [f"mpe2:{name}" for name in (
    "simple_v3", "simple_adversary_v3", "simple_crypto_v3", "simple_push_v3", "simple_reference_v3",
    "simple_speaker_listener_v4", "simple_spread_v3", "simple_tag_v3", "simple_world_comm_v3",
)]  # fmt: skip
NAMES += [f"magent2:{name}" for name in MAGENT]
#: These take seconds.
LONG = ("pistonball", "pursuit", "chess", "go-v", "knights", "multiwalker", "magent2")


def group_of(name: str) -> str:
    scheme, _, rest = name.partition(":")
    return rest.partition("/")[0] if scheme == "pettingzoo" else scheme


def made(name: str, monkeypatch: pytest.MonkeyPatch):
    """What makes the environment, and the arguments that keep its games short."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    for module in NEEDS[group_of(name)]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if name.startswith("magent2:"):
        make = importlib.import_module(f"magent2.environments.{name.partition(':')[2]}").parallel_env
        small = {} if "gather" in name else {"map_size": 46 if "battlefield" in name else 16}
        return make, make, {"max_cycles": 12, **small}
    cycles = next((cycles for word, cycles in SHORTER.items() if word in name), None)
    return name, maker(name)[2], {} if cycles is None else {"max_cycles": cycles}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if any(w in n for w in LONG) else []) for n in NAMES]
)
def test_a_game_of_the_registry_is_what_the_official_loop_sees(name, monkeypatch):
    env, make, arguments = made(name, monkeypatch)
    arena = Foreign(1, env=env, **arguments)
    seed = torch.tensor([41])
    steps, _ = arena.reset(seed, autoreset=False)
    totals = dict.fromkeys(arena.spec.seats, 0.0)
    done = []
    while not next(iter(steps.values())).last[0]:
        actions = dealt(arena, steps, seed, len(done))
        done.append({seat: actions[seat].value[0].numpy() if step.active[0] else None for seat, step in steps.items()})
        steps, _ = arena.step(actions)
        for seat in totals:
            totals[seat] += float(steps[seat].reward[0])
    assert arena.metrics({s: _stacked(len(done), step) for s, step in steps.items()}, {})[seat]["cut"][0] == 0

    def act(raw, agent, value):
        space = raw.action_space(agent)
        idle = np.zeros(() if arena.spec.seats[str(agent)].actions else space.shape)
        return environment_action(space, idle if value is None else value)

    with monkeypatch.context():
        raw = make(**arguments)
        expected, turns = official(raw, 41, lambda agent, t: done[t][agent], act)
        raw.close()
    arena.close()
    assert turns == len(done)
    assert totals == pytest.approx(expected, rel=1e-4, abs=1e-4)


def _stacked(length, step):
    """A segment of that length that ends as the last step says."""
    last = torch.zeros(length + 1, 1, dtype=torch.bool)
    last[-1] = step.last
    return step._replace(last=last)


def test_the_whole_registry_is_tried():
    known = {re.sub(r"_v(\d+)$", r"-v\1", name.partition(":")[2]) for name in NAMES if name.startswith("pettingzoo:")}
    assert known == {name for name in pettingzoo.aec_registry if not name.startswith("atari/")}
