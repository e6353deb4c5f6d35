"""What is to be done, as builders: a job can be pickled and run in another process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from searchengine.records import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ingest.sources.contract import Source
    from searchengine.encoders import ModelCard
    from searchengine.encoders.contract import Encoder
    from searchengine.records import Modality
    from searchengine.settings import Settings
    from searchengine.store.contract import Store


@dataclass(frozen=True)
class Job:
    """One run of the writing side."""

    corpus: str
    build_source: Callable[[], Source]
    build_store: Callable[[], Store]
    build_encoder: Callable[[str], Encoder]
    describe_model: Callable[[str], ModelCard | None]
    """What is known of a model without loading it; ``None`` when loading is the only way."""
    model: str | None = None
    """``None``: the corpus's own model, else ``default_model``."""
    default_model: str = ""
    profile: str = "auto"
    modalities: tuple[Modality, ...] = MODALITIES
    """The sides this run is complete for; others are neither written nor pruned."""
    prune: bool = True
    dry_run: bool = False
    batch_size: int = 32
    workers: int = 0
    write_rows: int = 512
    max_pixels: int = 178_956_970


def job_for(
    paths: Sequence[str | Path],
    settings: Settings,
    *,
    recursive: bool = True,
    exclude: Sequence[str] = (),
    follow_links: bool = False,
    modality: Modality | None = None,
    prune: bool = True,
    dry_run: bool = False,
) -> Job:
    """Return the job that indexes files and folders as the settings say."""
    from ingest.sources import open_sources
    from searchengine.encoders import describe_model, load_encoder
    from searchengine.settings import DEFAULT_MODEL
    from searchengine.store.configured import open_configured_store

    return Job(
        corpus=settings.corpus,
        build_source=partial(
            open_sources,
            tuple(str(path) for path in paths),
            recursive=recursive,
            exclude=tuple(exclude),
            follow_links=follow_links,
            modality=modality or "all",
            max_bytes=settings.ingest.max_bytes,
        ),
        build_store=partial(open_configured_store, settings, patient_reads=True),
        build_encoder=partial(
            load_encoder,
            device=settings.model.device,
            precision=settings.model.precision,
            cache_dir=settings.cache_dir,
        ),
        describe_model=partial(
            describe_model, precision=settings.model.precision, cache_dir=settings.cache_dir
        ),
        model=settings.model.name or None,
        default_model=DEFAULT_MODEL,
        profile=settings.store.profile,
        modalities=(modality,) if modality else MODALITIES,
        prune=prune,
        dry_run=dry_run,
        batch_size=settings.ingest.batch_size,
        workers=settings.ingest.workers,
        write_rows=settings.ingest.write_rows,
        max_pixels=settings.ingest.max_pixels,
    )
