import numpy as np
import pytest
from gymnasium import spaces

from arenas.foreign.spaces import action_mask, encoder, environment_action

PICTURE = np.arange(2 * 3 * 3).reshape(2, 3, 3).astype(np.uint8)
MASKED = {"b": spaces.Discrete(2), "a": spaces.Box(0, 1, (2, 2)), "action_mask": spaces.MultiBinary(4)}


@pytest.mark.parametrize(
    ("space", "observation", "encoded"),
    [
        (spaces.Box(-1, 1, (2,), np.float64), np.array([0.5, -1]), [0.5, -1]),
        (spaces.Box(-1, 1, ()), np.float32(0.25), [0.25]),
        (spaces.Box(0, 255, (2, 3, 3), np.uint8), PICTURE, (PICTURE.transpose(2, 0, 1) / np.float32(255)).tolist()),
        (spaces.Box(0, 255, (2,), np.uint8), np.array([0, 51], np.uint8), [0, np.float32(0.2)]),
        (spaces.Box(0, 1, (1, 2, 3), np.int8), np.array([[[1, 0, 0], [0, 1, 1]]]), [[[1, 0]], [[0, 1]], [[0, 1]]]),
        (spaces.Discrete(3), 2, [0, 0, 1]),
        (spaces.Discrete(3, start=4), np.int64(4), [1, 0, 0]),
        (spaces.MultiBinary(3), np.array([1, 0, 1], np.int8), [1, 0, 1]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 0]), [0, 1, 1, 0, 0]),
        (spaces.Dict(MASKED), {"b": 1, "a": np.eye(2), "action_mask": np.ones(4)}, [1, 0, 0, 1, 0, 1]),
        (spaces.Dict({"observation": spaces.Discrete(2)}), {"observation": 0}, [1, 0]),
        (spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary(1)]), (1, np.array([1])), [0, 1, 1]),
    ],
)
def test_every_observation_becomes_one_array_of_numbers(space, observation, encoded):
    shape, encode = encoder(space)
    array = encode(observation)
    assert array.dtype == np.float32 and array.shape == shape
    np.testing.assert_array_equal(array, np.array(encoded, np.float32))


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.Dict({"words": spaces.Text(3)})])
def test_words_have_no_form_as_numbers(space):
    with pytest.raises(ValueError, match="have no form as numbers"):
        encoder(space)


def test_masks():
    legal = np.array([1, 0], np.int8)
    assert action_mask({"action_mask": legal}, {}).tolist() == [True, False]
    assert action_mask(np.zeros(3), {"action_mask": legal}).tolist() == [True, False]
    assert action_mask(np.zeros(3), {}) is None


def test_actions():
    assert environment_action(spaces.Discrete(3, start=2), np.array(1)) == 3
    box = spaces.Box(np.array([[0, -2]], np.float32), np.array([[1, 4]], np.float32))
    np.testing.assert_array_equal(environment_action(box, np.array([-1, 0], np.float32)), [[0, 1]])
    np.testing.assert_array_equal(environment_action(box, np.array([9, -9], np.float32)), [[1, -2]])
