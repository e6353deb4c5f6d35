"""Folders of many files are listed without holding what was listed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from ingest.sources import open_sources
from ingest.sources.once import Seen


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for n in range(count):
        (folder / f"picture-{n:06}.jpg").touch()


def peak(root: Path) -> tuple[int, int]:
    """How many files are listed, and the bytes held for it at most."""
    source = open_sources([root])
    tracemalloc.start()
    count = sum(1 for _ in source)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return count, most


def test_memory_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    for n in range(3):
        fill(tmp_path / "small" / str(n), 200)
    for n in range(15):
        fill(tmp_path / "large" / str(n), 200)
    small, large = peak(tmp_path / "small"), peak(tmp_path / "large")
    assert (small[0], large[0]) == (600, 3000)
    assert large[1] < small[1] + 50_000


def test_of_one_folder_little_more_than_the_names_are_held(tmp_path: Path) -> None:
    fill(tmp_path / "flat", 2500)
    count, most = peak(tmp_path / "flat")
    assert count == 2500
    assert most < 2500 * 120 + 100_000


def test_what_was_seen_costs_bytes_not_objects() -> None:
    seen = Seen()
    tracemalloc.start()
    assert all(seen.add(f"https://example.org/{n}.jpg") for n in range(20_000))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20_000 * 8 + 4096 * 150
    assert not any(seen.add(f"https://example.org/{n}.jpg") for n in range(0, 20_000, 17))
    assert seen.add("https://example.org/new.jpg")
