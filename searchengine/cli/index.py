"""``searchengine index``: the one verb that reaches over to the writing side."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import options, runners
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ingest.job import Job
    from ingest.report import Report
    from ingest.runners.contract import Runner
    from searchengine.settings import Settings


def index(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Folders, and files: images, texts (.txt, .md), tars, tables; also s3://..., https://...",
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
    allow_net: Annotated[
        bool,
        typer.Option("--allow-net", help="Allow reading from the network: s3://, URLs."),
    ] = False,
    image_column: Annotated[
        str | None,
        typer.Option(
            "--image-column",
            metavar="NAME",
            help="Of a table: the pictures' bytes, URLs or paths. Default: found by itself.",
        ),
    ] = None,
    caption_column: Annotated[
        str | None,
        typer.Option("--caption-column", metavar="NAME", help="Of a table: captions, or texts."),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id-column", metavar="NAME", help="Of a table: what identifies a picture it holds."
        ),
    ] = None,
    index_profile: Annotated[
        str | None,
        typer.Option(
            "--index-profile",
            metavar="NAME",
            help="Index profile of a new corpus: auto, FLAT, HNSW, ...",
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Remove what has vanished from the folders.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and write nothing.")
    ] = False,
    beside: options.Beside = False,
    bulk: options.Bulk = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and index again when files change.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if any item failed.")
    ] = False,
    as_json: options.AsJson = False,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Say at the end where the time went, and write a trace."),
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="Where --profile writes it (for ui.perfetto.dev). Default: beside the reports.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    runner: runners.RunnerName = runners.RunnerChoice.local,
    address: runners.Address = None,
    gpus_per_worker: runners.GpusPerWorker = None,
    readers: runners.Readers = None,
    decoders: runners.Decoders = None,
    encoders: runners.Encoders = None,
    writers: runners.Writers = None,
    runtime_env: runners.RuntimeEnv = None,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Index images and texts. Only what is new or changed is embedded."""
    from ingest.job import job_for

    counts = {"readers": readers, "decoders": decoders, "encoders": encoders, "writers": writers}
    chosen = runners.choose_runner(runner, address, gpus_per_worker, counts, runtime_env)
    _check_runner(runner, watch=watch, trace=trace)
    settings = options.read_settings(
        config,
        sets,
        corpus=corpus,
        model__name=model,
        store__uri=store,
        store__profile=index_profile,
        net__allow=allow_net or None,
        table__image_column=image_column,
        table__caption_column=caption_column,
        table__id_column=id_column,
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
        draft=beside,
        bulk=bulk,
    )
    if not (address or "").startswith("ray://"):  # the paths are then those of another machine
        job.build_source()  # a path that is not there is told before a progress bar is drawn
    here = runner is runners.RunnerChoice.local
    with stop_on_interrupt() as stop:
        run = partial(
            run_index,
            settings=settings,
            stop=stop,
            runner=chosen,
            traced=here and (profile or trace is not None),
        )
        for report in _watched(run, job, paths, stop, quiet) if watch else _once(run, job, quiet):
            if profile or trace is not None:
                _print_profile(report, trace)
            _print_report(report, settings, as_json=as_json, dry_run=dry_run)
    if job.draft and not dry_run:
        whole = modality is None and not report.interrupted
        options.tell_of_draft(settings, make_live=bulk and whole)
    if report.interrupted:
        raise typer.Exit(130)
    if strict and report.failed:
        raise typer.Exit(1)


def run_index(
    job: Job,
    settings: Settings,
    stop: threading.Event,
    *,
    quiet: bool,
    runner: Runner | None = None,
    traced: bool = False,
) -> Report:
    """Run one job, by default in this process, with a progress bar on stderr; ``traced``: note
    every span."""
    from ingest.clock import StageClock
    from ingest.report import Report
    from ingest.runners.local import LocalRunner
    from ingest.trace import Trace
    from searchengine.cli.progress import progress
    from searchengine.errors import SearchEngineError

    stamp = time.strftime("%Y%m%d-%H%M%S")
    report = Report(
        path=settings.data_dir / "reports" / f"{stamp}-{threading.get_native_id()}.jsonl",
        clock=StageClock(Trace() if traced else None),
    )
    try:
        with progress(job, report, quiet=quiet) as update:
            (runner or LocalRunner()).run(job, report, stop=stop, on_progress=update)
    except SearchEngineError:
        if report.seen:
            say(
                f"stopped after {report.acknowledged:,} of {report.seen:,} items seen so far; "
                "what was written stays, and the same command goes on from there"
            )
        raise
    return report


def _once(run: Callable[..., Report], job: Job, quiet: bool) -> Iterator[Report]:
    yield run(job, quiet=quiet)


def _watched(
    run: Callable[..., Report], job: Job, paths: list[str], stop: threading.Event, quiet: bool
) -> Iterator[Report]:
    """Run, then run again whenever something under the paths changes. The model stays loaded."""
    from dataclasses import replace

    from watchfiles import watch

    from searchengine.errors import UnsupportedError

    if remote := next((path for path in paths if "://" in path), None):
        raise UnsupportedError(
            f"{remote} cannot be watched", hint="watch folders of this machine; index it without"
        )

    job = replace(job, build_encoder=lru_cache(job.build_encoder))
    # Watching begins before the first run, so that nothing falls between the two.
    changes = watch(*paths, stop_event=stop, debounce=500, yield_on_timeout=True, rust_timeout=500)
    next(changes, None)
    yield run(job, quiet=quiet)
    say("watching for changes; Ctrl-C stops")
    for changed in changes:
        if stop.is_set():
            return
        if changed:
            yield run(job, quiet=True)


def _check_runner(runner: runners.RunnerChoice, *, watch: bool, trace: Path | None) -> None:
    from searchengine.errors import UnsupportedError

    if runner is runners.RunnerChoice.local:
        return
    if watch:
        raise UnsupportedError(
            "--watch looks at folders of this machine, and a cluster's are elsewhere",
            hint="run the command again, by the clock: what has not changed costs a comparison",
        )
    if trace is not None:
        raise UnsupportedError(
            "--trace draws the threads of this process, and the work is done elsewhere",
            hint="--profile alone tells how long each stage was at work",
        )


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
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


def _print_profile(report: Report, trace: Path | None) -> None:
    from ingest.limiting import limiting, stage_table

    say(stage_table(report.clock.read()))
    if report.encoding and (words := limiting(report.encoding[1], report.encoding[0])):
        say(words)
    spans = report.clock.trace
    if spans is None:
        return
    if (path := trace or (report.path and report.path.with_suffix(".trace.json"))) is None:
        return
    try:
        spans.write(path)
    except OSError as error:
        say(f"the trace could not be written to {path}: {error.strerror or error}")
        return
    cut = f" (its first {spans.kept:,} spans)" if spans.dropped else ""
    say(f"trace{cut}: {path}, to be looked at with ui.perfetto.dev or chrome://tracing")


def _print_report(report: Report, settings: Settings, *, as_json: bool, dry_run: bool) -> None:
    from searchengine.cli.progress import say_failures

    say_failures(report)
    if as_json:
        emit_json({**report.as_json(), "corpus": settings.corpus, "dry_run": dry_run})
        return
    if not report.seen and not report.failed:
        emit("nothing to index: no images or texts of a known kind were found")
        return
    emit(report.summary(dry_run=dry_run))
