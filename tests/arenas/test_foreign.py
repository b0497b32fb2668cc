"""PettingZoo's environments as arenas, compared with the environments themselves."""

import importlib.metadata
from types import MappingProxyType

import mpe2.simple_spread_v3
import mpe2.simple_tag_v3
import numpy as np
import pettingzoo
import pytest
import torch
from gymnasium import spaces
from pettingzoo.utils.conversions import parallel_to_aec

from arenas.foreign.arena import Foreign
from arenas.foreign.face import parallel_env
from arenas.luck import bits
from arenas.matrix import IteratedPrisonersDilemma
from arenas.matrix import parallel_env as matrix_env
from arenas.protocol import DONE, INVALID, Action, ArenaError
from tests.arenas.arena_play import dealt, equal, play

CONNECT_FOUR, TAG = "pettingzoo:classic/connect_four_v3", "mpe2:simple_tag_v3"


class Walk(pettingzoo.ParallelEnv):
    """Two walkers and a guide. Walker i is paid 10 i and dies in step i + 1; the guide stays until step 4."""

    metadata = MappingProxyType({"name": "walk_v0", "render_modes": ["ansi"]})

    def __init__(self, render_mode=None, *, breaks=None, pay=1.0, spaces_of=None, mask=False, ghosts=False):
        self.render_mode, self.breaks, self.pay, self.mask, self.ghosts = render_mode, breaks, pay, mask, ghosts
        self.possible_agents = ["walker_0", "walker_1", "guide_0"]
        self.spaces_of = spaces_of or {}

    def observation_space(self, agent):
        return spaces.Box(0, 9, (2,), np.float64)

    def action_space(self, agent):
        return self.spaces_of.get(agent, spaces.Discrete(3, start=5))

    def reset(self, seed=None, options=None):
        self.agents, self.t, self.seed, self.acts = list(self.possible_agents), 0, seed, []
        return self._seen(), self._infos()

    def _seen(self):
        return {agent: np.array([self.t, self.seed % 10]) for agent in self.agents}

    def _infos(self):
        return {agent: {"action_mask": np.array([1, 0, 1], np.int8)} if self.mask else {} for agent in self.agents}

    def step(self, actions):
        self.t += 1
        self.acts.append(actions)
        if self.breaks == self.t:
            raise RuntimeError("the floor\ngave way")
        seen, infos, agents = self._seen(), self._infos(), self.agents
        dead = {a: a == f"walker_{self.t - 1}" for a in agents}
        cut = dict.fromkeys(agents, self.t == 4)
        paid = dict.fromkeys(self.possible_agents, self.pay) if self.ghosts else {}
        paid |= {a: 10.0 * int(a[-1]) if dead[a] else self.pay for a in agents}
        self.agents = [a for a in agents if not dead[a] and not cut[a]]
        return seen, paid, dead, cut, infos

    def render(self):
        return f"step {self.t}"


def test_a_name_says_everything():
    arena = Foreign(2, env=CONNECT_FOUR)
    spec = arena.spec
    assert spec.name == "pettingzoo:classic/connect_four_v3" == Foreign(1, env="classic/connect_four-v3").spec.name
    assert arena.package == f"pettingzoo=={importlib.metadata.version('pettingzoo')}"
    assert spec.sides() == {"player": ("player_0", "player_1")}
    assert spec.seats["player_0"].observation == (2, 6, 7) and spec.seats["player_0"].actions == 7
    assert (spec.kind, spec.offers, spec.episodes, spec.block) == ("competitive", {"discrete"}, 20, 10)
    tag = Foreign(1, env=TAG)
    assert tag.package == f"mpe2=={importlib.metadata.version('mpe2')}"
    assert tag.spec.sides() == {"adversary": ("adversary_0", "adversary_1", "adversary_2"), "agent": ("agent_0",)}
    assert [seat.team for seat in tag.spec.seats.values()] == ["adversary"] * 3 + ["agent"]
    assert tag.spec.max_steps == 25 and tag.spec.offers == {"discrete", "state"} and tag.spec.state_dim == 62


@pytest.mark.parametrize("name", [CONNECT_FOUR, "classic/tictactoe_v3"])
def test_turn_based_games_are_the_environments_own(name):
    arena = Foreign(3, env=name)
    seed = torch.tensor([5, 6, 7])
    segment = play(arena, seed, 50, autoreset=False)
    agents = list(segment.steps)
    assert all(step.last[-1].all() for step in segment.steps.values())
    for row in range(3):
        raw = pettingzoo.make("aec", name.removeprefix("pettingzoo:").replace("_v3", "-v3"))
        raw.reset(seed=int(seed[row]))
        total = dict.fromkeys(agents, 0.0)
        t = 0
        while not any(raw.terminations.values()):
            for agent in agents:
                step = segment.steps[agent]
                assert step.active[t, row] == (agent == raw.agent_selection)
                if not step.active[t, row]:
                    assert step.action_mask[t, row].all()
                    continue  # only the seat on turn is asked what it sees
                seen = raw.observe(agent)
                np.testing.assert_array_equal(
                    step.observation[t, row].numpy(), np.moveaxis(seen["observation"], -1, 0).astype(np.float32)
                )
                legal = seen["action_mask"].astype(bool)
                np.testing.assert_array_equal(step.action_mask[t, row].numpy(), legal)
            raw.step(int(segment.actions[raw.agent_selection].value[t, row]))
            t += 1
            for agent in agents:
                total[agent] += raw.rewards[agent]
        for agent in agents:
            step = segment.steps[agent]
            assert step.reward[: t + 1, row].sum() == total[agent] == step.reward[:, row].sum()
            assert step.last[:, row].tolist() == [False] * t + [True] * (51 - t)
            assert step.discount[:, row].tolist() == [1.0] * t + [0.0] * (51 - t)
            assert not step.active[t:, row].any() and step.action_mask[t:, row].all()


@pytest.mark.parametrize(
    ("name", "module", "settings"),
    [
        (TAG, mpe2.simple_tag_v3, {}),
        ("mpe2:simple_spread_v3", mpe2.simple_spread_v3, {"continuous_actions": True, "N": 2}),
    ],
)
def test_particle_games_are_the_environments_own(name, module, settings):
    arena = Foreign(2, env=name, max_cycles=6, **settings)
    seed = torch.tensor([1, 2])
    segment = play(arena, seed, 6)
    for row in range(2):
        raw = module.parallel_env(max_cycles=6, **settings)
        observations, _ = raw.reset(seed=int(seed[row]))
        for t in range(7):
            if t < 6:  # after its end an environment is asked for nothing
                np.testing.assert_allclose(segment.states[t, row], raw.state(), rtol=1e-6)
            for agent, step in segment.steps.items():
                np.testing.assert_array_equal(step.observation[t, row].numpy(), observations[agent].astype(np.float32))
                assert step.active[t, row] == (t < 6) and step.last[t, row] == (t == 6)
                assert step.discount[t, row] == 1  # cut by time
            if t == 6:
                break
            acts = {agent: action.value[t, row].numpy() for agent, action in segment.actions.items()}
            if "continuous_actions" in settings:
                acts = {agent: ((value + 1) / 2).astype(np.float32) for agent, value in acts.items()}
            observations, rewards, _, _, _ = raw.step(acts)
            for agent, step in segment.steps.items():
                assert step.reward[t + 1, row] == np.float32(rewards[agent])


def test_simultaneous_games_with_numbers_for_observations():
    arena = Foreign(2, env="classic/rps_v2", max_cycles=3)
    script = {"player_0": torch.tensor([[0, 1], [1, 1], [2, 0]]), "player_1": torch.tensor([[0, 2], [0, 2], [1, 2]])}
    segment = play(arena, torch.arange(2), 3, script=script)
    assert arena.spec.seats["player_0"].observation == (4,)
    one, two = (segment.steps[seat] for seat in ("player_0", "player_1"))
    assert one.reward[1:].T.tolist() == [[0, 1, 1], [-1, -1, 1]] == (-two.reward[1:]).T.tolist()
    assert one.observation[1:].argmax(-1).tolist() == script["player_1"].tolist()  # what the other did
    assert (one.observation[0].argmax(-1) == 3).all()
    assert one.last[3].all() and (one.discount == 1).all()


def test_rows_are_strangers_and_seeds_reproduce():
    luck = torch.arange(50, 57)
    whole = play(Foreign(7, env=TAG, max_cycles=5), luck, 12)
    assert equal(whole, play(Foreign(7, env=TAG, max_cycles=5), luck, 12))
    alone = play(Foreign(1, env=TAG, max_cycles=5), luck[3:4], 12)
    for seat, step in alone.steps.items():
        assert torch.equal(step.observation[:, 0], whole.steps[seat].observation[:, 3])
        assert torch.equal(step.reward[:, 0], whole.steps[seat].reward[:, 3])
    changed = luck.clone()
    changed[2] += 99
    other = play(Foreign(7, env=TAG, max_cycles=5), changed, 12)
    assert equal(whole, other, torch.tensor([0, 1, 3, 4, 5, 6]))
    assert not equal(whole, other, torch.tensor([2]))


def test_later_episodes_of_a_row_have_seeds_of_their_own():
    arena = Foreign(1, env=Walk)
    told = []
    seed = torch.tensor([2**40 + 17])
    arena.reset(seed)
    for _ in range(3):
        told.append(arena._copies[0].env.seed)
        for t in range(5):
            steps, _ = arena.step(dealt(arena, _idle(arena), seed, t))
        assert steps["guide_0"].first.all()
    assert told == [17, int(bits(seed, 1)) & 0x7FFFFFFF, int(bits(seed, 2)) & 0x7FFFFFFF]


def _idle(arena):
    return arena._timesteps()[0]


def test_agents_may_die_while_the_row_goes_on():
    arena = Foreign(2, env=Walk)
    segment = play(arena, torch.tensor([3, 4]), 6)
    first, second, guide = (segment.steps[seat] for seat in ("walker_0", "walker_1", "guide_0"))
    assert first.active[:, 0].tolist() == [True, False, False, False, False, True, False]
    assert first.discount[:, 0].tolist() == [1, 0, 0, 0, 0, 1, 0]
    assert second.active[:, 0].tolist() == [True, True, False, False, False, True, True]
    assert guide.active[:, 0].tolist() == [True, True, True, True, False, True, True]
    assert guide.discount[:, 0].tolist() == [1] * 7
    for step in (first, second, guide):
        assert step.last[:, 0].tolist() == [False] * 4 + [True] + [False] * 2
        assert step.first[:, 0].tolist() == [True] + [False] * 4 + [True, False]
    assert first.reward[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 0]
    assert second.reward[:, 0].tolist() == [0, 1, 10, 0, 0, 0, 1]
    assert guide.reward[:, 0].tolist() == [0, 1, 1, 1, 1, 0, 1]
    assert first.observation[:3, 0].tolist() == [[0, 3], [1, 3], [0, 0]]
    acts = Foreign(1, env=Walk)
    play(acts, torch.tensor([3]), 2, script={seat: torch.tensor([[0], [2]]) for seat in acts.spec.seats})
    assert acts._copies[0].env.acts == [
        {"walker_0": 5, "walker_1": 5, "guide_0": 5},  # actions count from the start of their space
        {"walker_1": 7, "guide_0": 7},
    ]


def test_the_dead_are_not_paid():
    with pytest.raises(ArenaError, match=r"step 2, seat walker_0: step\(\) paid 1 to an agent that had left; the dead"):
        play(Foreign(1, env=Walk, ghosts=True), torch.tensor([3]), 6)
    living, unpaid = (play(Foreign(1, env=Walk, pay=0.0, ghosts=g), torch.tensor([3]), 6) for g in (False, True))
    assert equal(living, unpaid)


def test_agents_may_die_in_turn_based_games():
    arena = Foreign(1, env=lambda: parallel_to_aec(Walk()))
    segment = play(arena, torch.tensor([3]), 8)
    first, second, guide = (segment.steps[seat] for seat in ("walker_0", "walker_1", "guide_0"))
    # three turns in the first step, two in the second, one in the third and the fourth
    assert first.active[:, 0].tolist() == [True] + [False] * 7 + [True]
    assert second.active[:, 0].tolist() == [False, True, False, True] + [False] * 5
    assert guide.active[:, 0].tolist() == [False, False, True, False, True, True, True, False, False]
    assert first.discount[:, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 1]
    assert guide.discount[:, 0].tolist() == [1] * 9
    assert all(step.last[:, 0].tolist() == [False] * 7 + [True, False] for step in segment.steps.values())
    assert [step.reward.sum() for step in (first, second, guide)] == [0, 11, 4]


def test_a_cap_cuts_an_episode():
    segment = play(Foreign(1, env=Walk, max_steps=2), torch.tensor([3]), 2)
    assert segment.steps["guide_0"].last[:, 0].tolist() == [False, False, True]
    assert segment.steps["guide_0"].discount[2] == 1 and segment.steps["walker_1"].discount[2] == 0
    assert not segment.steps["guide_0"].active[2]


@pytest.mark.parametrize("bad", [7, -1, 2.5, float("nan")])
def test_an_illegal_action_spoils_the_row_for_its_author_only(bad):
    arena = Foreign(3, env=Walk, forfeit=-50.0)
    zeros = torch.zeros(3)
    arena.reset(torch.arange(3), autoreset=False)
    arena.step({seat: Action(zeros) for seat in arena.spec.seats})  # walker_0 dies, the others are paid 1
    spoiled = zeros.clone()
    spoiled[1] = bad
    steps, _ = arena.step({"walker_0": Action(spoiled), "walker_1": Action(zeros), "guide_0": Action(spoiled)})
    assert {seat: fault.tolist() for seat, fault in arena.faults().items()} == {
        "walker_0": [DONE, DONE, DONE],  # it was dead, so that nobody asked
        "walker_1": [DONE, DONE, DONE],
        "guide_0": [DONE, INVALID, DONE],
    }
    assert steps["guide_0"].reward.tolist() == [1, -51, 1]  # its return is the forfeit
    assert steps["walker_1"].reward.tolist() == [10, 0, 10]
    for step in steps.values():
        assert step.last.tolist() == [False, True, False]
        assert step.discount[1] == 0 and not step.active[1] and step.action_mask[1].all()
    steps, _ = arena.step({seat: Action(zeros) for seat in arena.spec.seats})
    assert steps["guide_0"].reward[1] == 0 and steps["guide_0"].last[1] and arena.faults()["guide_0"][1] == INVALID


def test_a_masked_action_is_illegal_and_training_goes_on():
    arena = Foreign(1, env=CONNECT_FOUR)
    arena.reset(torch.tensor([0]))
    column = {seat: Action(torch.tensor([3])) for seat in arena.spec.seats}
    for _ in range(6):
        steps, _ = arena.step(column)
    assert not steps["player_0"].action_mask[0, 3] and not steps["player_0"].last.any()
    steps, _ = arena.step(column)
    assert arena.faults()["player_0"].item() == INVALID and arena.faults()["player_1"].item() == DONE
    assert steps["player_0"].reward.item() == arena.spec.forfeit and steps["player_1"].reward.item() == 0
    steps, _ = arena.step(column)
    assert steps["player_0"].first.all() and arena.faults()["player_0"].item() == DONE


def test_masks_may_stand_in_the_info():
    steps, _ = Foreign(1, env=lambda: Walk(mask=True)).reset(torch.tensor([0]))
    assert steps["guide_0"].action_mask.tolist() == [[True, False, True]]


def test_vectors_that_are_not_finite_are_illegal():
    arena = Foreign(1, env="mpe2:simple_spread_v3", continuous_actions=True, N=2)
    arena.reset(torch.tensor([0]))
    fine, bad = torch.full((1, 5), 1.5), torch.full((1, 5), float("nan"))  # too large is cut to the box
    arena.step({"agent_0": Action(fine), "agent_1": Action(fine)})
    steps, _ = arena.step({"agent_0": Action(fine), "agent_1": Action(bad)})
    assert {seat: fault.item() for seat, fault in arena.faults().items()} == {"agent_0": DONE, "agent_1": INVALID}
    assert steps["agent_0"].action_mask is None and steps["agent_0"].reward.item() == 0


def test_an_environment_that_breaks_is_not_a_players_fault():
    arena = Foreign(2, env=Walk, breaks=2)
    zeros = {seat: Action(torch.zeros(2, dtype=torch.long)) for seat in arena.spec.seats}
    arena.reset(torch.tensor([8, 9]))
    arena.step(zeros)
    with pytest.raises(ArenaError, match=r"episode seed 8, step 2: step\(\) raised RuntimeError: the floor gave way$"):
        arena.step(zeros)
    paid = Foreign(1, env=Walk, pay=float("nan"))
    paid.reset(torch.tensor([8]))
    with pytest.raises(ArenaError, match=r"seed 8, step 1, seat walker_1: step\(\) paid nan; a reward must be one"):
        paid.step({seat: Action(torch.zeros(1, dtype=torch.long)) for seat in arena.spec.seats})
    with pytest.raises(ArenaError, match=r"mpe2:simple_tag_v3: TypeError: .*unheard"):
        Foreign(1, env=TAG, unheard=1)


def test_spaces_that_do_not_fit():
    box = spaces.Box(-2, 4, (3,))
    with pytest.raises(ArenaError, match=r"Walk: some seats act in numbers and others in vectors: .*'guide_0': Box"):
        Foreign(1, env=Walk, spaces_of={"guide_0": box})
    with pytest.raises(ArenaError, match="neither discrete nor a bounded box"):
        Foreign(1, env=Walk, spaces_of={"guide_0": spaces.Box(-np.inf, np.inf, (3,))})
    every = dict.fromkeys(("walker_0", "walker_1", "guide_0"), box)
    arena = Foreign(1, env=Walk, spaces_of=every)
    assert arena.spec.offers == {"continuous"} and arena.spec.seats["guide_0"].action_dim == 3
    play(arena, torch.tensor([0]), 1, script=dict.fromkeys(every, torch.tensor([[[-1.0, 0.0, 1.0]]])))
    acted = arena._copies[0].env.acts[0]["guide_0"]
    assert acted.tolist() == [-2, 1, 4] and acted.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("", {"walker": ("walker_0", "walker_1"), "guide": ("guide_0",)}),
        ("a=walker_0,guide_0;b=walker_1", {"a": ("walker_0", "guide_0"), "b": ("walker_1",)}),
    ],
)
def test_sides(text, sides):
    assert Foreign(1, env=Walk, sides=text).spec.sides() == sides


def test_sides_that_do_not_fit():
    with pytest.raises(ValueError, match="sides must name each of walker_0, walker_1, guide_0"):
        Foreign(1, env=Walk, sides="a=walker_0;b=walker_1")
    with pytest.raises(ValueError, match="seats of one side must see and do the same"):
        Foreign(1, env=TAG, sides="a=adversary_0,agent_0;b=adversary_1,adversary_2")
    lame = Foreign(1, env=Walk, spaces_of={"walker_1": spaces.Discrete(2)})
    assert lame.spec.sides().keys() == {"walker_0", "walker_1", "guide"}


def test_kind_decides_who_is_a_team():
    together = Foreign(1, env="mpe2:simple_spread_v3", kind="cooperative").spec
    assert together.kind == "cooperative" and {seat.team for seat in together.seats.values()} == {"all"}
    apart = Foreign(1, env="mpe2:simple_spread_v3").spec
    assert len({seat.team for seat in apart.seats.values()}) == 3


def test_wrappers_by_name():
    arena = Foreign(2, env="mpe2:simple_spread_v3", wrap=("frame_stack_v1=4", "black_death_v3"))
    assert arena.spec.seats["agent_0"].observation == (4 * 18,)
    segment = play(arena, torch.arange(2), 26)
    assert segment.steps["agent_0"].last[25].all() and segment.steps["agent_0"].first[26].all()
    with pytest.raises(
        ValueError, match=r"SuperSuit has no wrapper 'frame_stak_v1'; the nearest names are frame_stack_v"
    ):
        Foreign(1, env=TAG, wrap=("frame_stak_v1",))
    with pytest.raises(ArenaError, match="wrapper color_reduction_v0=full does not fit this game: "):
        Foreign(1, env=TAG, wrap=("color_reduction_v0=full",))


def test_names_of_nothing():
    with pytest.raises(
        ValueError, match=r"no environment 'classic/conect_four_v3'; the nearest names are classic/connect_"
    ):
        Foreign(1, env="classic/conect_four_v3")
    with pytest.raises(
        ValueError, match=r"mpe2 has no environment 'simple_tug_v3'; the nearest names are simple_tag_v3"
    ):
        Foreign(1, env="mpe2:simple_tug_v3")
    with pytest.raises(ValueError, match="unknown scheme 'gym'"):
        Foreign(1, env="gym:CartPole-v1")
    with pytest.raises(ArenaError, match="int is neither a ParallelEnv nor an AECEnv"):
        Foreign(1, env=lambda: 3)
    with pytest.raises(ArenaError, match="does not name its possible_agents"):
        Foreign(1, env=pettingzoo.ParallelEnv)


def test_nothing_of_a_simulator_is_offered():
    arena = Foreign(1, env=Walk)
    for refused in (lambda: arena.twin(1), arena.snapshot, lambda: arena.restore({})):
        with pytest.raises(ValueError, match="it offers no simulator"):
            refused()
    with pytest.raises(ValueError, match="has no exact value"):
        arena.value({})


def test_pictures_are_the_environments_own():
    arena = Foreign(2, env=Walk, render_mode="ansi")
    play(arena, torch.arange(2), 2)
    assert arena.render(1) == "step 2"
    with pytest.raises(ValueError, match="made with render_mode=ansi, so it cannot draw rgb_array"):
        arena.render(0, "rgb_array")
    with pytest.raises(ValueError, match="render_mode must be one of ansi; got 'smell'"):
        Foreign(1, env=Walk, render_mode="smell")
    spread = Foreign(1, env="mpe2:simple_spread_v3", render_mode="rgb_array")
    spread.reset(torch.tensor([0]))
    assert spread.render(0, "rgb_array").shape[-1] == 3
    spread.close()


def test_every_tensor_is_on_the_device_that_was_named():
    with torch.device("meta"):
        arena = Foreign(1, env=TAG, device="cpu")
        steps, state = arena.reset(torch.tensor([1], device="cpu"))
    leaves = [leaf for step in steps.values() for leaf in step if isinstance(leaf, torch.Tensor)]
    assert {str(leaf.device) for leaf in [*leaves, state, *arena.faults().values()]} == {"cpu"}


def test_there_and_back_again():
    """An arena through PettingZoo's face and back is the same game, and so is an environment the other way round."""
    own, back = IteratedPrisonersDilemma(3, max_steps=5), Foreign(3, env=lambda: matrix_env(max_steps=5))
    luck = torch.arange(3)
    one, other = (play(arena, luck, 5, autoreset=False) for arena in (own, back))
    for seat in own.spec.seats:
        for mine, yours in zip(one.steps[seat], other.steps[f"{seat}_0"], strict=True):
            assert mine is yours or mine == yours if not isinstance(mine, torch.Tensor) else torch.equal(mine, yours)
    assert torch.equal(one.states[:5], other.states[:5])
    assert torch.equal(other.states[5], other.states[4])  # an environment is asked for nothing after its end

    face = parallel_env(Foreign, env=TAG, max_cycles=4)
    raw = mpe2.simple_tag_v3.parallel_env(max_cycles=4)
    observations, raw_observations = face.reset(seed=3)[0], raw.reset(seed=3)[0]
    while face.agents:
        for agent, seen in observations.items():
            np.testing.assert_array_equal(seen, raw_observations[agent].astype(np.float32))
        acts = {agent: number % 5 for number, agent in enumerate(face.agents)}
        observations, rewards, _, cut, _ = face.step(acts)
        raw_observations, raw_rewards, _, raw_cut, _ = raw.step(acts)
        assert rewards == {agent: float(np.float32(paid)) for agent, paid in raw_rewards.items()} and cut == raw_cut
    continuous = parallel_env(Foreign, env="mpe2:simple_spread_v3", continuous_actions=True)
    continuous.reset(seed=1)
    assert continuous.action_space("agent_0") == spaces.Box(-1, 1, (5,), np.float32)
    continuous.step({agent: continuous.action_space(agent).sample() for agent in continuous.agents})
    with pytest.raises(ValueError, match="agent_0 needs an action in Box"):
        continuous.step(dict.fromkeys(continuous.agents, [2.0] * 5))


def test_words_for_truth_values_are_refused():
    with pytest.raises(ValueError, match="continuous_actions must be true or false, got 'maybe'"):
        Foreign(1, env="mpe2:simple_tag_v3", continuous_actions="maybe")
