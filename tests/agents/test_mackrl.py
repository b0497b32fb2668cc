"""MACKRL: the marginal probability against enumeration, play from one's own view alone, and what pairs may do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.mackrl import Mackrl, MackrlConfig, TeamBatch
from agents.parts.pairs import DELEGATE, SeatPair, may, pairs_of, partitions
from agents.parts.segments import together
from agents.protocol import JointTrajectory, Seating, Trajectory
from agents.randomness import dealt_bits, derive_rows, fraction, generator
from agents.rollout import rollout, stack_actions, stack_timesteps
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep, moment
from zoo.entry.registry import load_arena
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.play.table import Table
from zoo.training.plan import Plan, set_up

COPIES = 20_000


def made_up(count: int, widths: tuple[int, ...] = (2, 3, 2, 2)) -> ArenaSpec:
    """One team of `count` seats whose pairs, and the whole of it, know one number in common."""
    seats = {f"seat_{n}": SeatSpec((3,), widths[n], team="team", side=f"{widths[n]}") for n in range(count)}
    pairs = {"+".join(pair): pair for pair in itertools.combinations(seats, 2)}
    groups: dict[str, tuple[str, ...]] = pairs | ({"all": tuple(seats)} if count > 2 else {})
    known = {group: 2 + sum(seats[member].actions for member in members) for group, members in groups.items()}
    offers = frozenset({"discrete", "common", "state"})
    return ArenaSpec("made-up-v1", seats, "cooperative", 4, 0.9, offers, groups=groups, known=known, state_dim=2)


def told(spec: ArenaSpec, group: str, copies: int, anything: float = 1.0) -> Tensor:
    """A group that may do everything, and knows one number, the same in all copies."""
    known = torch.ones(copies, spec.known[group])
    known[:, 0] = anything
    known[:, -1] = 0.3 * len(group)
    return known


def seen(spec: ArenaSpec, copies: int, anything: float = 1.0) -> dict[str, TimeStep]:
    """A moment within an episode, the same in all copies but for what seats see by themselves."""
    return {
        seat: moment(torch.full((copies, 3), 0.1 * n), rules.actions)._replace(
            common={g: told(spec, g, copies, anything) for g, members in spec.groups.items() if seat in members}
        )
        for n, (seat, rules) in enumerate(spec.seats.items())
    }


def shaken(agent: Mackrl, size: float = 1.0, seed: int = 5) -> Mackrl:
    """The agent with random networks, far from uniform play."""
    luck = generator(seed)
    for p in agent.every.values():
        p.copy_(size * torch.randn(p.shape, generator=luck))
    return agent


def agent_of(spec: ArenaSpec, seats: tuple[str, ...] = (), **config: object) -> Mackrl:
    return Mackrl.make(spec, seats or tuple(spec.seats), MackrlConfig(play="sample", hidden=8, **config))  # type: ignore[arg-type]


def lesson_of(agent: Mackrl, steps: Mapping[str, TimeStep], actions: Mapping[str, Tensor]) -> TeamBatch:
    """A batch of one moment, in which the seats did `actions`."""
    seats = {
        s: Trajectory(stack_timesteps([step, step]), stack_actions([Action(actions[s])])) for s, step in steps.items()
    }
    joint = JointTrajectory(seats, torch.zeros(2, len(next(iter(actions.values()))), 2))
    return agent.lesson(joint, together(joint, agent.seats))


def chance_of_each(agent: Mackrl, anything: float = 1.0) -> tuple[list[tuple[int, ...]], Tensor]:
    """All joint actions of the agent's seats and their P(u)."""
    spec = agent.spec
    joint = list(itertools.product(*(range(spec.seats[seat].actions) for seat in agent.seats)))
    moves = dict(zip(agent.seats, torch.tensor(joint).unbind(1), strict=True))
    strangers = {seat: torch.zeros(len(joint), dtype=torch.long) for seat in spec.seats if seat not in moves}
    lesson = lesson_of(agent, seen(spec, len(joint), anything), moves | strangers)
    chances, _, _ = agent.chances(agent.every, lesson)
    return joint, chances[0, 0].exp()


def levels(agent: Mackrl) -> tuple[Tensor, dict[tuple[int, int], Tensor], list[Tensor]]:
    """Probabilities of partitions, of each pair's choices, and of each seat's own actions, at the made-up moment."""
    steps = seen(agent.spec, 1)
    names = list(agent.spec.seats)

    def net(level: str, number: int, x: Tensor, wide: int) -> Tensor:
        of = agent.levels[level].of(number)
        one = (x @ of["w0"][0] + of["b0"][0]).relu()
        two = (one @ of["w1"][0] + of["b1"][0]).relu()
        return (two @ of["w2"][0] + of["b2"][0])[0, :wide].softmax(0)

    own = [net("own", n, steps[s].observation, agent.spec.seats[s].actions) for n, s in enumerate(names)]
    pairs = {}
    for n, pair in enumerate(agent.pairs):
        wide = 1 + pair.actions[0] * pair.actions[1]
        pairs[pair.one, pair.two] = net("pairs", n, told(agent.spec, pair.group, 1), wide)
    team = agent.teams[0]
    known = told(agent.spec, team.group, 1) if team.group else torch.zeros(1, 1)
    return net("teams", 0, known, len(team.pair_of)), pairs, own


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_marginal_is_the_sum_over_all_paths_and_all_of_it_is_one(count: int) -> None:
    agent = shaken(agent_of(made_up(count)))
    joint, chance = chance_of_each(agent)
    assert float(chance.sum()) == pytest.approx(1, abs=1e-5)
    lots, pairs, own = levels(agent)
    widths = [spec.actions for spec in agent.spec.seats.values()]
    for actions, found in zip(joint, chance.tolist(), strict=True):
        total = 0.0
        for lot, partition in zip(lots.tolist(), partitions(count), strict=True):
            # every path: each block of two either acts as one or delegates
            twos = [block for block in partition if len(block) == 2]
            for delegates in itertools.product((False, True), repeat=len(twos)):
                path = lot
                for block, leaves_it in zip(twos, delegates, strict=True):
                    a, b = block
                    if leaves_it:
                        path *= float(pairs[a, b][DELEGATE]) * float(own[a][actions[a]]) * float(own[b][actions[b]])
                    else:
                        path *= float(pairs[a, b][1 + actions[a] * widths[b] + actions[b]])
                for (alone,) in (block for block in partition if len(block) == 1):
                    path *= float(own[alone][actions[alone]])
                total += path
        assert found == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_where_delegation_is_certain_it_is_what_independent_seats_do(count: int) -> None:
    agent = shaken(agent_of(made_up(count)))
    _, _, own = levels(agent)
    joint, chance = chance_of_each(agent, anything=0.0)
    product = [float(torch.stack([own[n][u] for n, u in enumerate(actions)]).prod()) for actions in joint]
    assert torch.allclose(chance, torch.tensor(product), rtol=1e-4)
    free = shaken(agent_of(made_up(count), delegate="free"))
    assert not torch.allclose(chance_of_each(free, anything=0.0)[1], chance, rtol=0.05)


def played(objects: list[Mackrl], spec: ArenaSpec, copies: int = COPIES, shared: int = 9) -> Tensor:
    """Joint actions long [B, N], where each object plays the seats that it owns, each seat from its own view alone."""
    steps, actions = seen(spec, copies), {}
    for number, agent in enumerate(objects):
        for seat in agent.seats:
            luck = derive_rows(number, copies, seat)
            memory = agent.begin(Seating(seat, luck, derive_rows(shared, copies, "team")))
            actions[seat] = agent.act(steps[seat], memory)[0].value
    return torch.stack([actions[seat] for seat in spec.seats], dim=1)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_seats_in_objects_of_their_own_together_draw_what_the_marginal_says(count: int) -> None:
    """Each has nothing but its own time step and the team's seed, and yet joint actions are as likely as P(u)."""
    spec = made_up(count)
    apart = [shaken(agent_of(spec, (seat,))) for seat in spec.seats]
    drawn = played(apart, spec)
    joint, chance = chance_of_each(shaken(agent_of(spec)))
    counts = torch.tensor([float((drawn == torch.tensor(actions)).all(1).sum()) for actions in joint])
    spread = (COPIES * chance * (1 - chance)).sqrt().clamp_min(1)
    assert ((counts - COPIES * chance).abs() < 5 * spread).all()


def test_pairs_that_act_as_one_never_do_what_their_controller_does_not() -> None:
    spec = made_up(2, (2, 2, 2, 2))
    apart = [agent_of(spec, (seat,)) for seat in spec.seats]
    for agent in apart:
        agent.levels["pairs"].parameters["b2"].copy_(torch.tensor([-50.0, 0.0, -50.0, -50.0, 0.0]))
    drawn = played(apart, spec, 2000)
    assert torch.equal(drawn[:, 0], drawn[:, 1])  # (0, 0) or (1, 1)
    assert 0.4 < float(drawn.float().mean()) < 0.6


def test_the_teams_seed_decides_what_is_drawn_together_and_says_nothing_of_the_game() -> None:
    copies = 4000
    table = set_up(Plan("mackrl", ArenaChoice("common-knowledge"), copies=copies, length=2, seed=1)).table
    memories, _, state = table._begin()
    one, two = (memories[seat] for seat in ("row", "column"))
    assert torch.equal(one["shared"], two["shared"])
    assert len(torch.unique(torch.cat((one["shared"], one["luck"], two["luck"])))) == 3 * copies
    assert state is not None
    matrix = state.argmax(-1) >= 5
    high = fraction(dealt_bits(one["shared"], 1)) > 0.5  # what the pair's first choice is drawn with
    assert abs(int((matrix == high).sum()) - copies / 2) < 5 * (copies / 4) ** 0.5


@pytest.mark.parametrize("missing", ["seat_2", "seat_0"])
def test_among_strangers_what_counts_of_a_pair_is_ones_own_half(missing: str) -> None:
    spec = made_up(3)
    mine = tuple(seat for seat in spec.seats if seat != missing)
    agent = shaken(agent_of(spec, mine))
    joint, chance = chance_of_each(agent)
    assert float(chance.sum()) == pytest.approx(1, abs=1e-5)
    everybody, whole = chance_of_each(shaken(agent_of(spec)))
    # the stranger draws partition and choice anew: the own seats' marginal is that of the whole team's
    kept = [list(spec.seats).index(seat) for seat in mine]
    for actions, found in zip(joint, chance.tolist(), strict=True):
        of_whole = sum(
            p for u, p in zip(everybody, whole.tolist(), strict=True) if tuple(u[k] for k in kept) == actions
        )
        assert found == pytest.approx(of_whole, rel=1e-4)


def test_a_pair_may_attack_only_what_both_know_of() -> None:
    arena = load_arena("skirmish", ["scenario=2s3z", "sight=0"]).make(64)
    steps, _ = arena.reset(torch.arange(64))
    barred = 0
    for _ in range(12):
        for pair in pairs_of(arena.spec)[0]:
            group = arena.spec.groups[pair.group]
            known = steps[group[0]].common[pair.group]
            able = may(known, pair.actions, True)
            masks = [steps[member].action_mask for member in group]
            assert masks[0] is not None and masks[1] is not None
            both = (masks[0][:, :, None] & masks[1][:, None, :]).flatten(1)
            assert not (able[:, 1:] & ~both).any()
            foes = known[:, 1 + sum(pair.actions) :].view(64, -1, 8)[:, :5, 0] > 0
            attacks = able[:, 1:].view(64, *pair.actions)[:, 6:].any(2)
            assert not (attacks & ~foes).any()
            barred += int((masks[0][:, 6:] & ~foes).sum())
        actions = {s: Action(step.action_mask.float().cumsum(1).argmax(1)) for s, step in steps.items()}  # type: ignore[union-attr]
        steps, _ = arena.step({s: Action(torch.where(steps[s].active, a.value, 0)) for s, a in actions.items()})
    assert barred > 50


def test_forced_delegation_is_a_switch() -> None:
    known = torch.ones(2, 1 + 4 + 1)
    known[1, 0] = 0
    assert may(known, (2, 2), True).tolist() == [[True] * 5, [True] + [False] * 4]
    assert may(known, (2, 2), False).all()


def test_a_half_is_what_a_member_does_whatever_the_other_did() -> None:
    pair = SeatPair("g", 0, 1, (2, 3))
    luck = generator(2)
    controller = torch.randn(7, generator=luck).log_softmax(0)
    one, two = torch.randn(2, generator=luck).log_softmax(0), torch.randn(3, generator=luck).log_softmax(0)
    for a in range(2):
        whole = [
            pair.log_probability(controller, (torch.tensor(a), torch.tensor(b)), (one[a], two[b])).exp()
            for b in range(3)
        ]
        half = pair.half(controller, 0, torch.tensor(a), one[a]).exp()
        assert float(half) == pytest.approx(float(sum(whole)), rel=1e-5)


def test_a_half_has_a_gradient_where_nothing_but_delegation_is_left() -> None:
    scores = torch.tensor([0.3, 1.0, 1.0, 1.0, 1.0], requires_grad=True)
    controller = scores.masked_fill(torch.arange(5) > 0, -torch.inf).log_softmax(0)
    alone = torch.tensor(-0.5, requires_grad=True)
    half = SeatPair("g", 0, 1, (2, 2)).half(controller, 1, torch.tensor(1), alone)
    torch.autograd.backward(half)
    assert float(half.detach()) == pytest.approx(-0.5)
    assert scores.grad is not None and alone.grad is not None
    assert scores.grad.isfinite().all() and float(alone.grad) == 1


def test_mates_of_whom_nobody_says_what_they_know_are_refused() -> None:
    spec = made_up(3)
    lacking = {group: members for group, members in spec.groups.items() if group != "seat_0+seat_2"}
    with pytest.raises(ValueError, match="what seat_0 and seat_2 know in common"):
        agent_of(replace(spec, groups=lacking))


def test_an_arena_without_common_knowledge_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="common") as refusal:
        set_up(Plan("mackrl", ArenaChoice("ipd")))
    assert "\n" not in str(refusal.value)


def test_the_critic_reads_what_the_team_did_last_and_nothing_at_the_start() -> None:
    arena = load_arena("common-knowledge").make(3)
    agent = Mackrl.make(arena.spec, tuple(arena.spec.seats))
    seed = torch.arange(3)
    memories = {seat: agent.begin(Seating(seat, seed, seed)) for seat in arena.spec.seats}
    steps, state = arena.reset(seed)
    joint, _ = rollout(arena, dict.fromkeys(arena.spec.seats, agent), memories, steps, 3, state)
    read = agent._read(joint, together(joint, agent.seats))
    assert read.shape == (4, 1, 3, 10 + 2 * 5)
    assert not read[[0, 2], 0, :, 10:].any()  # an episode has one step, and the next moment begins a new one
    hot = read[1, 0, :, 10:].view(3, 2, 5).argmax(-1)
    assert torch.equal(hot, torch.stack([joint.seats[s].actions.value[0] for s in arena.spec.seats], dim=1))


@pytest.mark.learning
def test_it_learns_to_act_as_one_where_all_is_common() -> None:
    settings = "mackrl,lr=0.01,critic_lr=0.01,batch=64"
    plan = Plan(settings, ArenaChoice("common-knowledge", ("p=1.0",)), copies=64, length=8)
    table = set_up(plan).table
    for _ in itertools.islice(table, 60):
        pass
    frozen = Table(table.arena, table.identity, table.players, [], length=8, seed=7)
    assert 2 * sum(frozen.play_round().per_step["row"] for _ in range(4)) / 4 > 0.9


def test_an_update_moves_all_levels_and_only_by_the_actions_of_the_team() -> None:
    plan = Plan("mackrl", ArenaChoice("skirmish", ("scenario=3m", "sight=0")), copies=4, length=16)
    table = set_up(plan).table
    (agent,) = {id(p): p for p in table.players.values()}.values()
    assert isinstance(agent, Mackrl)
    before = {name: p.clone() for name, p in agent.every.items()}
    next(iter(table))
    assert all(not torch.equal(p, before[name]) for name, p in agent.every.items() if name.endswith(("w2", "b2")))
