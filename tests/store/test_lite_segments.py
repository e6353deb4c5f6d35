"""Files of Milvus Lite whose columns stay on disk give what those that are held give."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from searchengine.store import open_store
from searchengine.store.lite_files import read, write, write_lite_files_leanly
from searchengine.store.lite_segments import hold_keys_only
from tests.store.cases import rows_of, spec_of
from tests.store.test_lite import SIDE

write_lite_files_leanly()  # before Lite is imported
hold_keys_only(read)

from milvus_lite.storage import segment  # noqa: E402

ROWS, DIM = 5_000, 8
COLUMNS = ("_seq", "id", "caption", "$meta", "vector")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    flat = pa.array(rng.normal(size=ROWS * DIM).astype(np.float32))
    table = pa.table(
        {
            "_seq": pa.array(range(100, 100 + ROWS), pa.uint64()),
            "id": [f"{n:032x}" for n in range(ROWS)],
            "caption": [f"ein Hund 狗 {n}" for n in range(ROWS)],
            "$meta": ['{"colour": "red"}'] * ROWS,
            "vector": pa.FixedSizeListArray.from_arrays(flat, DIM),
        }
    )
    return tmp_path / write(table, str(tmp_path), 100, 100 + ROWS - 1)


def both(file: Path) -> tuple[Any, Any]:
    """Return the file as Lite holds it, and as it is held here."""
    table = read(str(file))
    own = segment.Segment(
        file_path=str(file),
        partition="_default",
        pk_field="id",
        vector_field="vector",
        pks=table.column("id").to_pylist(),
        seqs=np.asarray(table.column("_seq"), np.uint64),
        vectors=segment._extract_vector_array(table.column("vector"))[0],
        table=table,
    )
    return own, segment.Segment.load(str(file), "_default", "id", "vector")


def flat(metric: str = "COSINE") -> Any:
    return SimpleNamespace(
        index_type="FLAT", metric_type=metric, field_name="vector", build_params={}
    )


def test_the_lite_that_is_installed_is_the_one_that_is_known() -> None:
    assert hold_keys_only(read)


def test_a_version_that_looks_otherwise_inside_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other:
        __slots__ = ("pks",)

    monkeypatch.setattr(segment, "Segment", Other)
    assert not hold_keys_only(read)
    assert not hasattr(Other, "load")


def test_keys_are_there_and_columns_come_when_asked_for(file: Path) -> None:
    own, mine = both(file)
    assert mine.resting
    assert mine.pks == own.pks
    assert mine.pk_to_row == own.pk_to_row
    assert mine.seqs.dtype == np.uint64
    assert np.array_equal(mine.seqs, own.seqs)
    assert mine.num_rows == ROWS
    assert mine.find_row(own.pks[17]) == 17
    assert mine.find_row("none") is None
    assert mine.nbytes == pytest.approx(own.table.nbytes, rel=0.5)
    assert mine.resting
    assert mine.row_to_dict(17) == own.row_to_dict(17)
    assert not mine.resting
    assert mine.table.equals(own.table)
    assert np.array_equal(mine.vectors, own.vectors)
    assert mine.vector_null_mask is None
    assert mine.vector_dim == DIM


def test_a_file_without_vectors_has_none(file: Path) -> None:
    mine = segment.Segment.load(str(file), "_default", "id", None)
    assert mine.vectors.shape == (ROWS, 0)
    assert mine.vector_null_mask is None
    assert mine.resting


def test_the_file_can_be_read_when_a_merge_has_removed_its_name(file: Path) -> None:
    own, mine = both(file)
    file.unlink()
    assert mine.resting
    assert mine.table.equals(own.table)


def test_many_who_ask_at_once_read_it_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, mine = both(file)
    reads = []

    def counted(source: Any) -> Any:
        reads.append(source)
        return read(source)

    monkeypatch.setattr(type(mine), "read", staticmethod(counted))
    threads = [threading.Thread(target=lambda: mine.vectors) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(reads) == 1


def test_a_flat_index_is_mapped_and_finds_the_same(file: Path, tmp_path: Path) -> None:
    own, mine = both(file)
    own.build_or_load_index(flat(), str(tmp_path / "own"))
    mine.build_or_load_index(flat(), str(tmp_path / "mine"))
    [saved], [kept] = (sorted((tmp_path / name).iterdir()) for name in ("own", "mine"))
    assert kept.name == saved.name
    assert kept.read_bytes() == saved.read_bytes()
    assert mine.resting
    queries = np.random.default_rng(1).normal(size=(3, DIM)).astype(np.float32)
    mask = np.arange(ROWS) % 3 == 0
    for valid in (None, mask):
        for found, expected in zip(
            mine.index.search(queries, 10, valid), own.index.search(queries, 10, valid), strict=True
        ):
            assert np.array_equal(found, expected)
    vectors, nulls = mine.vector_data("vector")
    assert np.array_equal(vectors, own.vectors)
    assert nulls is None
    assert mine.resting
    assert np.shares_memory(mine.vectors, mine.index._vectors)
    assert mine.table.equals(own.table)
    assert not np.shares_memory(mine.vectors, mine.index._vectors), "they are held once, in memory"
    assert np.array_equal(mine.vectors, own.vectors)
    kept.unlink()  # as when a merge has made the file a part of another
    assert mine.index.search(queries, 1)[0].shape == (3, 1)


def test_what_a_killed_process_left_of_an_index_is_removed(file: Path, tmp_path: Path) -> None:
    _, mine = both(file)
    left = tmp_path / "indexes" / ".data_1_2.vector.flat.idx.1.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    mine.build_or_load_index(flat(), str(left.parent))
    assert not left.exists()
    assert len(list(left.parent.iterdir())) == 1


def test_an_index_file_of_other_rows_is_refused(file: Path, tmp_path: Path) -> None:
    _, mine = both(file)
    path = Path(mine.index_file_path(str(tmp_path / "indexes"), "FLAT", "vector"))
    path.parent.mkdir()
    np.save(path.open("wb"), np.zeros((3, DIM), np.float32))
    with pytest.raises(ValueError, match="not 5000 vectors"):
        mine.build_or_load_index(flat(), str(tmp_path / "indexes"))


def test_another_kind_of_index_is_made_as_ever(file: Path, tmp_path: Path) -> None:
    _, mine = both(file)
    spec = flat()
    spec.index_type = "HNSW"
    mine.build_or_load_index(spec, str(tmp_path / "indexes"))
    ids, _ = mine.index.search(mine.vectors[:4], 1)
    assert ids.ravel().tolist() == [0, 1, 2, 3]


def test_filling_a_corpus_leaves_its_rows_on_disk(tmp_path: Path) -> None:
    from searchengine.store.lite import _folders

    with closing(open_store(str(tmp_path / "db"))) as store:
        store.ensure(spec_of(SIDE.corpus))
        rows = rows_of(1400)
        for some in (rows[:700], rows[700:]):
            store.upsert(SIDE, some)
            info = store.settle(SIDE)
        assert info.count == 1400
        [opened] = [one for key, one in _folders.items() if key == (tmp_path / "db").resolve()]
        [collection] = [one for one in opened.database._collections.values() if one._segment_cache]
        collection._wait_for_bg(60)
        held = list(collection._segment_cache.values())
        assert held
        assert all(one.resting for one in held)
        assert not opened.mirrors._mirrors
        [hits] = store.search(SIDE, np.stack([row.vector for row in rows_of(3)[:1]]), limit=1)
        assert hits[0].score == pytest.approx(1)
