"""``searchengine import-embeddings``: vectors that were made elsewhere, without a model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from ingest.report import Report
    from searchengine.encoders import ModelCard
    from searchengine.encoders.contract import Encoder
    from searchengine.settings import Settings
    from searchengine.store.contract import Store


def import_embeddings(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="With img_emb/*.npy (or text_emb/*.npy) and metadata/*.parquet."
        ),
    ],
    corpus: options.Corpus = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="NAME", help="The model that made the embeddings."),
    ] = None,
    modality: Annotated[
        options.ModalityChoice,
        typer.Option("--modality", help="image: img_emb, text: text_emb with the captions."),
    ] = options.ModalityChoice.image,
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="FOLDER", help="Where relative paths start from."),
    ] = None,
    verify: Annotated[
        int,
        typer.Option("--verify", metavar="N", min=0, help="First encode N pictures, and compare."),
    ] = 0,
    profile: Annotated[
        str | None,
        typer.Option("--index-profile", metavar="NAME", help="Index profile of a new corpus."),
    ] = None,
    beside: options.Beside = False,
    bulk: options.Bulk = False,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Import embeddings that clip-retrieval (or export-embeddings) has written."""
    import ingest.embeddings as embeddings
    from ingest.bulk import open_bulk_store
    from ingest.report import Report
    from searchengine.cli.index import stop_on_interrupt
    from searchengine.cli.progress import stages
    from searchengine.store.configured import open_configured_store

    settings = options.read_settings(
        config,
        sets,
        corpus=corpus,
        model__name=model,
        store__uri=store,
        store__profile=profile,
    )
    embeddings.find_shards(folder, modality.value)  # what is missing is told before all else
    stamp = time.strftime("%Y%m%d-%H%M%S")
    report = Report(path=settings.data_dir / "reports" / f"{stamp}-import.jsonl")
    store_: Store = open_bulk_store(settings) if bulk else open_configured_store(settings)
    try:
        name = _model_name(settings, folder, modality.value, store_)
        job = embeddings.Importing(
            folder,
            settings.corpus,
            _card(name, settings),
            modality.value,
            images,
            settings.store.profile,
            draft=beside or bulk,
        )
        if verify:
            _verify(job, name, verify, settings)
        with stop_on_interrupt() as stop, stages("item", quiet=quiet) as update:
            embeddings.import_embeddings(
                job, store_, report, stop=stop, on_progress=lambda *at: update("importing", *at)
            )
    finally:
        store_.close()
        report.finish()
    _print(report, settings, as_json=as_json)
    if job.draft:
        options.tell_of_draft(settings)  # another side may be going to join it
    if report.interrupted:
        raise typer.Exit(130)


def _model_name(settings: Settings, folder: Path, modality: str, store: Store) -> str:
    """Return the model that was named, else the export's own, else the corpus's."""
    from ingest.embeddings import read_card
    from searchengine.errors import UsageError

    if settings.model.name:
        return settings.model.name
    if (card := read_card(folder)) is not None:
        return card.model
    for info in store.sides():
        if (info.side.corpus, info.side.modality) == (settings.corpus, modality):
            return info.model
    raise UsageError(
        "embeddings do not say which model made them",
        hint="name it: --model ViT-B-32/openai, for example (--verify 8 checks it by the pictures)",
    )


def _card(name: str, settings: Settings) -> ModelCard | Encoder:
    from searchengine.encoders.configured import describe_configured_model, load_configured_encoder

    return describe_configured_model(settings, name) or load_configured_encoder(settings, name)


def _verify(job: object, name: str, pictures: int, settings: Settings) -> None:
    from ingest.embeddings import Importing, check_model
    from searchengine.encoders.configured import load_configured_encoder
    from searchengine.errors import UsageError

    assert isinstance(job, Importing)
    if job.modality == "text":
        raise UsageError("only embeddings of images can be verified", hint="leave out --verify")
    encoder = load_configured_encoder(settings, name)
    median = check_model(job, encoder, pictures, max_pixels=settings.ingest.max_pixels)
    say(f"verified: the model's own vectors of these pictures have a median cosine of {median:.4f}")


def _print(report: Report, settings: Settings, *, as_json: bool) -> None:
    from searchengine.cli.progress import say_failures

    say_failures(report)
    if as_json:
        emit_json(
            {
                "seen": report.seen,
                "imported": report.written,
                "unchanged": report.unchanged,
                "skipped": report.skipped,
                "failed": report.failed,
                "seconds": round(report.seconds, 3),
                "model": report.model,
                "corpus": settings.corpus,
                "report": str(report.path) if report.failed else None,
            }
        )
        return
    repeated = f" {report.skipped:,} repeated," if report.skipped else ""
    emit(
        f"{report.seen:,} seen: {report.written:,} imported, {report.unchanged:,} unchanged,"
        f"{repeated} {report.failed:,} failed ({report.seconds:.1f} s)"
    )
