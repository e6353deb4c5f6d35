"""A disk that takes no file: what was acknowledged is found all the same."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.errors import DiskFullError
from searchengine.store import open_store
from searchengine.store.lite_files import write_lite_files_leanly
from searchengine.store.lite_flush import keep_rows_of_a_failed_flush
from searchengine.store.milvus import MilvusStore
from tests.store.cases import rows_of, spec_of
from tests.store.test_lite import SIDE

write_lite_files_leanly()  # before Lite is imported

from milvus_lite.engine import collection as lite_collection  # noqa: E402
from milvus_lite.engine import flush  # noqa: E402
from milvus_lite.storage.manifest import Manifest  # noqa: E402

ROWS = 400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MilvusStore]:
    with closing(open_store(str(tmp_path / "db"))) as opened:
        opened.ensure(spec_of(SIDE.corpus))
        yield opened


def fail(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def no_file(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flush, "write_data_file", fail)


def no_manifest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Manifest, "save", fail)


def no_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lite_collection, "WAL", fail)


def all_found(store: MilvusStore, rows: list[Any]) -> None:
    assert store.count(SIDE) == len(rows)
    found = store.fetch(SIDE, [row.item.id for row in rows], ("revision",))
    assert set(found) == {row.item.id for row in rows}
    for row in rows[:: len(rows) // 5]:
        [[best]] = store.search(SIDE, np.stack([row.vector]), limit=1, fields=("id",))
        assert best.score == pytest.approx(1, abs=1e-5)


def test_the_lite_that_is_installed_is_the_one_that_is_known() -> None:
    assert keep_rows_of_a_failed_flush()


@pytest.mark.parametrize("broken", [no_file, no_manifest, no_log])
def test_rows_are_found_while_the_disk_is_full_and_afterwards(
    store: MilvusStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pytest.MonkeyPatch], None],
) -> None:
    rows = rows_of(ROWS)
    store.upsert(SIDE, rows[:100])
    store.settle(SIDE)
    store.upsert(SIDE, rows[100:200])
    store.delete(SIDE, [rows[0].item.id])
    with monkeypatch.context() as patch:
        broken(patch)
        for _ in range(2):
            with pytest.raises(DiskFullError):
                store.settle(SIDE)
            all_found(store, rows[1:200])
    store.upsert(SIDE, rows[200:])
    all_found(store, rows[1:])
    assert store.settle(SIDE).count == ROWS - 1
    all_found(store, rows[1:])
    store.close()
    with closing(open_store(str(tmp_path / "db"))) as again:
        all_found(again, rows[1:])


def test_a_process_that_ends_with_a_full_disk_loses_nothing(
    store: MilvusStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(ROWS)
    store.upsert(SIDE, rows)
    with monkeypatch.context() as patch:
        no_file(patch)
        with pytest.raises(DiskFullError):
            store.settle(SIDE)
        store.close()
    with closing(open_store(str(tmp_path / "db"))) as again:
        all_found(again, rows)
