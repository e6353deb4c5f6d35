"""From a corpus to a folder of embeddings, as clip-retrieval writes it."""

from __future__ import annotations

import errno
import json
import os
import shutil
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from ingest.embeddings.layout import CARD, FOLDERS, METADATA
from ingest.embeddings.rows import row_of
from ingest.overlap import chunks
from searchengine.errors import DiskFullError, NotFoundError, ReadError, UsageError
from searchengine.records import ITEM_FIELDS, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np

    from searchengine.records import Modality
    from searchengine.store.contract import SideInfo, Store
    from searchengine.store.filters import Filter

ROWS = 100_000
"""Rows a file."""
_CHUNK = 1000


def export_embeddings(
    store: Store,
    side: Side,
    folder: Path,
    *,
    where: Filter | None = None,
    rows: int = ROWS,
    half: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write one side of a corpus (its matching items) into a new folder; return how many rows.

    Vectors are float32, with ``half`` float16. The folder appears when it is
    whole. Raises ``NotFoundError`` for a side that does not exist,
    ``UsageError`` for a folder that holds something, ``DiskFullError``.
    """
    info = store.describe(side)
    if info is None:
        raise NotFoundError(
            f"corpus {side.corpus!r} holds no {side.modality}s",
            hint="searchengine corpora lists what there is",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", hint="name a folder that is new or empty")
    try:
        partial = folder.parent / f".{folder.name}.partial-{os.getpid()}"
        partial.mkdir(parents=True)
        try:
            done = _write(store, info, partial, where, rows, half, on_progress)
            if folder.exists():
                folder.rmdir()
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"no space left for {folder}", hint="free some") from error
        raise ReadError(f"cannot write {folder}: {error.strerror or error}") from error
    return done


def _write(
    store: Store,
    info: SideInfo,
    folder: Path,
    where: Filter | None,
    rows: int,
    half: bool,
    on_progress: Callable[[int, int], None],
) -> int:
    modality = info.side.modality
    for name in (FOLDERS[modality], METADATA):
        (folder / name).mkdir()
    total = store.count(info.side, where)
    digits = len(str(max(0, (total - 1) // rows)))
    found = iter(store.scan(info.side, where=where, fields=(*ITEM_FIELDS, "vector")))
    done = 0
    for number in range(total + 1):  # more shards than rows there are not
        first = next(found, None)
        if first is None:
            break
        name = str(number).zfill(digits)
        shard = chunks(islice(chain([first], found), rows), _CHUNK)
        for written in _write_shard(folder, name, info, shard, half):
            done += written
            on_progress(done, max(total, done))
    card = {"model": info.model, "fingerprint": info.fingerprint, "dim": info.dim, "items": done}
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return done


def _write_shard(
    folder: Path,
    name: str,
    info: SideInfo,
    rows: Iterable[list[Mapping[str, Any]]],
    half: bool,
) -> Iterator[int]:
    """Write one file of vectors and one of metadata; yield how many rows went in at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    modality = info.side.modality
    kind = np.dtype(np.float16 if half else np.float32)
    stem = FOLDERS[modality]
    schema = _schema(modality)
    raw = folder / f"{stem}_{name}.raw"  # how many rows there are is known at the end
    count = 0
    metadata = folder / METADATA / f"{METADATA}_{name}.parquet"
    with raw.open("wb") as out, pq.ParquetWriter(metadata, schema) as writer:
        for chunk in rows:
            np.stack([row["vector"] for row in chunk]).astype(kind).tofile(out)
            values = [row_of(row, modality) for row in chunk]
            writer.write_table(pa.Table.from_pylist(values, schema=schema))
            count += len(chunk)
            yield len(chunk)
    _finish_vectors(raw, folder / stem / f"{stem}_{name}.npy", kind, (count, info.dim))


def _finish_vectors(raw: Path, target: Path, kind: np.dtype[Any], shape: tuple[int, int]) -> None:
    """Put NumPy's header (format 1.0) before numbers that are written already."""
    import numpy as np

    with target.open("wb") as out, raw.open("rb") as numbers:
        header = {
            "descr": np.lib.format.dtype_to_descr(kind),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(out, header)
        shutil.copyfileobj(numbers, out, 1 << 20)
    raw.unlink()


def _schema(modality: Modality) -> Any:
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    kinds = {"size": whole, "mtime_ns": whole, "width": whole, "height": whole}
    kinds |= {"latitude": real, "longitude": real}
    place = ["image_path"] if modality == "image" else []
    names = [*place, "caption", "url", *(name for name in ITEM_FIELDS if name not in _PUT)]
    return pa.schema([(name, kinds.get(name, text)) for name in [*names, "meta"]])


_PUT = ("caption", "meta")
