"""What holds for every arena of the house, whatever its rules."""

import pytest
import torch

from arenas.protocol import DONE, WORDS, Action, Arena
from tests.arenas.arena_play import ARENAS, Segment, equal, play, resume

T = 9


@pytest.fixture(params=ARENAS)
def make(request):
    game, settings = ARENAS[request.param]
    return lambda rows=4, **more: game(rows, **{"max_steps": T, **settings, **more})


def seeds(rows: int, first: int = 1000) -> torch.Tensor:
    return torch.arange(first, first + rows)


def test_time_steps_are_what_the_spec_says(make):
    arena: Arena = make(3)
    spec = arena.spec
    segment = play(arena, seeds(3), 2 * T)
    assert spec.offers <= WORDS.keys()
    assert (segment.states is not None) == ("state" in spec.offers)
    assert segment.states.shape == (2 * T + 1, 3, spec.state_dim)
    for seat, step in segment.steps.items():
        lead = (2 * T + 1, 3)
        assert step.observation.shape == (*lead, *spec.seats[seat].observation)
        assert step.observation.dtype == step.reward.dtype == step.discount.dtype == torch.float32
        assert step.action_mask.shape == (*lead, spec.seats[seat].actions)
        assert step.action_mask.dtype == step.first.dtype == step.last.dtype == step.active.dtype == torch.bool
        assert all(leaf.shape == lead for leaf in (step.reward, step.discount, step.first, step.last, step.active))
        low, high = spec.seats[seat].bounds
        assert low <= step.observation.min() and step.observation.max() <= high


def test_equal_seeds_give_equal_games_and_others_other_games(make):
    # 40 rows, since in a matrix game only the actions tell the seeds apart
    one, again, other = (play(make(40), s, 3 * T) for s in (seeds(40), seeds(40), seeds(40, 9000)))
    assert equal(one, again)
    assert not equal(one, other)


def test_rows_are_strangers(make):
    luck = seeds(7)
    whole = play(make(7), seeds(7), 3 * T, luck=luck)
    for row in range(7):
        alone = play(make(1), seeds(7)[row : row + 1], 3 * T, luck=luck[row : row + 1])
        cut = Segment(
            {
                seat: step._replace(
                    **{
                        name: leaf[:, row : row + 1]
                        for name, leaf in step._asdict().items()
                        if isinstance(leaf, torch.Tensor)
                    }
                )
                for seat, step in whole.steps.items()
            },
            whole.states[:, row : row + 1],
            {},
        )
        assert equal(alone, cut)


def test_changing_one_row_changes_no_other(make):
    changed_seed, changed_luck = seeds(5), seeds(5)
    changed_seed[2] += 77
    changed_luck[2] += 78
    one = play(make(5), seeds(5), 2 * T)
    other = play(make(5), changed_seed, 2 * T, luck=changed_luck)
    rest = torch.tensor([0, 1, 3, 4])
    assert equal(one, other, rest)
    assert not equal(one, other, torch.tensor([2]))


def test_finished_rows_start_anew_in_training(make):
    segment = play(make(), seeds(4), 2 * T + 1)
    for step in segment.steps.values():
        assert step.first.all(1).nonzero().flatten().tolist() == [0, T + 1]
        assert step.last.all(1).nonzero().flatten().tolist() == [T, 2 * T + 1]
        assert torch.equal(step.active, ~step.last)
        assert (step.discount == 1).all()
        assert (step.reward[step.first] == 0).all()


def test_the_action_of_a_finished_row_is_ignored(make):
    one, other = make(), make()
    told, state = play(one, seeds(4), T), play(other, seeds(4), T)
    assert equal(told, state)
    actions = {seat: Action(torch.full((4,), spec.actions - 1)) for seat, spec in one.spec.seats.items()}
    zeros = {seat: Action(torch.zeros(4, dtype=torch.long)) for seat in one.spec.seats}
    (steps, _), (others, _) = one.step(actions), other.step(zeros)
    for seat in steps:
        assert torch.equal(steps[seat].observation, others[seat].observation)
        assert steps[seat].first.all()


def test_a_match_plays_one_episode(make):
    segment = play(make(), seeds(4), 2 * T, autoreset=False)
    for step in segment.steps.values():
        assert step.last[T:].all() and not step.last[:T].any()
        assert not step.active[T:].any() and step.active[:T].all()
        assert (step.reward[T + 1 :] == 0).all()
        assert step.first[0].all() and not step.first[1:].any()
        assert (step.observation[T:] == step.observation[T]).all()
    assert equal(play(make(), seeds(4), T), play(make(), seeds(4), T, autoreset=False))


@pytest.mark.parametrize("until", [1, T, T + 3])
def test_a_snapshot_brings_the_game_back(make, until):
    arena = make()
    luck = seeds(4)
    before = play(arena, luck, until)
    kept = arena.snapshot()
    now = _at(before, until)
    first = resume(arena, now, before.states[until], 2 * T, luck, start=until)
    play(arena, seeds(4, 5), 3)
    arena.restore(kept)
    assert equal(first, resume(arena, now, before.states[until], 2 * T, luck, start=until))
    elsewhere = make()
    elsewhere.restore(kept)
    assert equal(first, resume(elsewhere, now, before.states[until], 2 * T, luck, start=until))


def _at(segment: Segment, t: int):
    return {
        seat: type(step)(*(leaf[t] if isinstance(leaf, torch.Tensor) else leaf for leaf in step))
        for seat, step in segment.steps.items()
    }


def test_a_twin_is_a_fresh_game_that_disturbs_nothing(make):
    arena, luck = make(), seeds(4)
    before = play(arena, luck, 4)
    twin = arena.twin(2)
    assert twin.spec == arena.spec and twin.batch_size == 2
    assert equal(play(twin, seeds(2), 2 * T), play(make(2), seeds(2), 2 * T))
    after = resume(arena, _at(before, 4), before.states[4], T, luck, start=4)
    undisturbed = make()
    again = play(undisturbed, luck, 4)
    assert equal(after, resume(undisturbed, _at(again, 4), again.states[4], T, luck, start=4))


def test_every_tensor_is_on_the_device_that_was_named(make):
    with torch.device("meta"):  # whoever forgets to name a device lands here, where nothing can be computed
        arena = make(3, device="cpu")
        luck = torch.arange(3, device="cpu")
        steps, state = arena.reset(luck)
        actions = {seat: Action(torch.zeros_like(luck)) for seat in arena.spec.seats}
        for _ in range(T + 2):
            steps, state = arena.step(actions)
        tensors = [leaf for step in steps.values() for leaf in step if isinstance(leaf, torch.Tensor)]
        tensors += [state, *arena.faults().values()]
        assert {str(tensor.device) for tensor in tensors} == {"cpu"}
        arena.render(0, "ansi")


def test_own_arenas_find_no_faults(make):
    assert {seat: fault.tolist() for seat, fault in make(2).faults().items()} == {
        seat: [DONE, DONE] for seat in make(2).spec.seats
    }


def test_pictures_and_text(make):
    arena = make()
    play(arena, seeds(4), 3)
    assert f"step 3 of {T}" in arena.render(1, "ansi")
    picture = arena.render(1, "rgb_array")
    assert picture.ndim == 3 and picture.shape[-1] == 3 and picture.dtype == "uint8"
    with pytest.raises(ValueError, match="cannot be rendered as 'sound'"):
        arena.render(0, "sound")


def test_metrics_are_numbers_per_episode_for_every_seat(make):
    arena = make()
    segment = play(arena, seeds(4), T, autoreset=False)
    metrics = arena.metrics(segment.steps, segment.actions)
    assert metrics.keys() == arena.spec.seats.keys()
    assert all(value.shape == (4,) for named in metrics.values() for value in named.values())
