"""What is to be done, as builders: a job can be pickled and run in another process."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from searchengine.apart.bounds import Bounds
from searchengine.containers.contract import Limits
from searchengine.errors import EncoderError
from searchengine.records import MODALITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ingest.sources.contract import Source
    from ingest.sources.shards import Division
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
    prepare_questions: Callable[[Encoder], None] | None = None
    """Called at the end of a run that loaded the encoder: the first question would wait for it."""
    divide: Callable[[int], Division] | None = None
    """Parts the source into shards of about so many items, for runners that have many readers;
    ``None``: it is listed as a whole."""
    model: str | None = None
    """``None``: the corpus's own model, else ``default_model``."""
    default_model: str = ""
    profile: str = "auto"
    modalities: tuple[Modality, ...] = MODALITIES
    """The sides this run is complete for; others are neither written nor pruned."""
    prune: bool = True
    dry_run: bool = False
    draft: bool = False
    """Whether it writes into the draft, the version that is being made beside the live one."""
    batch_size: int = 0
    """0: found while the model works (``batch_size.BatchSize``)."""
    workers: int = 0
    write_rows: int = 0
    """0: 500 to 5,000 by their size (``writer.Writer``)."""
    max_pixels: int = 178_956_970
    limits: Limits = field(default_factory=Limits)
    """How much of a film or a PDF is looked at."""
    decode_apart: bool = False
    """Whether every picture is decoded in a process of its own (see ``ingest.decoding``)."""
    bounds: Bounds = field(default_factory=Bounds)
    """What decoding may take there."""


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
    draft: bool = False,
    bulk: bool = False,
) -> Job:
    """Return the job that indexes files and folders as the settings say.

    ``bulk`` has the server import what is written (``ingest.bulk``), into a draft.
    """
    from ingest.bulk import open_bulk_store
    from ingest.calibration import build_encoder
    from ingest.sources import open_sources
    from searchengine.encoders.configured import describe_configured_model, load_configured_encoder
    from searchengine.settings import DEFAULT_MODEL
    from searchengine.store.configured import open_configured_store

    named = tuple(str(path) for path in paths)
    options: dict[str, Any] = {
        "recursive": recursive,
        "exclude": tuple(exclude),
        "follow_links": follow_links,
        "modality": modality or "all",
        "max_bytes": settings.ingest.max_bytes,
        "table": settings.table,
        "net": settings.net,
    }
    build_source = partial(open_sources, named, **options)
    return Job(
        corpus=settings.corpus,
        build_source=build_source,
        build_store=partial(
            open_bulk_store if bulk else open_configured_store, settings, patient_reads=True
        ),
        build_encoder=partial(
            build_encoder,
            partial(load_configured_encoder, settings),
            build_source,
            max_pixels=settings.ingest.max_pixels,
        ),
        describe_model=partial(describe_configured_model, settings),
        divide=partial(_divide, named, options),
        prepare_questions=partial(
            _prepare_questions, cache_dir=settings.cache_dir, prompts=settings.query.prompts
        ),
        model=settings.model.name or None,
        default_model=DEFAULT_MODEL,
        profile=settings.store.profile,
        modalities=(modality,) if modality else MODALITIES,
        prune=prune,
        dry_run=dry_run,
        draft=draft or bulk,
        batch_size=settings.ingest.batch_size,
        workers=settings.ingest.workers,
        write_rows=settings.ingest.write_rows,
        max_pixels=settings.ingest.max_pixels,
        limits=Limits(
            max_pixels=settings.ingest.max_pixels,
            max_frames=settings.ingest.max_frames,
            frame_gap_s=settings.ingest.frame_gap_s,
            max_pages=settings.ingest.max_pages,
        ),
        decode_apart=settings.ingest.decode_apart,
        bounds=Bounds(settings.ingest.decode_s, settings.ingest.decode_mb),
    )


def _divide(paths: Sequence[str], options: dict[str, Any], size: int) -> Division:
    from ingest.sources.shards import divide

    return divide(paths, size=size, **options)


def _prepare_questions(encoder: Encoder, *, cache_dir: Path, prompts: str) -> None:
    """Have what relevance is measured against in the cache: once a model, seconds.

    It is a thousand texts and more: with a large model, worth looking for the fastest way to run it
    first. Then the first question finds its text tower compiled, too, and needs no torch.
    """
    from searchengine.encoders.openclip import OpenClipEncoder
    from searchengine.query.prompts import default_prompts
    from searchengine.query.relevance import cached_background, load_background

    chosen = default_prompts(encoder.name) if prompts == "auto" else prompts
    if cached_background(encoder.fingerprint, cache_dir=cache_dir, prompts=chosen) is not None:
        return
    if isinstance(encoder, OpenClipEncoder):
        encoder.settle()
    # A model that cannot encode ordinary captions has indexed what it could; the first question
    # meets the same error and tells it.
    with suppress(EncoderError):
        load_background(encoder, cache_dir=cache_dir, prompts=chosen)
