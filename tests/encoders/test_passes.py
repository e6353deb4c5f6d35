from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from searchengine.encoders.towers.passes import SMALLEST, cut, sizes


def test_sizes_halve_down_to_the_smallest() -> None:
    assert sizes(256) == (8, 16, 32, 64, 128, 256)
    assert sizes(8) == (8,)
    assert sizes(100) == (12, 25, 50, 100)


@given(rows=st.integers(0, 5_000), largest=st.integers(SMALLEST, 1_024))
def test_passes_cover_every_row_once_and_waste_less_than_half(rows: int, largest: int) -> None:
    passes = list(cut(rows, largest))
    covered = [row for one in passes for row in range(one.start, one.start + one.count)]
    assert covered == list(range(rows))
    for one in passes:
        assert one.size in sizes(largest)
        assert one.count <= one.size
        assert one.size <= max(2 * one.count + 1, 2 * SMALLEST)
