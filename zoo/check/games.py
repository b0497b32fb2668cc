"""The laws for arenas, one function each."""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.parts.gradients import leaves as fresh_leaves
from arenas.protocol import Arena
from zoo.check.data import difference, leaves, rows
from zoo.check.luck import scrambled
from zoo.check.rules import ROWS, STEPS, Players, Record, fresh, go_on, play, seeds_of, strangers, watch
from zoo.check.stranger import InBits, Stranger
from zoo.check.telling import wrong_clock, wrong_record, wrong_spec
from zoo.check.verdict import Faults, NotApplicable, one_line
from zoo.entry.venue import Venue

MANY = 4096  # episodes behind a mean
SIGMAS = 4.0  # standard errors within which two means count as equal; equal ones are farther apart once in 16,000
SIGHT_SIGMAS = 6.0  # the same for thousands of means at once
LONG = 300  # steps after which the law no longer waits for the end of an episode


def spec_is_true(venue: Venue) -> Faults:
    """1: shapes, types, masks, flags, bounds and offered words are as the spec says."""
    with fresh(venue) as arena:
        yield from wrong_spec(arena)
        yield from wrong_record(arena.spec, play(arena, 1))


def seeds_reproduce(venue: Venue) -> Faults:
    """2: equal seeds and actions give equal games, in this object and in another, whatever else draws luck."""
    with scrambled(1), fresh(venue) as arena:
        first, again = play(arena, 2), play(arena, 2)
    with scrambled(2), fresh(venue) as other:
        elsewhere = play(other, 2)
    for record, where in ((again, "after another reset"), (elsewhere, "in another object")):
        if at := difference(first.shown(), record.shown()):
            yield f"the same seeds gave another game {where} ({at}): draw all luck from the seed given to reset"


def rows_are_independent(venue: Venue) -> Faults:
    """3: a row plays the same game in any batch, at any place, whatever its neighbours do."""
    batch = list(range(ROWS))
    others = [b for b in batch if b != 3]
    turned = [(5 * b + 2) % ROWS for b in batch]
    with fresh(venue) as arena:
        whole = play(arena, 3)
        changed = play(arena, 3, rows=[ROWS if b == 3 else b for b in batch])
        moved = play(arena, 3, rows=turned)
    if at := difference(_rows(whole, others), _rows(changed, others)):
        yield f"other seeds and actions in row 3 changed another row ({at})"
    if at := difference(_rows(whole, turned), _rows(moved, batch)):
        yield f"rows that change places play other games ({at}): luck must come from the row's seed alone"
    with fresh(venue, 1) as single:
        for b in (0, 3):
            if at := difference(_rows(whole, [b]), play(single, 3, rows=[b]).shown()):
                yield f"row {b} of a batch of {ROWS} plays another game alone (B = 1; {at})"


def _rows(record: Record, index: list[int]) -> list[object]:
    """What the arena showed to some rows, in that order."""
    moments = [{seat: rows(step, index) for seat, step in moment.items()} for moment in record.moments]
    return [moments, [None if state is None else state[index] for state in record.states]]


def faces_agree(venue: Venue) -> Faults:
    """4: PettingZoo's face plays the same game, and passes PettingZoo's own tests."""
    from arenas.foreign.face import env, parallel_env

    entry = venue.entry
    with fresh(venue, 1) as arena:
        players = {seat: InBits(stranger) for seat, stranger in strangers(arena).items()}
        record = play(arena, 4, autoreset=False, until_over=True, players=players)
    parallel = partial(parallel_env, entry.factory, **entry.fixed, **entry.settings)
    with contextlib.closing(parallel()) as face:
        for fault in _shows_otherwise(face, record, int(seeds_of(4, 1))):
            yield f"the PettingZoo face plays another game than the batch of one: {fault}"
    yield from _pettingzoo(parallel, partial(env, entry.factory, **entry.fixed, **entry.settings))


def _shows_otherwise(face: Any, record: Record, seed: int) -> Iterator[str]:
    """Where the parallel face shows something else than the record of a batch of one."""
    from arenas.foreign.face import joined, shown

    agents = list(face.possible_agents)
    seats = dict(zip(agents, record.moments[0], strict=True))
    living, (seen, _) = agents, face.reset(seed=seed)
    rewards, ended, cut = dict.fromkeys(agents, 0.0), dict.fromkeys(agents, False), dict.fromkeys(agents, False)
    for t, moment in enumerate(record.moments):
        for agent in living:
            step = moment[seats[agent]]
            over = bool(step.last) or not step.discount
            if not np.array_equal(seen[agent], shown(step)):
                yield f"observation of {agent} at moment {t}"
            if rewards[agent] != float(step.reward):
                yield f"reward of {agent} at moment {t}: {rewards[agent]} and {float(step.reward)}"
            if (ended[agent], cut[agent]) != (not step.discount, over and bool(step.discount)):
                yield f"termination or truncation of {agent} at moment {t}"
        living = list(face.agents)
        if t == len(record.actions) or not living:
            return
        chosen = {agent: joined(record.actions[t][seats[agent]])[0].numpy() for agent in living}
        seen, rewards, ended, cut, _ = face.step(chosen)


def _pettingzoo(parallel: Callable[[], Any], aec: Callable[[], Any]) -> Iterator[str]:
    """The PettingZoo tests that fail, with what they say."""
    from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, seed_test

    tests: dict[str, Callable[[], Any]] = {
        "parallel_api_test": lambda: parallel_api_test(parallel(), num_cycles=3 * STEPS),
        "parallel_seed_test": lambda: parallel_seed_test(parallel, num_cycles=STEPS),
        "api_test": lambda: api_test(aec(), num_cycles=3 * STEPS),
        "seed_test": lambda: seed_test(aec, num_cycles=STEPS),
    }
    for name, test in tests.items():
        try:
            # they print their success, and warn of things that are no faults
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                test()
        except Exception as error:
            yield f"pettingzoo.test.{name}: {' '.join(str(error).split()) or type(error).__name__}"


def seats_are_exchangeable(venue: Venue) -> Faults:
    """5: two players of a side may change places, and then earn and see what they did before."""
    spec = venue.spec
    mirrors = spec.mirrors()
    pairs = [pair for seats in spec.sides().values() for pair in itertools.pairwise(seats)]
    if mirrors:  # then seats of one side are mates, or the teams change places as a whole
        pairs = [pair for pair in pairs if len({spec.seats[seat].team for seat in pair}) == 1]
    if not pairs and not mirrors:
        yield NotApplicable("no side has two seats")
    form = attrgetter("observation", "actions", "action_dim", "message_dim")
    for one, two in pairs:
        if form(spec.seats[one]) != form(spec.seats[two]):
            yield f"seats {one} and {two} are of one side but see or do different things: give each its own side"
    if hasattr(venue.arena(), "package"):
        yield NotApplicable("a PettingZoo environment does not say whether it matters who moves first")
    for pair in pairs:
        yield from _changes_places(venue, [pair])
    if mirrors:
        yield from _changes_places(venue, mirrors)


def _changes_places(venue: Venue, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What a player earns or sees otherwise in the second seat of a pair than in the first, all pairs at once."""
    watched = tuple(itertools.chain(*pairs))
    with fresh(venue, MANY) as arena:
        here_sits = strangers(arena, seed=3)
        there_sits = dict(here_sits)
        for number, (one, two) in enumerate(pairs):
            p, q = (Stranger(arena.spec, one, 2 * number + seed, device=arena.device) for seed in (1, 2))
            here_sits |= {one: p, two: q}
            there_sits |= {one: q, two: p}
        here = _means(arena, 5, here_sits, watched)
        there = _means(arena, 6, there_sits, watched)
    for mine, others in itertools.chain(*(((one, two), (two, one)) for one, two in pairs)):
        (earned, *saw), (earns, *sees) = here[mine], there[others]
        if _apart([earned], [earns]) > SIGMAS:
            yield (
                f"a player earns {float(earned.mean):.3f} in seat {mine}, and {float(earns.mean):.3f} in seat {others}"
                f" after changing places with its partner ({MANY} episodes): make the rules symmetric, or give each"
                " seat its own side"
            )
        if _apart(saw, sees) > SIGHT_SIGMAS:
            yield (
                f"a player sees other things in seat {mine} than in seat {others}: make observations egocentric"
                " (mine, then yours), or give each seat its own side"
            )


class _Mean(NamedTuple):
    """Means over rows and the squares of their standard errors, float64 [D] each."""

    mean: Tensor
    square: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> _Mean:
        return cls(rows.mean(0), rows.var(0) / len(rows))


def _means(arena: Arena, seed: int, players: Players, seats: Sequence[str]) -> dict[str, list[_Mean]]:
    """Seat -> its mean return, and then what it sees on average at each moment; whose episode is over sees nothing."""
    returns = {seat: torch.zeros(arena.batch_size, dtype=torch.float64, device=arena.device) for seat in seats}
    saw: dict[str, list[_Mean]] = {seat: [] for seat in seats}
    for moment in watch(arena, seed, players):
        for seat in seats:
            step = moment[seat]
            returns[seat] += step.reward
            saw[seat].append(_Mean.of((step.observation.flatten(1) * ~step.last.unsqueeze(1)).double()))
    return {seat: [_Mean.of(returns[seat].unsqueeze(1)), *saw[seat]] for seat in seats}


def _apart(ones: Sequence[_Mean], others: Sequence[_Mean]) -> float:
    """Largest difference between means, in standard errors; as long as both go on."""
    return max(
        float(((a.mean - b.mean).abs() / (a.square + b.square).sqrt().clamp_min(1e-9)).max())
        for a, b in zip(ones, others, strict=False)
    )


def snapshots_restore(venue: Venue) -> Faults:
    """6: after `restore` the same actions give the same game, whatever was played in between."""
    with fresh(venue) as arena:
        if "simulator" not in arena.spec.offers:
            yield NotApplicable("it is no simulator")
        record = play(arena, 7, 4)
        snapshot = arena.snapshot()
        for path, leaf in leaves(snapshot):
            if not isinstance(leaf, Tensor | bool | int | float):
                yield f"the snapshot holds a {type(leaf).__name__} at {path}: only tensors and numbers can be kept"
        ahead = go_on(arena, record, STEPS)
        play(arena, 8)
        arena.restore(snapshot)
        if at := difference(ahead.shown(), go_on(arena, record, STEPS).shown()):
            yield f"after restore the same actions gave another game ({at}): snapshot must hold all of it"
        yield from _rests_in_a_twin(arena)


def _rests_in_a_twin(arena: Arena) -> Faults:
    """Whether a fresh twin, restored to where some rows have finished, plays on as the game itself does."""
    whole = play(arena, 12, min(arena.spec.max_steps, LONG), autoreset=False, until_over=True)
    over = torch.stack([next(iter(moment.values())).last for moment in whole.moments])
    if not over.any():
        return
    for steps in dict.fromkeys([int(over.any(1).int().argmax()), len(whole.actions)]):
        record = play(arena, 12, steps, autoreset=False)
        snapshot = arena.snapshot()
        twin = arena.twin(arena.batch_size)
        twin.reset(seeds_of(13, arena.batch_size).to(arena.device), autoreset=False)  # some need a first reset
        twin.restore(snapshot)
        if at := difference(go_on(arena, record, STEPS).shown(), go_on(twin, record, STEPS).shown()):
            yield (
                f"restored into a twin where a row had finished, the same actions gave another game ({at}): snapshot"
                " must hold all of it, also that a row is over"
            )


def episodes_end(venue: Venue) -> Faults:
    """7: a finished row starts anew on the next step with autoreset, and rests without."""
    spec = venue.spec
    steps = min(2 * spec.max_steps + 3, LONG)
    with fresh(venue) as arena:
        again, once = play(arena, 9, steps), play(arena, 9, steps, autoreset=False)
    ends = [next(iter(moment.values())).last for moment in once.moments]
    if not torch.stack(ends).any():
        yield NotApplicable(f"no episode ended within {steps} steps")
    for fault in wrong_clock(spec, again):
        yield f"with autoreset, {fault}"
    over = torch.zeros(ROWS, dtype=torch.bool)
    for t, moment in enumerate(once.moments):
        for seat, step in moment.items():
            if (step.active | step.first | (step.reward != 0))[over].any():
                yield (
                    f"without autoreset, seat {seat} is active, paid or starts anew at moment {t}, after its episode:"
                    " a row plays one episode and is inactive from then on, with reward 0"
                )
        over |= ends[t]


def device_is_honoured(venue: Venue) -> Faults:
    """8: all tensors live on the device asked for, and none is made on torch's default device."""
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        with fresh(venue, device=device) as arena:
            if (arena.device, arena.batch_size) != (device, ROWS):
                yield f"device and batch_size are {arena.device} and {arena.batch_size}, asked for {device} and {ROWS}"
            record = play(arena, 10)
            for path, leaf in leaves(record.shown()):
                if isinstance(leaf, Tensor) and leaf.device.type != device:
                    yield f"{path} lives on {leaf.device}, asked for {device}"
            # played again where torch's default device holds no numbers, what is made there gives itself away
            mend = "reset or step makes a tensor on torch's default device: make it with device=self.device"
            seeds = seeds_of(10, ROWS).to(device)
            try:
                with torch.device("meta"):
                    shown = [arena.reset(seeds), *(arena.step(actions) for actions in record.actions)]
            except (RuntimeError, NotImplementedError) as error:
                yield f"{mend} ({one_line(error)})"
            if any(isinstance(leaf, Tensor) and leaf.is_meta for _, leaf in leaves(shown)):
                yield mend


def twins_are_strangers(venue: Venue) -> Faults:
    """9: a twin plays the same rules in any number of copies, and neither disturbs the other."""
    copies = ROWS - 2
    with fresh(venue) as arena, fresh(venue, copies) as smaller:
        if "simulator" not in arena.spec.offers:
            yield NotApplicable("it is no simulator")
        undisturbed, same = play(arena, 11), play(smaller, 11)
    with fresh(venue) as arena:
        twin = arena.twin(copies)
        if (type(twin), twin.batch_size, twin.spec) != (type(arena), copies, arena.spec):
            yield f"twin({copies}) gave {type(twin).__name__} with {twin.batch_size} copies, or other rules"
        mine, its = play(arena, 11, 4), play(twin, 11, 3)
        mine, its = go_on(arena, mine, STEPS - 4), go_on(twin, its, STEPS - 3)
    if at := difference(undisturbed.shown(), mine.shown()):
        yield f"playing in a twin changed this game ({at}): share no state"
    if at := difference(same.shown(), its.shown()):
        yield f"a twin plays another game than the first does with the same seeds ({at})"


def value_is_exact(venue: Venue) -> Faults:
    """10: where an exact value is offered, it is the mean of many episodes, and differentiable."""
    if "value" not in venue.spec.offers:
        yield NotApplicable("it offers no exact value")
    with fresh(venue, MANY) as arena:
        # where actions are continuous the value is the value of the means, so the means are played
        players = strangers(arena, seed=1, deviation=0.0)
        theta = {seat: fresh_leaves(policy.parameters) for seat, policy in players.items()}
        policies = {seat: policy.with_parameters(theta[seat]) for seat, policy in players.items()}
        exact = arena.value(policies, steps=arena.spec.max_steps, gamma=1.0)
        record = play(arena, 12, arena.spec.max_steps, players=players, autoreset=False)
    for seat, total in record.returns().items():
        error = float(total.std()) / MANY**0.5
        if exact[seat].shape != (1,) or abs(float(exact[seat].detach()) - float(total.mean())) > SIGMAS * error + 1e-4:
            yield (
                f"value gives {exact[seat].tolist()} for seat {seat}, and {MANY} episodes {total.mean():.4f} on average"
                f" (standard error {error:.4f})"
            )
    total = torch.stack(list(exact.values())).sum()
    parameters = [p for of_seat in theta.values() for p in of_seat.values()]
    if not total.requires_grad or any(g is None for g in torch.autograd.grad(total, parameters, allow_unused=True)):
        yield "value does not depend on the parameters of all policies: keep the graph"
