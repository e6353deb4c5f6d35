"""A folder at rest answers as Milvus Lite does, and nobody is told what is no longer so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.errors import NotFoundError, QueryError
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.at_rest.store import AtRestStore
from searchengine.store.contract import Found, Row, Store
from searchengine.store.fields import ALL_FIELDS, VECTOR
from searchengine.store.filters import parse_filter
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, make_item, rows_of, spec_of, unit

SIDE = Side("c", "image")
EVERYTHING = (*ALL_FIELDS, VECTOR)


def write(folder: Path, *steps: Callable[[Store], None], profile: str = "auto") -> None:
    """Do each step in a session of its own: what one has written, the next finds in files."""
    for step in steps:
        store = open_store(folder)
        store.ensure(spec_of("c", profile=profile))
        step(store)
        store.close()


def put(*rows: Row) -> Callable[[Store], None]:
    return lambda store: store.upsert(SIDE, rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 rows in several files: some written twice, some deleted, some deleted and back."""
    first, second = rows_of(300), rows_of(300, seed=1)
    again = [Row(make_item(n, caption="new"), second[n].vector) for n in range(50, 120)]
    gone = [row.item.id for row in first[100:150]]
    rich = make_item(7, caption="hats", meta={"a": {"b": [1, None]}}, width=5, latitude=1.5)
    write(
        tmp_path / "milvus",
        put(*first),
        put(*again),
        lambda store: store.delete(SIDE, gone),
        put(*second[140:160]),
        put(Row(rich, first[7].vector)),
    )
    return tmp_path / "milvus"


@pytest.fixture
def resting(folder: Path) -> Iterator[AtRestStore]:
    store = open_store(folder, at_rest=True)
    assert isinstance(store, AtRestStore)
    yield store
    store.close()


def fields_of(hits: list[Found]) -> list[tuple[Any, ...]]:
    """Return all of the hits but their scores."""
    return [(hit.id, {**hit.fields, VECTOR: None}, hit.fields[VECTOR].tobytes()) for hit in hits]


def is_asleep(store: AtRestStore) -> bool:
    return store._lite is None


def test_answers_are_those_of_lite(folder: Path, resting: AtRestStore) -> None:
    queries = unit(np.random.default_rng(5).normal(size=(3, DIM)))
    asked: dict[str, Any] = {"limit": 400, "offset": 3, "fields": EVERYTHING, "min_score": -0.5}
    ids = [make_item(number).id for number in range(0, 300, 7)] + ["no such id"]
    info = resting.describe(SIDE)
    found = resting.search(SIDE, queries, **asked)
    fetched = resting.fetch(SIDE, ids, EVERYTHING)
    count, capabilities = resting.count(SIDE), resting.capabilities
    assert is_asleep(resting)
    resting.close()
    lite = open_store(folder)
    assert isinstance(lite, MilvusStore)
    assert lite.describe(SIDE) == info
    assert lite.capabilities == capabilities
    assert lite.count(SIDE) == count == 260
    for theirs, ours in zip(lite.search(SIDE, queries, **asked), found, strict=True):
        assert fields_of(theirs) == fields_of(ours)
        # Lite makes its vectors unit once more: sums in another order.
        np.testing.assert_allclose([h.score for h in theirs], [h.score for h in ours], atol=2e-6)
    rows = lite.fetch(SIDE, ids, EVERYTHING)
    assert rows.keys() == fetched.keys()
    assert len(rows) == 38
    for one, row in rows.items():
        assert {**row, VECTOR: None} == {**fetched[one], VECTOR: None}
        assert row[VECTOR].tobytes() == fetched[one][VECTOR].tobytes()
    lite.close()


def test_a_graph_index_is_described_and_not_needed(tmp_path: Path) -> None:
    rows = rows_of(200)
    write(tmp_path / "m", put(*rows), lambda store: None, profile="HNSW")
    store = open_store(tmp_path / "m", at_rest=True)
    assert isinstance(store, AtRestStore)
    info = store.describe(SIDE)
    assert info is not None
    assert (info.index, info.count) == ("HNSW", 200)
    hits = store.search(SIDE, rows[3].vector[None], limit=2)[0]
    assert hits[0].id == rows[3].item.id
    assert is_asleep(store)
    store.close()


def test_what_files_cannot_answer_is_asked_of_lite(resting: AtRestStore) -> None:
    query = rows_of(8)[7].vector[None]
    hits = resting.search(SIDE, query, limit=3, where=parse_filter("caption = 'hats'"))[0]
    assert [hit.id for hit in hits] == [make_item(7).id]
    assert is_asleep(resting)
    assert resting.search_text(SIDE, "hats", limit=3)[0].id == make_item(7).id
    assert not is_asleep(resting)
    assert resting.search(SIDE, query, limit=1)[0][0].id == make_item(7).id
    assert resting.search(SIDE, query, limit=3, where=parse_filter("width = 5"))[0][0] == hits[0]
    assert [info.side for info in resting.sides()] == [SIDE]


def test_wrong_questions_are_refused_as_ever(resting: AtRestStore) -> None:
    query = rows_of(1)[0].vector[None]
    with pytest.raises(QueryError):
        resting.search(SIDE, query, limit=-1)
    with pytest.raises(QueryError):
        resting.search(SIDE, query[:, :5], limit=1)
    assert is_asleep(resting)
    other = Side("c", "text")
    assert resting.describe(other) is None
    with pytest.raises(NotFoundError):
        resting.search(other, query, limit=1)


def test_writing_through_it_is_seen_by_it(resting: AtRestStore) -> None:
    assert resting.count(SIDE) == 260
    new = Row(make_item(999), rows_of(1, seed=9)[0].vector)
    resting.upsert(SIDE, [new])
    assert resting.count(SIDE) == 261
    assert resting.search(SIDE, new.vector[None], limit=1)[0][0].id == new.item.id


def test_a_writer_in_the_same_process_is_let_in_and_seen(
    folder: Path, resting: AtRestStore
) -> None:
    new = Row(make_item(999), rows_of(1, seed=9)[0].vector)
    assert resting.fetch(SIDE, [new.item.id], ("id",)) == {}
    writer = open_store(folder)
    writer.upsert(SIDE, [new])
    assert resting.search(SIDE, new.vector[None], limit=1)[0][0].id == new.item.id
    writer.delete(SIDE, [new.item.id])
    assert resting.fetch(SIDE, [new.item.id], ("id",)) == {}
    writer.close()


def test_while_lite_has_it_open_here_it_is_shared(folder: Path) -> None:
    writer = open_store(folder)
    reader = open_store(folder, at_rest=True)
    assert isinstance(reader, MilvusStore)
    assert reader.count(SIDE) == 260
    reader.close()
    writer.close()


_OTHER = """
import sys
from searchengine.errors import StoreBusyError
from searchengine.store import open_store
from searchengine.records import Side
try:
    store = open_store(sys.argv[1], at_rest=sys.argv[2] == "rest")
    print(type(store).__name__, store.count(Side("c", "image")))
except StoreBusyError:
    print("busy")
"""


def other_process(folder: Path, how: str) -> str:
    command = [sys.executable, "-c", _OTHER, str(folder), how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="its locks are not shared")
def test_readers_share_a_folder_and_writers_wait_for_them(
    folder: Path, resting: AtRestStore
) -> None:
    assert resting.count(SIDE) == 260
    assert other_process(folder, "rest") == "AtRestStore 260"
    assert other_process(folder, "lite") == "busy"
    resting.search_text(SIDE, "hats", limit=1)  # now Lite has it
    assert other_process(folder, "rest") == "busy"
    resting.close()
    assert other_process(folder, "lite") == "MilvusStore 260"


def test_rows_that_wait_in_the_log_are_not_overlooked(tmp_path: Path) -> None:
    """As after a kill: the folder is copied while it is open, rows and log."""
    writer = open_store(tmp_path / "m")
    writer.ensure(spec_of("c"))
    writer.upsert(SIDE, rows_of(40))
    shutil.copytree(tmp_path / "m", tmp_path / "killed")
    writer.close()
    store = open_store(tmp_path / "killed", at_rest=True)
    assert isinstance(store, AtRestStore)
    assert store.count(SIDE) == 40
    assert not is_asleep(store)
    store.close()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("manifest.json", '"manifest_format_version": 2', '"manifest_format_version": 3'),
        ("schema.json", '"schema_format_version": 2', '"schema_format_version": 3'),
        ("manifest.json", '"FLAT"', '"NEW"'),
        ("manifest.json", "{", "{{"),
        ("manifest.json", '"data_files"', '"other_files"'),
    ],
)
def test_a_layout_that_is_not_known_is_left_to_lite(
    name: str, old: str, new: str, folder: Path, resting: AtRestStore
) -> None:
    (path,) = folder.glob(f"collections/*/{name}")
    edit(path, old, new)
    asked: list[str] = []
    resting._open_lite = lambda: asked.append("lite") or pytest.fail("asked")  # type: ignore[func-returns-value]
    with pytest.raises(pytest.fail.Exception):
        resting.count(SIDE)
    assert asked == ["lite"]


def test_damaged_rows_are_left_to_lite(folder: Path, resting: AtRestStore) -> None:
    assert resting.count(SIDE) == 260
    for path in folder.glob("collections/*/partitions/*/data/*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    asked: list[str] = []
    resting._open_lite = lambda: asked.append("lite") or pytest.fail("asked")  # type: ignore[func-returns-value]
    with pytest.raises(pytest.fail.Exception):
        resting.search(SIDE, rows_of(1)[0].vector[None], limit=1)
    assert asked == ["lite"]


def test_a_side_too_large_is_left_to_lite(folder: Path) -> None:
    from searchengine.store.at_rest.store import rest

    store = rest(folder, lambda: open_store(folder), most_bytes=200 * DIM * 4)
    assert store is not None
    assert store.count(SIDE) == 260
    assert not is_asleep(store)
    store.close()


def test_no_folder_is_made_to_be_read(tmp_path: Path) -> None:
    from searchengine.store.at_rest.store import rest

    assert rest(tmp_path / "none", lambda: pytest.fail("asked"), most_bytes=1) is None
    assert not (tmp_path / "none").exists()


def test_a_question_needs_neither_pymilvus_nor_lite(folder: Path) -> None:
    code = f"""
import sys
import numpy
from searchengine.records import Side
from searchengine.store import open_store
store = open_store({str(folder)!r}, at_rest=True)
side = Side("c", "image")
assert store.describe(side).count == 260
query = numpy.eye(1, {DIM}, dtype=numpy.float32)
hits = store.search(side, query, limit=5, fields=("id", "vector"))[0]
assert len(store.fetch(side, [hit.id for hit in hits], ("uri", "meta"))) == 5
heavy = [name for name in ("pymilvus", "milvus_lite", "grpc", "faiss") if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_readers_and_a_writer_never_see_the_past(folder: Path) -> None:
    """Each acknowledged row is there for every question that begins afterwards."""
    reader = open_store(folder, at_rest=True)
    written: list[str] = []
    done = threading.Event()
    missed: list[str] = []

    def ask() -> None:
        while not done.is_set():
            known = list(written)
            found = reader.fetch(SIDE, known, ("id",))
            missed.extend(one for one in known if one not in found)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    writer = open_store(folder)
    for row in rows_of(30, seed=3):
        new = Row(make_item(1_000 + len(written)), row.vector)
        writer.upsert(SIDE, [new])
        written.append(new.item.id)
    done.set()
    for thread in threads:
        thread.join()
    assert missed == []
    reader.close()
    writer.close()


def test_the_version_that_is_live_is_read_and_another_by_its_name(tmp_path: Path) -> None:
    folder, text = tmp_path / "milvus", Side("c", "text")
    draft = Side("c", "image", draft=True)
    with closing(open_store(folder)) as store:
        for side, dim in ((SIDE, DIM), (text, DIM), (draft, 16)):
            print_ = "b" * 32 if side.draft else "a" * 32
            store.ensure(replace(spec_of("c", dim, fingerprint=print_), side=side))
            store.upsert(side, rows_of(20, dim))
    for back, dim in ((None, DIM), (False, 16), (True, DIM)):
        if back is not None:
            with closing(open_store(folder)) as store:
                store.switch("c", back=back)
        with closing(open_store(folder, at_rest=True)) as store:
            assert isinstance(store, AtRestStore)
            info = store.describe(SIDE)
            assert info is not None
            assert (info.dim, info.count) == (dim, 20)
            very = replace(SIDE, version=info.version)
            [hits] = store.search(very, rows_of(20, dim)[3].vector, limit=3)
            assert hits[0].id == rows_of(4)[3].item.id
            assert store._sides[very] is store._sides[SIDE]  # read once
            assert store._lite is None
            texts = store.describe(text)
            assert (texts is None) == (back is False)  # a draft without texts has none when live
