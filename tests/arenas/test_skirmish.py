"""The battle: who may do what, what it pays, how it ends, who sees and knows what."""

import gc
import itertools
import json
import weakref

import pytest
import torch

from agents.protocol import Seating
from agents.rollout import rollout
from agents.scripts.skirmish import NearestFirst
from arenas.protocol import Action
from arenas.skirmish.arena import Skirmish
from arenas.skirmish.battle import SIZE, Units
from arenas.skirmish.orders import FIRST_ATTACK, NO_OP, STOP
from arenas.skirmish.picture import apart
from arenas.skirmish.units import SCENARIOS, UNITS
from arenas.skirmish.views import ATTACK_RANGE
from leaderboard.statistics.tally import is_head_to_head
from tests.arenas.arena_play import dealt
from zoo.play.blocks import arena_record
from zoo.play.episodes import last_moment
from zoo.play.packing import pack, unpack
from zoo.play.seating import rotations


def begun(rows: int = 1, *, autoreset: bool = True, **settings) -> Skirmish:
    arena = Skirmish(rows, **settings)
    arena.reset(torch.arange(7, 7 + rows), autoreset=autoreset)
    return arena


def placed(arena: Skirmish, units: dict[int, dict[str, object]]):
    """The game with these units where they are put, and all others dead; units are numbered from the first team's on.

    Seats play the units of their own number.
    """
    count = len(arena._army.reach)
    full = arena._army.full.unsqueeze(1)
    place, health = torch.full((1, count, 2), SIZE / 2), torch.zeros(1, count)
    shield, cooldown = torch.zeros(1, count), torch.zeros(1, count)
    for number, what in units.items():
        place[0, number] = torch.tensor(what["at"], dtype=torch.float32)
        health[0, number] = what.get("health", full[0, 0, number])
        shield[0, number] = what.get("shield", full[1, 0, number])
        cooldown[0, number] = what.get("cooldown", 0.0)
    seats = torch.arange(len(arena.spec.seats)).unsqueeze(0)
    arena.restore({**arena.snapshot(), "units": Units(place, health, shield, cooldown), "unit_of": seats})
    return arena._timesteps(torch.zeros(1, 2), arena._over, arena._over)


def told(arena: Skirmish, **actions: int) -> dict[str, Action]:
    """Actions by seat, the rest does nothing."""
    return {seat: Action(torch.tensor([actions.get(seat, NO_OP)])) for seat in arena.spec.seats}


def charge(steps) -> dict[str, Action]:
    """Everybody attacks the first foe that it may, and else goes forward."""
    chosen = {}
    for seat, step in steps.items():
        attacks = step.action_mask[:, FIRST_ATTACK:]
        forward = torch.where(step.action_mask[:, 4], 4, step.action_mask.int().argmax(1))
        chosen[seat] = Action(torch.where(attacks.any(1), FIRST_ATTACK + attacks.int().argmax(1), forward))
    return chosen


@pytest.mark.parametrize("settings", [{"scenario": "2s3z"}, {"scenario": "5m_vs_6m", "sight": 0}, {"scenario": "3m"}])
def test_the_dead_do_nothing_and_the_living_attack_whom_they_see_within_six(settings):
    arena = begun(64, enemy=2.0, **settings)
    reach, n = arena._army.reach, len(arena.spec.seats)
    died = 0
    for t in range(60):
        steps, _ = arena._timesteps(torch.zeros(64, 2), arena._over, arena._over)
        units, alive = arena._units, arena._units.health > 0
        died += int((~alive).sum())
        for (k, seat), row in itertools.product(enumerate(steps), range(0, 64, 7)):
            me, mask = int(arena._unit_of[row, k]), steps[seat].action_mask[row]
            if arena._over[row]:
                assert mask.all()
                continue
            assert bool(mask[NO_OP]) != bool(alive[row, me]) and bool(mask[STOP]) == bool(alive[row, me])
            gap = (units.place[row, n:] - units.place[row, me]).square().sum(1).sqrt()
            seen = min(float(reach[me]) if arena.settings.sight == 0 else arena.settings.sight, ATTACK_RANGE)
            assert torch.equal(mask[FIRST_ATTACK:], (gap <= seen) & alive[row, n:] & alive[row, me])
            x, y = units.place[row, me].tolist()
            free = [y + 0.001 < SIZE, y > 0.001, x + 0.001 < SIZE, x > 0.001]
            assert all(may <= room for may, room in zip(mask[2:6].tolist(), free, strict=True))
        arena.step(charge(steps) if t % 3 else dealt(arena, steps, torch.arange(64), t))
    assert died > 100


@pytest.mark.parametrize(
    ("distance", "seen", "attackable"), [(5.99, 1, True), (6.01, 1, False), (8.99, 1, False), (9.01, 0, False)]
)
def test_a_foe_is_a_target_within_six_and_seen_within_nine(distance, seen, attackable):
    steps = placed(begun(scenario="3m"), {0: {"at": (10, 16)}, 3: {"at": (10 + distance, 16)}})[0]
    first = next(iter(steps.values()))
    assert bool(first.action_mask[0, FIRST_ATTACK]) is attackable
    foe = first.observation[0, 4:9].tolist()
    assert foe == pytest.approx([float(attackable), seen * distance / 9, seen * distance / 9, 0, seen], abs=1e-5)


def test_a_marine_shoots_again_after_61_hundredths_of_a_second():
    arena = begun(scenario="3m", autoreset=False)
    placed(arena, {0: {"at": (10, 16)}, 3: {"at": (14, 16), "cooldown": 100.0}})
    health, waits = [], []
    for _ in range(6):
        arena.step(told(arena, **{next(iter(arena.spec.seats)): FIRST_ATTACK}))
        health.append(float(arena._units.health[0, 3]))
        waits.append(float(arena._units.cooldown[0, 0]))
    # steps are half a second long, and what is left of a wait is carried over
    assert health == [39, 33, 27, 21, 15, 15]  # its shots are due at 0, .61, 1.22, 1.83, 2.44, 3.05 s
    assert waits == pytest.approx([0.11, 0.22, 0.33, 0.44, 0.55, 0.05], abs=1e-5)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_best_return_is_twenty(scenario):
    arena = Skirmish(32, scenario=scenario, enemy=0, limit=200)
    steps, _ = arena.reset(torch.arange(32), autoreset=False)
    total = torch.zeros(32)
    while not arena._over.all():
        steps, _ = arena.step(charge(steps))
        total += next(iter(steps.values())).reward
    assert torch.allclose(total, torch.full((32,), 20.0), atol=1e-4)
    assert all((step.reward == next(iter(steps.values())).reward).all() for step in steps.values())


def test_shields_never_come_back_so_that_nobody_is_paid_for_them():
    arena = begun(32, scenario="2s3z", enemy=0.1)
    steps, _ = arena.reset(torch.arange(32), autoreset=False)
    earned = torch.zeros(32)
    for t in range(120):
        before = arena._units
        steps, _ = arena.step(charge(steps) if t % 8 < 4 else dealt(arena, steps, torch.arange(32), t))
        assert (arena._units.shield <= before.shield).all() and (arena._units.health <= before.health).all()
        earned += next(iter(steps.values())).reward
        assert (next(iter(steps.values())).reward >= 0).all()
    assert earned.max() <= 20 + 1e-4


def test_two_marines_shoot_by_the_clock_and_die_together():
    """Cooldown .61 at .5 a step: shots in steps 1 to 5 and 7 to 9 of 6 points each, and 45 are gone with the eighth."""
    arena = begun(scenario="3m")
    placed(arena, {0: {"at": (5, 8)}, 3: {"at": (9, 8)}})
    scale, left = 20 / (3 * 45 + 3 * 10 + 200), 45.0
    for t in range(1, 10):
        steps, _ = arena.step(told(arena, marine_0=FIRST_ATTACK))
        hit = 0.0 if t == 6 else min(6.0, left)
        left -= hit
        assert arena._units.health[0, [0, 3]].tolist() == pytest.approx([left, left])
        assert float(steps["marine_1"].reward) == pytest.approx(scale * (hit + 10 * (t == 9)), abs=1e-6)
    assert bool(steps["marine_0"].last) and float(steps["marine_0"].discount) == 0  # both dead: nobody has won


def test_damage_takes_the_shield_first_and_armour_saves_health_alone():
    arena = begun(scenario="2s3z", opponent="nearest")
    # foe 7 is a zealot (2 x 8) beside a stalker of ours with 5 points of shield and armour 1
    placed(arena, {0: {"at": (5, 8), "shield": 5.0}, 7: {"at": (6, 8), "cooldown": 0.4}})
    arena.step(told(arena, stalker_0=FIRST_ATTACK + 2))
    assert arena._units.shield[0, 0] == 0
    assert float(arena._units.health[0, 0]) == pytest.approx(80 - 2 * 7 * (16 - 5) / 16)
    assert float(arena._units.cooldown[0, 7]) == pytest.approx(0.4 + 0.86 - 0.5)
    assert float(arena._units.shield[0, 7]) == pytest.approx(
        50 - 13
    )  # a zealot is not armoured, its shield has no armour
    stalkers = begun(scenario="2s3z")
    placed(stalkers, {0: {"at": (5, 8)}, 5: {"at": (6, 8), "shield": 0.0, "cooldown": 2.0}})
    stalkers.step(told(stalkers, stalker_0=FIRST_ATTACK))
    assert float(stalkers._units.health[0, 5]) == pytest.approx(80 - (13 + 5 - 1))


def test_who_is_too_far_walks_to_where_its_weapon_reaches_and_no_further():
    arena = begun(scenario="3m", enemy=0)
    placed(arena, {0: {"at": (4, 8)}, 3: {"at": (9.5, 8), "cooldown": 9.0}})
    arena.step(told(arena, marine_0=FIRST_ATTACK))
    assert arena._units.place[0, 0].tolist() == pytest.approx([4.5, 8])
    assert arena._units.health[0, 3] == 45  # it walked
    placed(arena, {0: {"at": (2, 8)}, 3: {"at": (14, 8)}})
    arena.step(told(arena, marine_0=4))
    assert arena._units.place[0, [0, 3], 0].tolist() == pytest.approx([2 + 3.15 / 2, 14 - 3.15 / 2])


def test_the_thesis_is_paid_for_damage_less_half_of_what_is_taken_and_for_what_is_left():
    arena = begun(scenario="3m", reward="thesis", enemy=0.5)
    placed(arena, {0: {"at": (5, 8), "health": 40.0}, 1: {"at": (5, 9)}, 3: {"at": (8, 8), "health": 10.0}})
    steps, _ = arena.step(told(arena, marine_0=FIRST_ATTACK))
    assert float(steps["marine_2"].reward) == pytest.approx(6 - 0.5 * 3)
    steps, _ = arena.step(told(arena, marine_0=FIRST_ATTACK))
    # 4 points were left of the foe; it shot once more before it died: 34 and 45 points are left of ours
    assert float(steps["marine_2"].reward) == pytest.approx(4 + 10 + 200 + (34 + 45) - 0.5 * 3)
    assert bool(steps["marine_2"].last) and float(steps["marine_2"].discount) == 0
    assert arena.spec.forfeit == -0.5 * 3 * 45


def test_a_cut_by_time_is_last_with_discount_1_and_a_dead_team_with_0():
    arena = begun(4, scenario="3m", limit=3)
    for t in range(1, 4):
        steps, _ = arena.step({seat: Action(torch.full((4,), STOP)) for seat in arena.spec.seats})
        assert (steps["marine_0"].last == (t == 3)).all() and (steps["marine_0"].discount == 1).all()
    lost = begun(scenario="3m", opponent="nearest")
    placed(lost, {0: {"at": (5, 8), "health": 5.0}, 3: {"at": (8, 8)}})
    steps, _ = lost.step(told(lost, marine_0=STOP))
    assert bool(steps["marine_0"].last) and float(steps["marine_0"].discount) == 0
    assert float(steps["marine_0"].reward) == 0
    assert not steps["marine_0"].observation.any()


def test_won_counts_the_episodes_that_end_and_says_nothing_where_none_does():
    arena = Skirmish(64, scenario="3m")
    steps, _ = arena.reset(torch.arange(64))
    told_of, wins, ends = [steps], torch.zeros(64), torch.zeros(64)
    for _ in range(100):
        steps, _ = arena.step(charge(steps))
        told_of.append(steps)
        own, foes = (arena._units.health[:, part] > 0 for part in (slice(0, 3), slice(3, 6)))
        ends += arena._over
        wins += arena._over & own.any(1) & ~foes.any(1)
    stacked = _stacked(told_of)
    won = arena.metrics(stacked, {})["marine_1"]["won"]
    assert torch.equal(won, wins / ends)
    assert 0.05 < won.mean() < 0.95
    early = {seat: step.each(lambda leaf: leaf[:3]) for seat, step in stacked.items()}
    assert arena.metrics(early, {})["marine_1"]["won"].isnan().all()


def _stacked(moments):
    from agents.rollout import stack_timesteps

    return {seat: stack_timesteps([moment[seat] for moment in moments]) for seat in moments[0]}


@pytest.mark.parametrize("settings", [{"scenario": "2s3z"}, {"scenario": "5m_vs_6m", "sight": 4}, {"opponent": "team"}])
def test_common_knowledge_is_what_either_member_works_out_from_its_own_view(settings):
    arena = begun(48, **settings)
    met, apart = 0, 0
    for t in range(24):
        steps, _ = arena._timesteps(torch.zeros(48, 2), arena._over, arena._over)
        for group, (one, two) in pairs_of(arena):
            common = steps[one].common[group]
            assert torch.equal(common, steps[two].common[group])
            known = common[:, 1 + 2 * arena.spec.seats[one].actions :]
            for row in range(0, 48, 9):
                for first in (True, False):
                    mine = _worked_out(arena, steps, row, one, two, first)
                    assert torch.allclose(mine, known[row], atol=1e-4), (group, row, first)
                met += int((known[row] != -1).any())
                apart += int((known[row] == -1).all())
        arena.step(charge(steps) if t % 4 else dealt(arena, steps, torch.arange(48), t))
    assert met > 30 and apart > 30


def pairs_of(arena: Skirmish) -> list[tuple[str, tuple[str, ...]]]:
    return [(group, members) for group, members in arena.spec.groups.items() if len(members) == 2]


@pytest.mark.parametrize("settings", [{"scenario": "2s3z", "sight": 0}, {"scenario": "3m", "opponent": "team"}])
def test_who_meet_know_in_common_what_they_may_do_but_for_foes_that_not_all_see(settings):
    arena = begun(48, **settings)
    seats, met = arena.spec.seats, 0
    for t in range(20):
        steps, _ = arena._timesteps(torch.zeros(48, 2), arena._over, arena._over)
        for group, members in arena.spec.groups.items():
            common = steps[members[0]].common[group]
            assert common.shape == (48, arena.spec.known[group])
            width = seats[members[0]].actions
            legal = common[:, 1 : 1 + len(members) * width].view(48, len(members), width) > 0
            masks = torch.stack([steps[member].action_mask for member in members], dim=1)
            meet = common[:, 0] > 0
            told = common[:, 1 + len(members) * width :].view(48, -1, 4 * len(members))
            seen = told[:, : width - FIRST_ATTACK, 0] > 0
            masks[..., FIRST_ATTACK:] &= seen.unsqueeze(1)
            on = ~arena._over
            assert torch.equal(legal[on], (masks & meet[:, None, None])[on])
            met += int((meet & (legal.sum((1, 2)) < masks.flatten(1).shape[1])).sum())
        arena.step(charge(steps) if t % 4 else dealt(arena, steps, torch.arange(48), t))
    assert met > 100


def test_a_seat_is_told_what_its_own_groups_know():
    arena = begun(2, scenario="3m")
    steps, _ = arena._timesteps(torch.zeros(2, 2), arena._over, arena._over)
    assert [*steps["marine_0"].common] == ["marine_0+marine_1", "marine_0+marine_2", "blue"]
    with pytest.raises(KeyError):
        steps["marine_0"].common["marine_1+marine_2"]


def _worked_out(arena: Skirmish, steps, row: int, one: str, two: str, by_first: bool) -> torch.Tensor:
    """What a pair knows in common as one of the two finds it: from its own observation and the rules alone."""
    spec = arena.spec
    team = [seat for seat in spec.seats if spec.seats[seat].team == spec.seats[one].team]
    side = 0 if spec.seats[one].team == "blue" else 1
    eyes = arena._eyes[side]
    unit = {seat: int(arena._unit_of[row, k]) - eyes.us.start for k, seat in enumerate(spec.seats) if seat in team}
    a, b = unit[one], unit[two]
    me, other = (a, b) if by_first else (b, a)
    seen = steps[one if by_first else two].observation[row]
    ranges = eyes._range
    foes, allies, _ = NearestFirst.make(spec, (one,)).tables(seen)
    numbers = [k for k in range(len(team)) if k != me]
    partner = allies[numbers.index(other)]
    third = [k for k in range(len(team)) if k not in (a, b)]
    things = [*foes, *(allies[numbers.index(k)] for k in third)]
    parts = []
    away = partner[1:4] * ranges[me]
    meet = bool(partner[0]) and float(away[0]) <= float(ranges[other]) + 1e-5
    for thing in things:
        gap = thing[2:4] * ranges[me]
        from_other = gap - away[1:]
        far = from_other.square().sum().sqrt()
        common = meet and bool(thing[1:].any()) and float(far) <= float(ranges[other])
        views = {
            me: torch.cat((torch.ones(1), thing[1:4])),
            other: torch.cat((torch.ones(1), far.view(1) / ranges[other], from_other / ranges[other])),
        }
        parts.append(torch.cat((views[a], views[b])) if common else torch.full((8,), -1.0))
    return torch.cat(parts)


def test_seats_that_change_units_and_actions_play_the_same_battle():
    one, other = (begun(16, autoreset=False, scenario="2s3z") for _ in range(2))
    swapped = other._unit_of.clone()
    swapped[:, [2, 3]] = swapped[:, [3, 2]]
    other.restore({**other.snapshot(), "unit_of": swapped})
    name = {"zealot_0": "zealot_1", "zealot_1": "zealot_0"}
    steps, _ = one._timesteps(torch.zeros(16, 2), one._over, one._over)
    for t in range(30):
        actions = dealt(one, steps, torch.arange(16), t) if t % 3 else charge(steps)
        steps, state = one.step(actions)
        others, its = other.step({name.get(seat, seat): action for seat, action in actions.items()})
        for seat, step in steps.items():
            its_step = others[name.get(seat, seat)]
            assert torch.equal(step.observation, its_step.observation)
            assert torch.equal(step.action_mask, its_step.action_mask)
            assert torch.equal(step.reward, its_step.reward)
        table, its_table = (s[:, :-1].view(16, 10, 6) for s in (state, its))
        assert torch.equal(table[:, [0, 1, 3, 2, *range(4, 10)]], its_table)  # the state lists units by their seats


def test_units_are_dealt_within_their_type_and_anew_every_episode():
    arena = begun(512, scenario="2s3z", limit=1)
    first = arena._unit_of
    assert (first[:, :2] < 2).all() and (first[:, 2:] >= 2).all()
    assert first.sort(1).values.equal(torch.arange(5).expand(512, -1))
    for zealot in range(2, 5):
        share = torch.stack([(first[:, zealot] == k).float().mean() for k in range(2, 5)])
        assert (share - 1 / 3).abs().max() < 0.09
    stop = {seat: Action(torch.full((512,), STOP)) for seat in arena.spec.seats}
    arena.step(stop)
    arena.step(stop)
    assert not torch.equal(first, arena._unit_of)


def test_both_teams_see_the_same_in_a_mirror():
    arena = begun(scenario="2s3z", opponent="team")
    draw = torch.Generator().manual_seed(1)
    place = {k: (torch.rand(2, generator=draw) * 10 + 1).tolist() for k in range(5)}
    units = {k: {"at": at, "health": 20.0 + k} for k, at in place.items()}
    units |= {5 + k: {"at": (SIZE - x, y), "health": 20.0 + k} for k, (x, y) in place.items()}
    steps, _ = placed(arena, units)
    for k, seat in enumerate(arena.spec.seats):
        if k < 5:
            mirrored = steps[seat.replace("blue", "red")]
            assert torch.allclose(steps[seat].observation, mirrored.observation, atol=1e-6)
            assert torch.equal(steps[seat].action_mask, mirrored.action_mask)


def test_the_two_teams_may_be_played_and_the_winner_earns_more():
    arena = begun(64, scenario="3m", opponent="team")
    steps, _ = arena.reset(torch.arange(64), autoreset=False)
    assert arena.spec.kind == "competitive"
    assert [len(role) for role in arena.spec.roles()] == [3, 3]
    earned = torch.zeros(64, 2)
    moments = [steps]
    while not arena._over.all():
        red = dealt(arena, steps, torch.arange(64), arena._t.max().item())
        steps, _ = arena.step({s: a if s.startswith("blue") else red[s] for s, a in charge(steps).items()})
        earned += torch.stack([steps["blue_marine_0"].reward, steps["red_marine_0"].reward], dim=1)
        moments.append(steps)
    metrics = arena.metrics(_stacked(moments), {})
    blue, red = (metrics[f"{team}_marine_2"]["won"] for team in ("blue", "red"))
    assert blue.mean() > 0.9 and ((blue + red) <= 1).all()
    assert (earned[:, 0] > earned[:, 1])[blue == 1].all()
    assert torch.allclose(earned[:, 0][blue == 1], torch.tensor(20.0), atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scenario": "nope"}, "scenario must be one of 3m, 5m"),
        ({"opponent": "team", "scenario": "5m_vs_6m"}, "choose one of 3m, 5m, 8m, 2s3z"),
        ({"opponent": "team", "enemy": 0.9}, "it must be 1"),
        ({"sight": -1.0}, "sight must be at least 0"),
        ({"limit": -1}, "limit must be at least 0"),
        ({"enemy": -0.5}, "enemy must be in .0, 1e.06."),
        ({"reward": "both"}, "reward must be one of positive, thesis"),
    ],
)
def test_settings_that_make_no_battle_are_refused_in_one_line(settings, said):
    with pytest.raises(ValueError, match=said) as refusal:
        Skirmish(1, **settings)
    assert "\n" not in str(refusal.value) and "skirmish-v1" in str(refusal.value)


def test_scripts_do_what_their_names_say():
    far = {"at": (13, 8), "cooldown": 9.0}
    for opponent, wounded in (("nearest", 0), ("weakest", 1), ("focus", 1)):
        arena = begun(scenario="3m", opponent=opponent)
        placed(arena, {0: {"at": (11, 8)}, 1: {"at": (9.5, 8), "health": 20.0}, 3: {**far, "cooldown": 0.0}})
        before = arena._units.health
        arena.step(told(arena))
        assert ((arena._units.health < before).nonzero()[:, 1] == wounded).all(), opponent
    arena = begun(scenario="3m", opponent="retreat")
    placed(arena, {0: {"at": (10, 8)}, 3: {**far, "health": 10.0}})
    arena.step(told(arena))
    assert arena._units.place[0, 3].tolist() == pytest.approx([13 + 3.15 / 2, 8])


def test_every_unit_is_stated_and_every_scenario_has_units():
    for name, scenario in SCENARIOS.items():
        assert {*scenario.own, *scenario.foes} <= UNITS.keys() and scenario.limit > 0, name
        assert Skirmish(1, scenario=name).spec.max_steps == scenario.limit


def test_text_and_picture_show_who_shoots_at_whom():
    arena = begun(scenario="2s3z")
    placed(arena, {0: {"at": (5, 8)}, 5: {"at": (8, 8)}, 7: {"at": (13, 8)}})
    still = arena.render(mode="rgb_array")
    assert still.shape == (440, 416, 3) and "shoots" not in arena.render()
    arena.step(told(arena, stalker_0=FIRST_ATTACK))
    blue, red, zealot = (line for line in arena.render().splitlines()[1:] if "dead" not in line)
    assert blue.endswith("shoots at S0") and red.endswith("shoots at S0") and zealot.endswith("goes for S0")
    assert (arena.render(mode="rgb_array") != still).any(2).sum() > 100
    arena.reset(torch.tensor([1]))
    assert "shoots" not in arena.render()


def test_units_that_stand_on_one_another_are_drawn_side_by_side():
    arena = begun(scenario="3m")
    placed(arena, {0: {"at": (5, 8)}, 1: {"at": (5, 8)}, 2: {"at": (0, 16)}, 3: {"at": (11, 8)}})
    one, two, corner, alone, *dead = apart(arena._moment(0))
    assert one[0] == two[0] == pytest.approx(5) and sorted([one[1], two[1]]) == pytest.approx([7.425, 8.575])
    assert 0 < corner[0] < 1 and 15 < corner[1] < 16  # wholly on the map
    assert alone == pytest.approx((11, 8))
    assert dead == [tuple(place) for place in arena._units.place[0, 4:].tolist()]


def test_two_teams_are_seated_and_rated_as_teams() -> None:
    spec = Skirmish(2, scenario="2s3z", opponent="team").spec
    blue, red = (tuple(seat for seat in spec.seats if seat.startswith(team)) for team in ("blue", "red"))
    assert spec.roles() == (blue, red)
    assert spec.mirrors() == tuple(zip(blue, red, strict=True))
    assert rotations(spec) == [
        dict.fromkeys(blue, 0) | dict.fromkeys(red, 1),
        dict.fromkeys(blue, 1) | dict.fromkeys(red, 0),
    ]
    assert is_head_to_head(arena_record(spec, "skirmish"))
    assert Skirmish(2, scenario="2s3z").spec.mirrors() == ()


def test_segments_do_not_hold_on_to_those_before() -> None:
    arena = Skirmish(4, scenario="3m")
    players = {seat: NearestFirst.make(arena.spec, (seat,)) for seat in arena.spec.seats}
    memories = {seat: player.begin(Seating(seat, torch.arange(4), torch.arange(4))) for seat, player in players.items()}
    steps, state = arena.reset(torch.arange(4))
    opening = weakref.ref(next(iter(steps.values())).common)
    for _ in range(2):
        joint, memories = rollout(arena, players, memories, steps, 3, state)
        steps, state = last_moment(joint)
    del joint
    gc.collect()
    assert opening() is None
    for seat, step in steps.items():
        assert set(step.common) == {group for group, members in arena.spec.groups.items() if seat in members}


def test_a_battle_that_was_stored_goes_on_the_same() -> None:
    arena = begun(8, scenario="2s3z")
    steps, _ = arena.step({seat: Action(torch.full((8,), STOP)) for seat in arena.spec.seats})
    tensors, tree = pack(arena.snapshot())
    other = Skirmish(8, scenario="2s3z")
    other.restore(unpack(json.loads(json.dumps(tree)), tensors))
    for _ in range(20):
        (steps, state), (others, its) = arena.step(charge(steps)), other.step(charge(steps))
        assert torch.equal(state, its)
        assert all(torch.equal(steps[seat].reward, others[seat].reward) for seat in steps)
