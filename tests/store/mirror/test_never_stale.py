"""Writes, deletions and searches from several threads: no answer that was never right.

Every item carries a version that only grows. A writer notes when a write begins and when it has
been acknowledged; a reader notes when it asks and when it is answered. What an answer says of an
item must be what held at some moment between: no older than what had been acknowledged when it
was asked, no newer than what had begun when it came, and of two answers one after the other the
later one no older.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.contract import Row
from searchengine.store.filters import parse_filter
from searchengine.store.milvus import MilvusStore
from tests.store.cases import make_item, rows_of, spec_of, unit

SIDE = Side("stale", "image")
ITEMS = 30
ROUNDS = 70


class History:
    """What was begun and acknowledged of each item: version 0 is none, odd ones are deletions."""

    def __init__(self) -> None:
        self.begun = [0] * ITEMS
        self.done = [0] * ITEMS


def write(store: MilvusStore, history: History, mine: range, seed: int) -> None:
    """Write and delete the items that are this writer's own, many at a time."""
    rng = np.random.default_rng(seed)
    rows = rows_of(ITEMS)
    for turn in range(1, ROUNDS):
        some = [n for n in mine if rng.random() < 0.6]
        version = 2 * turn
        deleting = rng.random() < 0.35
        for n in some:
            history.begun[n] = version + deleting
        if deleting:
            store.delete(SIDE, [rows[n].item.id for n in some])
        else:
            store.upsert(
                SIDE,
                [
                    Row(replace(make_item(n), width=version), rows[(n + turn) % ITEMS].vector)
                    for n in some
                ],
            )
        for n in some:
            history.done[n] = version + deleting
        if turn % 20 == 0:
            store.settle(SIDE)


def read(
    store: MilvusStore, history: History, stop: threading.Event, wrong: list[str], seed: int
) -> int:
    """Ask in every way until told to stop; note what cannot have been."""
    ids = {make_item(n).id: n for n in range(ITEMS)}
    query = unit(np.random.default_rng(seed).normal(size=32))
    seen = [0] * ITEMS
    for turn in itertools.count():
        if stop.is_set():
            return turn
        before = list(history.done)
        where = parse_filter("width > 0") if turn % 2 else None
        if turn % 3 == 0:
            rows = list(store.scan(SIDE, where=where, fields=("id", "width")))
        elif turn % 3 == 1:
            rows = [dict(one) for one in store.fetch(SIDE, list(ids), ("id", "width")).values()]
        else:
            [hits] = store.search(SIDE, query, limit=ITEMS, where=where, fields=("id", "width"))
            rows = [dict(hit.fields) for hit in hits]
        after = list(history.begun)
        found = {ids[row["id"]]: int(row["width"]) for row in rows}
        if len(found) != len(rows):
            wrong.append(f"an item twice: {rows}")
        for n in range(ITEMS):
            wrong += complaint(n, found.get(n), before[n], after[n], seen)
    raise AssertionError


def complaint(n: int, found: int | None, done: int, begun: int, seen: list[int]) -> list[str]:
    """Return what is wrong with one item in one answer."""
    if found is not None:
        if not max(done, seen[n]) <= found <= begun:
            return [f"item {n} at {found}: {done} was done, {begun} begun, {seen[n]} seen"]
        seen[n] = found
        return []
    if done and done % 2 == 0 and begun == done:
        return [f"item {n} is missing, {done} was done and nothing begun since"]
    return []


@pytest.mark.parametrize("unread", [1 << 24, 20_000])
def test_no_answer_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: int) -> None:
    """With little ``unread`` snapshots are let go of and taken anew all the time."""
    monkeypatch.setattr("searchengine.store.mirror.mirrors._UNREAD_BYTES", unread)
    store = open_store(tmp_path / "milvus")
    other = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    assert isinstance(other, MilvusStore)
    store.ensure(spec_of("stale"))
    history, stop, wrong = History(), threading.Event(), []
    reads: list[int] = []
    failed: list[BaseException] = []

    def run(task: object) -> None:
        try:
            task()  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)

    writers = [
        threading.Thread(target=run, args=(lambda a=a: write(*a),))
        for a in (
            (store, history, range(0, ITEMS // 2), 1),
            (other, history, range(ITEMS // 2, ITEMS), 2),
        )
    ]
    readers = [
        threading.Thread(target=run, args=(lambda a=a: reads.append(read(*a)),))
        for a in ((store, history, stop, wrong, 3), (other, history, stop, wrong, 4))
    ]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    end = {row["id"]: row["width"] for row in store.scan(SIDE, fields=("id", "width"))}
    assert end == {
        make_item(n).id: done for n, done in enumerate(history.done) if done and done % 2 == 0
    }
    used = store._connection.mirrored(store._handle(SIDE).collection)
    other.close()
    store.close()
    assert not failed, failed[0]
    assert not wrong, wrong[:5]
    assert sum(reads) > 50
    assert used is not None
