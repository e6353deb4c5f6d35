"""What hangs together, and what goes with its keeper."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from searchengine.duplicates.groups import Neighbours, around_keepers, linked

COUNT = 12
PAIRS = st.lists(
    st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda p: p[0] < p[1])
)


def as_array(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.int32).reshape(-1, 2)


def split(
    pairs: list[tuple[int, int]], rank: list[int], together: set[tuple[int, int]]
) -> list[list[int]]:
    array = as_array(pairs)
    neighbours = Neighbours(COUNT, array)

    def go_together(keeper: int, others: list[int]) -> list[bool]:
        return [(min(keeper, one), max(keeper, one)) in together for one in others]

    return [
        group
        for members in linked(COUNT, array)
        for group in around_keepers(members, np.array(rank, np.int32), neighbours, go_together)
    ]


@given(PAIRS)
def test_linked_are_the_connected_parts(pairs: list[tuple[int, int]]) -> None:
    parts = [{one} for one in range(COUNT)]  # the slow way
    for one, other in pairs:
        joined = [part for part in parts if one in part or other in part]
        parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    expected = sorted(sorted(part) for part in parts if len(part) > 1)
    assert sorted(linked(COUNT, as_array(pairs))) == expected


@given(PAIRS, st.permutations(range(COUNT)))
def test_every_member_goes_with_its_keeper(pairs: list[tuple[int, int]], rank: list[int]) -> None:
    together = set(pairs)
    groups = split(pairs, rank, together)
    members = [one for group in groups for one in group]
    assert len(members) == len(set(members)), "nobody is in two groups"
    for keeper, *others in groups:
        assert others
        assert all((min(keeper, one), max(keeper, one)) in together for one in others)
        assert all(rank[keeper] < rank[one] for one in others)


def test_a_chain_does_not_become_one_group() -> None:
    chain = [(at, at + 1) for at in range(COUNT - 1)]
    groups = split(chain, list(range(COUNT)), set(chain))
    assert groups == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]


def test_a_keeper_finds_what_hangs_on_what_it_has_taken() -> None:
    chain = [(0, 5), (5, 7), (7, 9)]
    everything = {(a, b) for a in range(COUNT) for b in range(a + 1, COUNT)}
    assert split(chain, list(range(COUNT)), everything) == [[0, 5, 7, 9]]


def test_a_long_chain_takes_time_with_its_length_not_its_square() -> None:
    count, asked = 20_000, 0
    pairs = np.stack([np.arange(count - 1), np.arange(1, count)], axis=1).astype(np.int32)

    def go_together(keeper: int, others: list[int]) -> list[bool]:
        nonlocal asked
        asked += len(others)
        return [abs(keeper - one) == 1 for one in others]

    (members,) = linked(count, pairs)
    rank = np.arange(count, dtype=np.int32)
    groups = list(around_keepers(members, rank, Neighbours(count, pairs), go_together))
    assert len(groups) == count // 2
    assert asked <= 3 * count
