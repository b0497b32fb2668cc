"""Scripts of the battle: whom they attack, where they go, and that they play for either team."""

import pytest
import torch

from agents.protocol import Agent, Seating
from agents.scripts.random import Random
from agents.scripts.skirmish import FocusFire, NearestFirst, WeakestFirst
from arenas.skirmish.arena import Skirmish
from arenas.skirmish.orders import FIRST_ATTACK, NO_OP
from zoo.papers import FIGURES, load
from zoo.papers.figure import Part

NORTH, SOUTH, FORWARD, BACK = 2, 3, 4, 5


def fought(arena: Skirmish, players: dict[str, type[Agent]], rows: int) -> dict[str, torch.Tensor]:
    """Share of battles won by seat; every action is legal."""
    from agents.rollout import stack_timesteps

    steps, _ = arena.reset(torch.arange(rows), autoreset=False)
    team = {seat: kind.make(arena.spec, (seat,)) for seat, kind in players.items()}
    memories = {
        seat: agent.begin(Seating(seat, torch.arange(rows), torch.arange(rows))) for seat, agent in team.items()
    }
    told = [steps]
    while not arena._over.all():
        actions = {}
        for seat, agent in team.items():
            actions[seat], memories[seat] = agent.act(steps[seat], memories[seat])
            assert steps[seat].action_mask.gather(1, actions[seat].value.unsqueeze(1)).all()
        steps, _ = arena.step(actions)
        told.append(steps)
    metrics = arena.metrics({seat: stack_timesteps([m[seat] for m in told]) for seat in steps}, {})
    return {seat: of["won"] for seat, of in metrics.items()}


@pytest.mark.parametrize("settings", [{"scenario": "2s3z"}, {"scenario": "5m_vs_6m", "sight": 0, "enemy": 0.5}])
@pytest.mark.parametrize("script", [NearestFirst, WeakestFirst, FocusFire])
def test_scripts_play_legally_and_better_than_random(script, settings):
    arena = Skirmish(64, **{"enemy": 0.8, **settings})
    won = fought(arena, dict.fromkeys(arena.spec.seats, script), 64)
    randomly = fought(arena, dict.fromkeys(arena.spec.seats, Random), 64)
    seat = next(iter(won))
    assert won[seat].mean() > 0.5 > 0.1 > randomly[seat].mean()


@pytest.mark.parametrize("winner", ["blue", "red"])
def test_focus_fire_wins_from_either_side_of_the_map(winner):
    arena = Skirmish(32, scenario="2s3z", opponent="team")
    players = {seat: FocusFire if seat.startswith(winner) else Random for seat in arena.spec.seats}
    assert fought(arena, players, 32)[f"{winner}_zealot_0"].mean() > 0.9


def test_each_attacks_whom_it_says():
    arena = Skirmish(1, scenario="3m")
    script = NearestFirst.make(arena.spec, ("marine_0",))
    foes, allies, _ = script.tables(torch.arange(30.0))
    assert foes[0].tolist() == [4, 5, 6, 7, 8] and foes.shape == (3, 5) and allies.shape == (2, 5)
    seen = torch.ones(4)

    def chosen(script, *rows, ally=(0.0, 0.0, 0.0, 0.0, 0.0)):
        table = torch.tensor(rows + ((0.0,) * 5,) * (3 - len(rows)))
        view = torch.cat((seen, table.flatten(), torch.tensor(ally), torch.zeros(5), torch.ones(1)))
        return int(script.make(arena.spec, ("marine_0",)).choose(view))

    near_whole, far_hurt = (1.0, 0.2, 0.2, 0.0, 1.0), (1.0, 0.6, 0.0, 0.6, 0.4)
    assert chosen(NearestFirst, far_hurt, near_whole) == FIRST_ATTACK + 1
    assert chosen(WeakestFirst, far_hurt, near_whole) == FIRST_ATTACK
    # of two that are whole, the one that is nearer to the team: the ally stands beside the farther one
    near, beside_ally = (1.0, 0.3, 0.3, 0.0, 1.0), (1.0, 0.5, -0.5, 0.0, 1.0)
    assert chosen(FocusFire, near, beside_ally, ally=(1.0, 0.6, -0.6, 0.0, 1.0)) == FIRST_ATTACK + 1
    assert chosen(WeakestFirst, near, beside_ally, ally=(1.0, 0.6, -0.6, 0.0, 1.0)) == FIRST_ATTACK
    # seen but too far to attack: along the longer axis; nobody seen: forward
    for (dx, dy), way in {(0.7, 0.3): FORWARD, (-0.7, 0.3): BACK, (0.3, 0.7): NORTH, (0.3, -0.7): SOUTH}.items():
        assert chosen(FocusFire, (0.0, 0.76, dx, dy, 1.0)) == way
    assert chosen(NearestFirst) == FORWARD
    assert int(script.choose(torch.zeros(30))) == NO_OP


def test_the_table_of_scripts_counts_won_battles():
    figure = load("skirmish-scripts")
    parts = figure.parts(True, 1)
    assert len(parts) == 24 and "skirmish-scripts" in FIGURES
    of_one = [part for part in parts if part.name == "focus-fire, 3m, enemy x 0.9"]
    settings = {**of_one[0].settings, "episodes": 20}
    wins = of_one[0].function(lambda done, total: None, **settings)
    assert wins.keys() == {"nearest", "weakest", "focus", "retreat"}
    assert wins["nearest"] >= 18
    report = figure.assemble([(Part("x", of_one[0].function, settings), wins)], True, 1)
    assert report.rows[0].exact["nearest, %"].startswith(f"{5 * wins['nearest']} [")
    assert report.over.startswith("episodes")
