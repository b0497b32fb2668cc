"""An observation that was encoded goes back to the environment's own form; whole-number actions are all reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from arenas.foreign.spaces import encoder, environment_action
from arenas.origin import described, observation_of, origin_text, own_form, width
from arenas.protocol import SeatSpec
from zoo.sandbox.plain import TEXT

SIZES = st.integers(1, 4)
SHAPES = st.lists(SIZES, max_size=4).map(tuple)
BOXES = st.builds(
    lambda shape, kind: spaces.Box(kind[0], kind[1], shape, kind[2]),
    SHAPES,
    st.sampled_from(
        [(0, 255, np.uint8), (0, 7, np.uint8), (-5, 5, np.int8), (-2, 2, np.float32), (-1e3, 1e3, np.float64)]
    ),
)
SIMPLE = st.one_of(
    BOXES,
    st.builds(lambda n, start: spaces.Discrete(n, start=start), st.integers(1, 6), st.integers(-3, 3)),
    st.lists(SIZES, min_size=1, max_size=4).map(spaces.MultiDiscrete),
    st.builds(lambda shape: spaces.MultiDiscrete(np.full(shape, 3)), st.lists(SIZES, min_size=2, max_size=2)),
    st.lists(SIZES, min_size=1, max_size=2).map(spaces.MultiBinary),
)
SPACES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abcde"), inner, min_size=1, max_size=3).map(spaces.Dict),
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple),
    ),
    max_leaves=5,
)


def same(given: Any, own: Any) -> bool:
    """Whether what an environment gave and the first row of what was put back are the same."""
    if isinstance(given, Mapping):
        return all(same(given[key], own[key]) for key in given)
    if isinstance(given, tuple):
        return all(same(part, own[str(place)]) for place, part in enumerate(given))
    return own[0].shape == np.shape(given) and np.array_equal(np.asarray(given, np.float32), own[0].float().numpy())


@settings(max_examples=200, deadline=None)
@given(SPACES, st.integers(0, 1000))
def test_every_observation_goes_back_to_what_the_environment_gave(space: spaces.Space[Any], seed: int) -> None:
    space.seed(seed)
    shape, encode = encoder(space)
    plain = json.loads(json.dumps(described(space)))
    assert width(plain) == int(np.prod(shape))
    for _ in range(3):
        given = space.sample()
        assert same(given, own_form(plain, torch.tensor(encode(given))[None]))


def test_a_mask_is_put_back_where_it_stood() -> None:
    space = spaces.Dict({"action_mask": spaces.MultiBinary(3), "observation": spaces.Box(0, 1, (2, 3, 4), np.int8)})
    mask = torch.tensor([[True, False, True]])
    given = space.sample()
    found = own_form(described(space), torch.tensor(encoder(space)[1](given))[None], mask)
    assert isinstance(found, dict)
    assert same(given["observation"], found["observation"])
    assert torch.equal(found["action_mask"], mask.float())


def test_a_space_that_is_too_large_to_be_written_down_says_so() -> None:
    large = spaces.Dict({f"part {n}": spaces.Discrete(3) for n in range(1000)})
    text = origin_text(large, spaces.Discrete(2))
    assert len(text) < TEXT  # else no other process would read the rules of the game
    assert observation_of(SeatSpec((3000,), 2, origin=text)) == {"kind": "large"}
    assert len(origin_text(spaces.Box(np.arange(9000.0), 1e4, dtype=np.float64), spaces.Discrete(2))) < TEXT


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64]),
    st.integers(0, 100),
    st.integers(0, 20),
)
def test_each_whole_number_of_a_box_has_an_equal_share(kind: Any, low: int, more: int) -> None:
    space = spaces.Box(low, low + more, (1,), kind)
    values = np.linspace(-1, 1, 200 * (more + 1) + 1, dtype=np.float32)[:-1] + np.float32(0.5 / (100 * (more + 1)))
    played = [environment_action(space, value[None]) for value in values]
    assert all(space.contains(p) for p in played)
    numbers, counts = np.unique(np.concatenate(played), return_counts=True)
    assert numbers.tolist() == list(range(low, low + more + 1))
    assert counts.min() >= 198
    assert counts.max() <= 202


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.uint64])
def test_the_ends_of_the_widest_boxes_are_reached_and_not_left(kind: Any) -> None:
    ends = np.iinfo(kind)
    space = spaces.Box(ends.min, ends.max, (2, 2), kind)
    for value, end in ((-1.0, ends.min), (1.0, ends.max), (5.0, ends.max), (-5.0, ends.min)):
        played = environment_action(space, np.full(4, value, np.float32))
        assert space.contains(played)
        assert (played == end).all()
