"""``searchengine index``: the one verb that reaches over to the writing side."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ingest.job import Job
    from ingest.report import Report
    from searchengine.settings import Settings


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Folders of images, and files: images, .txt, .md, tables."
        ),
    ],
    corpus: options.Corpus = None,
    model: options.Model = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Go into subfolders.")
    ] = True,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="GLOB", help="Leave out names or relative paths."),
    ] = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Go into folders behind symbolic links.")
    ] = False,
    modality: Annotated[
        options.ModalityChoice | None,
        typer.Option("--modality", help="Only images, or only texts. Default: both."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Index profile of a new corpus: auto, FLAT, HNSW, ..."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Remove what has vanished from the folders.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and index again when files change.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if any item failed.")
    ] = False,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Index images and texts. Only what is new or changed is embedded."""
    from ingest.job import job_for

    settings = options.read_settings(
        config,
        sets,
        corpus=corpus,
        model__name=model,
        store__uri=store,
        store__profile=profile,
    )
    job = job_for(
        paths,
        settings,
        recursive=recursive,
        exclude=exclude or (),
        follow_links=follow_links,
        modality=modality.value if modality else None,
        prune=prune,
        dry_run=dry_run,
    )
    job.build_source()  # a path that is not there is told before a progress bar is drawn
    with _stop_on_interrupt() as stop:
        runs = (
            _watched(job, settings, paths, stop, quiet)
            if watch
            else _once(job, settings, stop, quiet)
        )
        for report in runs:
            _print_report(report, settings, as_json=as_json, dry_run=dry_run)
    if report.interrupted:
        raise typer.Exit(130)
    if strict and report.failed:
        raise typer.Exit(1)


def run_index(job: Job, settings: Settings, stop: threading.Event, *, quiet: bool) -> Report:
    """Run one job in this process with a progress bar on stderr."""
    from ingest.report import Report
    from ingest.runners.local import LocalRunner
    from searchengine.cli.progress import progress
    from searchengine.errors import SearchEngineError

    stamp = time.strftime("%Y%m%d-%H%M%S")
    report = Report(
        path=settings.data_dir / "reports" / f"{stamp}-{threading.get_native_id()}.jsonl"
    )
    try:
        with progress(job, report, quiet=quiet) as update:
            LocalRunner().run(job, report, stop=stop, on_progress=update)
    except SearchEngineError:
        if report.seen:
            say(
                f"stopped after {report.acknowledged:,} of {report.seen:,} items seen so far; "
                "what was written stays, and the same command goes on from there"
            )
        raise
    return report


def _once(job: Job, settings: Settings, stop: threading.Event, quiet: bool) -> Iterator[Report]:
    yield run_index(job, settings, stop, quiet=quiet)


def _watched(
    job: Job, settings: Settings, paths: list[Path], stop: threading.Event, quiet: bool
) -> Iterator[Report]:
    """Run, then run again whenever something under the paths changes. The model stays loaded."""
    from dataclasses import replace

    from watchfiles import watch

    job = replace(job, build_encoder=lru_cache(job.build_encoder))
    # Watching begins before the first run, so that nothing falls between the two.
    changes = watch(*paths, stop_event=stop, debounce=500, yield_on_timeout=True, rust_timeout=500)
    next(changes, None)
    yield run_index(job, settings, stop, quiet=quiet)
    say("watching for changes; Ctrl-C stops")
    for changed in changes:
        if stop.is_set():
            return
        if changed:
            yield run_index(job, settings, stop, quiet=True)


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """The first Ctrl-C asks the run to finish the batch in hand; the second one stops it dead."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("\nstopping after the batch in hand (Ctrl-C again stops at once)")

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _print_report(report: Report, settings: Settings, *, as_json: bool, dry_run: bool) -> None:
    for line in report.first_failures:
        say(f"failed: {line}")
    if report.failed > len(report.first_failures):
        say(f"... and {report.failed - len(report.first_failures):,} more")
    if report.failed and report.path is not None and report.path.exists():
        say(f"all failures: {report.path}")
    if as_json:
        emit_json({**report.as_json(), "corpus": settings.corpus, "dry_run": dry_run})
        return
    if not report.seen and not report.failed:
        emit("nothing to index: no images or texts of a known kind were found")
        return
    emit(report.summary(dry_run=dry_run))
