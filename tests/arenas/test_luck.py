import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from arenas.luck import Stream, below, bits, uniform

seeds = st.integers(-(2**63), 2**63 - 1)


def splitmix_finaliser(z):
    """Steele, Lea and Flood's function in whole numbers without a sign."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


@given(seeds, st.integers(0, 10**6))
def test_bits_are_splitmix(seed, counter):
    golden = 0x9E3779B97F4A7C15
    expected = splitmix_finaliser((splitmix_finaliser((seed + golden) % 2**64) + counter * golden) % 2**64)
    assert int(bits(torch.tensor([seed]), counter)) % 2**64 == expected


@given(st.lists(seeds, min_size=1, max_size=5), st.lists(st.integers(0, 500), min_size=1, max_size=20))
def test_a_stream_is_nothing_but_a_cache(rows, counters):
    seed = torch.tensor(rows)
    stream = Stream(seed)
    for counter in counters:
        assert torch.equal(stream.below(counter, 2**31), below(bits(seed, counter), 2**31))  # all bits of it
        assert torch.equal(stream.below(counter, 9), below(bits(seed, counter), 9))


def test_draws_are_uniform():
    seed = torch.arange(90_000)
    counts = torch.bincount(below(bits(seed, 3), 9), minlength=9)
    assert ((counts - 10_000) / math.sqrt(10_000 * 8 / 9)).abs().max() < 4.5
    share = uniform(seed, 4)
    assert share.min() >= 0 and share.max() < 1
    assert abs(share.mean() - 0.5) < 4.5 / math.sqrt(12 * 90_000)
    assert abs(torch.corrcoef(torch.stack((uniform(seed, 5), uniform(seed, 6))))[0, 1]) < 0.02
