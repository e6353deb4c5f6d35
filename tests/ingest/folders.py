"""Small folders of pictures, and stores that fail on demand, for tests of the writing side."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from ingest.job import Job, job_for
from ingest.report import Report
from ingest.runners.local import LocalRunner
from searchengine.encoders.fake import FakeEncoder
from searchengine.records import ITEM_FIELDS, Side
from searchengine.settings import load_settings
from searchengine.store.contract import Row, Store
from searchengine.store.memory import MemoryStore


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (8, 6)) -> bytes:
    """The bytes of a PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


class Crash(BaseException):
    """Stands for SIGKILL: nothing catches it, nothing after it runs."""


class FlakyStore(MemoryStore):
    """A memory store that outlives its users, counts its writes and crashes on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.crash_at: int | None = None
        self.crash_after_write = False
        self.writes = 0

    def _write(self, call: Any, *arguments: Any) -> None:
        dies = self.crash_at is not None and self.writes >= self.crash_at
        self.writes += 1
        if dies and not self.crash_after_write:
            raise Crash
        call(*arguments)
        if dies:
            raise Crash

    def upsert(self, side: Side, rows: Sequence[Row]) -> None:
        self._write(super().upsert, side, rows)

    def delete(self, side: Side, ids: Sequence[str]) -> None:
        self._write(super().delete, side, ids)

    def close(self) -> None:
        """Stay: what was written is looked at after the run."""


class CountingEncoder(FakeEncoder):
    """Counts what goes through it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.images = 0
        self.texts = 0

    def encode_images(self, pixels: Any) -> Any:
        self.images += len(pixels)
        return super().encode_images(pixels)

    def encode_texts(self, texts: Any) -> Any:
        self.texts += len(texts)
        return super().encode_texts(texts)


def make_job(
    root: Path | str | Sequence[Path | str],
    store: Store,
    encoder: FakeEncoder | None = None,
    *,
    corpus: str = "test",
    **options: Any,
) -> Job:
    """A job over a folder with the fake encoder, into a store that is already there."""
    settings = load_settings(
        flags={"corpus": corpus, "model.name": "fake", "store.uri": f"memory:{uuid.uuid4()}"}
    ).model_copy(update={key: options.pop(key) for key in ("net", "table") if key in options})
    changes = {
        key: options.pop(key)
        for key in ("batch_size", "write_rows", "workers", "model", "max_pixels")
        if key in options
    }
    roots = [root] if isinstance(root, Path | str) else root
    job = job_for(roots, settings, **options)
    chosen = encoder or FakeEncoder()
    return replace(
        job,
        build_store=lambda: store,
        build_encoder=lambda _: chosen,
        prepare_questions=None,  # its pictures would be counted, the first time with a new cache
        **changes,
    )


def run(job: Job, report: Report | None = None) -> Report:
    """Run a job here."""
    return LocalRunner().run(job, report or Report())


def contents(store: Store, corpus: str = "test") -> dict[str, dict[str, Any]]:
    """All that a corpus holds, by uri, vectors as bytes so that they compare."""
    rows: dict[str, dict[str, Any]] = {}
    for modality in ("image", "text"):
        side = Side(corpus, modality)
        if store.describe(side) is None:
            continue
        for row in store.scan(side, fields=(*ITEM_FIELDS, "vector")):
            kept = dict(row)
            kept["vector"] = kept["vector"].tobytes()
            if modality == "text":  # its file's time when the text last changed: see Item.mtime_ns
                del kept["mtime_ns"]
            rows[kept["uri"]] = kept
    return rows
