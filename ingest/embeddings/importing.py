"""From a folder of embeddings into a corpus, without a model.

What is there already, as it is, is left alone, so that a run that was killed
goes on where it stopped. A vector that is none, and a row that says nothing
usable, is a row in the report.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.embeddings.layout import find_shards, open_vectors, read_card
from ingest.embeddings.rows import item_of
from ingest.overlap import chunks
from ingest.sources.once import Seen
from ingest.sources.reading import open_regular
from ingest.sources.tables import open_table
from ingest.writer import Writer
from searchengine.errors import DecodeError, ItemError, MismatchError, UsageError
from searchengine.identity import file_uri, fragment_uri
from searchengine.records import Item, Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.fields import encode_item

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt

    from ingest.embeddings.layout import Shard
    from ingest.report import Report
    from searchengine.encoders import ModelCard
    from searchengine.encoders.contract import Encoder
    from searchengine.records import Modality
    from searchengine.store.contract import Store

_CHUNK = 1000
_ALIKE = 0.95
"""Median cosine from which embeddings count as a model's own (fp16 and other decoders: > 0.99)."""


@dataclass(frozen=True)
class Importing:
    """What to import, and as what."""

    folder: Path
    corpus: str
    card: ModelCard | Encoder
    """Of the model that made the embeddings: its name, fingerprint and dimension."""
    modality: Modality = "image"
    images: Path | None = None
    """The folder that relative paths start from."""
    profile: str = "auto"
    write_rows: int = 0
    draft: bool = False
    """Whether it goes into the draft, the version that is being made beside the live one."""

    @property
    def side(self) -> Side:
        """The side that is written to."""
        return Side(self.corpus, self.modality, self.draft)


def import_embeddings(
    job: Importing,
    store: Store,
    report: Report,
    *,
    stop: threading.Event | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Write the embeddings of a folder into a corpus; fill in and return the report.

    ``on_progress`` is told how many rows are done, and of how many. Raises
    ``MismatchError`` where the embeddings, the model and the corpus do not go
    together, before anything is written.
    """
    shards = find_shards(job.folder, job.modality)
    side = job.side
    rows = _check(job, shards, store)
    report.model = job.card.name
    seen, done = Seen(), 0
    with Writer(store, job.write_rows, lambda n: _count(report, n)) as writer:
        writer.ensure(
            SideSpec(side, job.card.name, job.card.fingerprint, job.card.dim, job.profile)
        )
        writer.drain()
        held = chain.from_iterable(_rows(job, shard, report) for shard in shards)
        for chunk in chunks(held, _CHUNK):
            if stop is not None and stop.is_set():
                report.interrupted = True
                break
            _take(chunk, side, store, seen, writer, report)
            done += len(chunk)
            on_progress(done, rows)
        writer.drain()
    store.settle(side)
    report.finish()
    return report


def _check(job: Importing, shards: list[Shard], store: Store) -> int:
    """Return how many vectors there are. Raises ``MismatchError`` for those of another model."""
    own = read_card(job.folder)
    if own is not None and own.fingerprint != job.card.fingerprint:
        raise MismatchError(
            f"{job.folder} was exported from a corpus of {own.model} ({own.fingerprint}), "
            f"not {job.card.name} ({job.card.fingerprint})",
            hint=f"--model {own.model}",
        )
    known = store.describe(job.side)
    if known is not None and known.fingerprint != job.card.fingerprint:
        raise MismatchError(
            f"corpus {job.corpus!r} was made with {known.model} ({known.fingerprint}), "
            f"not with {job.card.name} ({job.card.fingerprint})",
            hint="import into another corpus (--corpus NAME), or beside this one (--beside)",
        )
    rows = 0
    for shard in shards:
        try:
            vectors = open_vectors(shard.vectors)
        except ItemError:
            continue  # a row in the report, when its turn comes
        if vectors.shape[1] != job.card.dim:
            raise MismatchError(
                f"{shard.vectors} has vectors of {vectors.shape[1]} numbers, "
                f"and {job.card.name} makes vectors of {job.card.dim}",
                hint="name the model that made them: --model NAME",
            )
        rows += len(vectors)
    return rows


def _count(report: Report, rows: int) -> None:
    report.written += rows


def _rows(
    job: Importing, shard: Shard, report: Report
) -> Iterator[tuple[Item, npt.NDArray[np.float32]]]:
    """Yield what a shard holds; what is wrong in it goes to the report."""
    uri = file_uri(shard.vectors.resolve())
    try:
        vectors = open_vectors(shard.vectors)
        if shard.metadata is None:
            raise DecodeError("has no metadata: there is no Parquet file of its number")
        yield from _zipped(job, shard.metadata, vectors, uri, report)
    except ItemError as error:
        report.fail(uri, error.reason, str(error))


def _zipped(
    job: Importing,
    metadata: Path,
    vectors: npt.NDArray[np.floating[Any]],
    uri: str,
    report: Report,
) -> Iterator[tuple[Item, npt.NDArray[np.float32]]]:
    with open_regular(metadata) as file:
        table = open_table(file, ".parquet")
        if table.count is not None and table.count != len(vectors):
            raise DecodeError(f"{len(vectors):,} vectors, but {table.count:,} rows in {metadata}")
        for at, row in enumerate(table.rows):
            report.seen += 1
            row_name = f"{metadata.stem}-{row.number}"
            try:
                vector = unit(vectors[at])
                item = item_of(
                    row.values,
                    job.modality,
                    folder=job.folder,
                    images=job.images,
                    row=row_name,
                    vector=vectors[at].tobytes(),
                )
                encode_item(item)  # what the database would refuse is a failed row, not a run
            except ItemError as error:
                report.fail(fragment_uri(uri, "row", row.number), error.reason, str(error))
                continue
            yield item, vector


def unit(vector: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Return a vector as float32 of unit length. Raises ``DecodeError`` for one that has none."""
    import numpy as np

    values = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length == 0:
        raise DecodeError("the vector is zero, or holds numbers that are none")
    return np.asarray(values / length, dtype=np.float32)


def _take(
    chunk: list[tuple[Item, npt.NDArray[np.float32]]],
    side: Side,
    store: Store,
    seen: Seen,
    writer: Writer,
    report: Report,
) -> None:
    fresh = []
    for item, vector in chunk:
        if seen.add(item.uri):
            fresh.append((item, vector))
        else:
            report.skipped += 1
    there = store.fetch(side, [item.id for item, _ in fresh], ("id", "revision"))
    for item, vector in fresh:
        row = there.get(item.id)
        if row is not None and row["revision"] == item.revision:
            report.unchanged += 1
        else:
            writer.add(side, Row(item, vector))


def check_model(job: Importing, encoder: Encoder, pictures: int, *, max_pixels: int) -> float:
    """Return the median cosine of embeddings to those the model makes of the same pictures.

    Of the first pictures that are files of this machine. Raises ``UsageError``
    where none is, ``MismatchError`` where the model did not make them.
    """
    import numpy as np

    from ingest.report import Report
    from searchengine.decode import decode_image
    from searchengine.identity import path_of

    cosines: list[float] = []
    for shard in find_shards(job.folder, job.modality):
        for item, vector in _rows(job, shard, Report()):
            path = path_of(item.uri)
            if path is None or "#" in item.uri or not path.is_file():
                continue
            try:
                decoded = decode_image(path.read_bytes(), max_pixels=max_pixels)
            except (ItemError, OSError):
                continue
            made = encoder.encode_images(encoder.preprocess(decoded.image)[None])[0]
            cosines.append(float(made @ vector))
            if len(cosines) >= pictures:
                break
        if len(cosines) >= pictures:
            break
    if not cosines:
        raise UsageError(
            "nothing to verify by: none of the pictures is a file of this machine",
            hint="--images FOLDER says where relative paths start from",
        )
    median = float(np.median(cosines))
    if median < _ALIKE:
        raise MismatchError(
            f"{job.card.name} did not make these embeddings: the median cosine over "
            f"{len(cosines)} pictures is {median:.3f}",
            hint="name the model that made them: --model NAME",
        )
    return median
