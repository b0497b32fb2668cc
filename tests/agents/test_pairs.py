"""Partitions into pairs, and the marginal joint policy of pairs."""

from __future__ import annotations

import math

import pytest

from agents.parts.pairs import partitions


@pytest.mark.parametrize(("seats", "count"), [(2, 1), (3, 3), (4, 3), (5, 15), (6, 15), (7, 105), (8, 105)])
def test_as_many_partitions_as_the_authors_count(seats: int, count: int) -> None:
    found = partitions(seats)
    assert len(found) == len(set(found)) == count
    for partition in found:
        assert sorted(seat for block in partition for seat in block) == list(range(seats))
        assert sorted(map(len, partition)) == [1] * (seats % 2) + [2] * math.floor(seats / 2)
