"""The writer: rows a call by size, in order, not for long, and no further than its errors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from ingest.writer import ENOUGH_BYTES, LEAST_ROWS, MOST_ROWS, Writer, size_of
from searchengine.errors import StoreUnavailableError
from searchengine.records import Item, Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.memory import MemoryStore

IMAGES, TEXTS = Side("test", "image"), Side("test", "text")


def spec(side: Side, dim: int = 4) -> SideSpec:
    return SideSpec(side, "fake", "0" * 32, dim)


def row(key: int, side: Side = IMAGES, caption: str | None = None, dim: int = 4) -> Row:
    item = Item(f"{key:032x}", f"file:///{key:08}", side.modality, "1", "2", 3, 4, "image/png")
    if caption is not None:
        from dataclasses import replace

        item = replace(item, caption=caption)
    vector = np.zeros(dim, np.float32)
    vector[key % dim] = 1
    return Row(item, vector)


class Noting(MemoryStore):
    """Notes the calls it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str, int]] = []
        self.held = threading.Event()
        self.held.set()

    def ensure(self, spec: SideSpec) -> Any:
        self.calls.append(("ensure", spec.side.modality, 0))
        return super().ensure(spec)

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        assert self.held.wait(10)
        self.calls.append(("upsert", side.modality, len(rows)))
        super().upsert(side, rows)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        self.calls.append(("delete", side.modality, len(ids)))
        super().delete(side, ids)


def test_small_rows_are_written_by_thousands_large_ones_by_hundreds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.writer.AGE_S", 3600.0)

    def sizes(caption: str, rows: int) -> list[int]:
        store = Noting()
        with Writer(store) as writer:
            writer.ensure(spec(IMAGES))
            for n in range(rows):
                writer.add(IMAGES, row(n, caption=caption))
            writer.drain()
        assert store.count(IMAGES) == rows
        return [rows for what, _, rows in store.calls if what == "upsert"]

    assert sizes("x", MOST_ROWS + 10) == [MOST_ROWS, 10]
    assert sizes("x" * 30_000, LEAST_ROWS + 10) == [LEAST_ROWS, 10]
    one = size_of(row(1, caption="x" * 1000))
    fits = -(-ENOUGH_BYTES // one)
    assert LEAST_ROWS < fits < MOST_ROWS
    assert sizes("x" * 1000, fits + 10) == [fits, 10]


def test_a_number_of_rows_that_was_asked_for_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.writer.AGE_S", 3600.0)
    store = Noting()
    with Writer(store, 3) as writer:
        writer.ensure(spec(IMAGES))
        for n in range(8):
            writer.add(IMAGES, row(n))
        writer.drain()
    assert [rows for what, _, rows in store.calls if what == "upsert"] == [3, 3, 2]


def test_rows_do_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.writer.AGE_S", 0.01)
    store, written = Noting(), threading.Event()
    with Writer(store, on_written=lambda rows: written.set()) as writer:
        writer.ensure(spec(IMAGES))
        writer.add(IMAGES, row(1))
        assert written.wait(10), "nothing else was added, and nobody drained"


def test_calls_on_one_side_stay_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.writer.AGE_S", 3600.0)
    store = Noting()
    store.held.clear()
    with Writer(store) as writer:
        writer.ensure(spec(IMAGES))
        writer.ensure(spec(TEXTS))
        for n in range(4):
            writer.add(IMAGES, row(n))
            writer.add(TEXTS, row(n, TEXTS, "words"))
        writer.remove(IMAGES, [row(1).item.id])
        writer.remove(IMAGES, [row(2).item.id])
        writer.add(IMAGES, row(2))
        store.held.set()
        writer.drain()
    images = [call for call in store.calls if call[1] == "image"]
    assert images == [
        ("ensure", "image", 0),
        ("upsert", "image", 4),
        ("delete", "image", 2),
        ("upsert", "image", 1),
    ]
    assert (store.count(IMAGES), store.count(TEXTS)) == (3, 4)


def test_it_waits_for_a_database_that_is_far_behind() -> None:
    store, added = Noting(), []
    store.held.clear()
    with Writer(store, 1) as writer:
        writer.ensure(spec(IMAGES))

        def add() -> None:
            for n in range(20):
                writer.add(IMAGES, row(n))
                added.append(n)

        adding = threading.Thread(target=add)
        adding.start()
        adding.join(0.2)
        assert adding.is_alive()
        assert len(added) <= 4
        store.held.set()
        adding.join(10)
        writer.drain()
    assert store.count(IMAGES) == 20


def test_a_failed_write_is_told_and_nothing_after_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.writer.AGE_S", 3600.0)

    class Down(Noting):
        def upsert(self, side: Side, rows: Sequence[Row]) -> None:
            if self.calls[-1][0] == "upsert":
                raise StoreUnavailableError("the database went away")
            super().upsert(side, rows)

    store, acknowledged = Down(), []
    with Writer(store, 2, acknowledged.append) as writer:
        writer.ensure(spec(IMAGES))

        def add_all() -> None:
            for n in range(10):
                writer.add(IMAGES, row(n))
            writer.drain()

        with pytest.raises(StoreUnavailableError, match="went away"):
            add_all()
    assert acknowledged == [2]
    assert store.count(IMAGES) == 2


def test_written_twice_is_there_once() -> None:
    store = Noting()
    with Writer(store, 2) as writer:
        writer.ensure(spec(IMAGES))
        for n in (1, 2, 1, 2, 2):
            writer.add(IMAGES, row(n))
        writer.drain()
    assert store.count(IMAGES) == 2
