"""``searchengine classify``: labels for what is indexed, and content moderation."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from searchengine.classify.classify import Labelled, Tally
    from searchengine.classify.decide import Decider
    from searchengine.classify.known import Calibration
    from searchengine.classify.labels import Label
    from searchengine.query.engine import SearchEngine
    from searchengine.store.contract import SideInfo


@dataclass(frozen=True)
class _Wanted:
    """What was asked for on the command line."""

    labels: list[str]
    file: Path | None
    moderate: bool
    rules: Path | None
    where: str | None
    items: list[str]
    field: str | None
    as_json: bool
    as_jsonl: bool
    as_csv: bool


def classify(
    labels: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LABEL...]",
            help="Labels to choose from: dress, or 'knitwear: a knitted sweater; a cardigan'.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="Labels from a file: a label a line, or YAML."
        ),
    ] = None,
    multi: Annotated[
        bool, typer.Option("--multi", help="Every label that applies, not just the nearest.")
    ] = False,
    moderate: Annotated[
        bool,
        typer.Option("--moderate", help="Look for what a person should see first; see the docs."),
    ] = False,
    rules: Annotated[
        Path | None,
        typer.Option("--config-file", metavar="FILE", help="With --moderate: your own categories."),
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Option(
            "--item", metavar="ITEM", help="Only this: a path, id:ID or uri. May be repeated."
        ),
    ] = None,
    where: options.Filter = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="0..1",
            help="The least relevance of a label. 0: always the nearest, never none.",
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option(
            "--calibrate",
            metavar="FIELD",
            help="Learn how sure to be from a field that holds right labels: meta.KEY or folder.",
        ),
    ] = None,
    write_tags: Annotated[
        bool, typer.Option("--write-tags", help="Write the labels into the items' columns.")
    ] = False,
    field: Annotated[
        str | None,
        typer.Option(
            "--field",
            metavar="meta.KEY",
            help="Where --write-tags writes. Default: meta.tag, with --multi meta.tags.",
        ),
    ] = None,
    modality: options.Modality = options.ModalityChoice.image,
    as_json: options.AsJson = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object an item.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    corpus: options.Corpus = None,
    model: options.Model = None,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Label what is indexed by words alone; with --moderate, report what may be harmful."""
    from searchengine.classify.classify import make_decider
    from searchengine.classify.known import calibrate
    from searchengine.classify.moderation import WARNING
    from searchengine.classify.tags import tag_column
    from searchengine.query.engine import SearchEngine

    several = multi or moderate
    default = "meta.moderation" if moderate else "meta.tags" if multi else "meta.tag"
    wanted = _Wanted(
        labels or [],
        file,
        moderate,
        rules,
        where,
        items or [],
        tag_column(field or default) if write_tags else None,
        as_json,
        as_jsonl,
        as_csv,
    )
    chosen = _labels(wanted, field, truth, several)
    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    if moderate:
        say(f"note: {WARNING}")
    with SearchEngine.open(settings) as engine:
        info = engine.side(modality.value)
        decider = make_decider(
            engine,
            info,
            chosen,
            multi=several,
            threshold=threshold,
            temperature=1.0 if truth else None,
            cache_dir=settings.cache_dir,
        )
        learnt = None
        if truth is not None:
            learnt = calibrate(engine, info, decider, truth)
            decider = replace(decider, temperature=learnt.temperature)
        failures = _Failures()
        _print(_verdicts(engine, info, decider, wanted, failures), decider, wanted, learnt)
    if failures.count:
        raise typer.Exit(1)


class _Failures:
    """Items that could not be looked at or written: told on stderr, counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, uri: str, error: Exception) -> None:
        self.count += 1
        say(f"failed: {uri}: {error}")


def _labels(
    wanted: _Wanted, field: str | None, truth: str | None, several: bool
) -> tuple[Label, ...]:
    from searchengine.classify.labels import check_labels, parse_label, read_labels
    from searchengine.classify.moderation import read_categories
    from searchengine.errors import UsageError

    if sum((wanted.as_json, wanted.as_jsonl, wanted.as_csv)) > 1:
        raise UsageError("choose one of --json, --jsonl and --csv")
    if wanted.rules is not None and not wanted.moderate:
        raise UsageError("--config-file goes with --moderate", hint="labels are given by --labels")
    if field is not None and wanted.field is None:
        raise UsageError("--field goes with --write-tags")
    if truth is not None and several:
        raise UsageError("--calibrate goes with single labels, not with --multi or --moderate")
    if wanted.items and wanted.where:
        raise UsageError("--item and --filter exclude each other")
    if wanted.moderate:
        if wanted.labels or wanted.file:
            raise UsageError("--moderate has categories of its own: --config-file changes them")
        return read_categories(wanted.rules)
    given = [parse_label(text) for text in wanted.labels]
    return check_labels([*given, *(read_labels(wanted.file) if wanted.file else ())])


def _verdicts(
    engine: SearchEngine,
    info: SideInfo,
    decider: Decider,
    wanted: _Wanted,
    failures: _Failures,
) -> Iterator[Labelled]:
    """Yield the verdicts asked for, written first if they are to be written."""
    from searchengine.classify.classify import classify_corpus
    from searchengine.classify.items import classify_items, indexed_ids
    from searchengine.classify.tags import tag_corpus
    from searchengine.store.filters import parse_filter

    where = parse_filter(wanted.where) if wanted.where and wanted.where.strip() else None
    if wanted.field is not None:
        ids = indexed_ids(engine, info, wanted.items) if wanted.items else None
        return tag_corpus(
            engine, info, decider, wanted.field, where=where, ids=ids, on_failure=failures
        )
    if wanted.items:
        return classify_items(engine, info, decider, wanted.items, on_failure=failures)
    return classify_corpus(engine, info, decider, where=where)


def _print(
    verdicts: Iterable[Labelled],
    decider: Decider,
    wanted: _Wanted,
    learnt: Calibration | None,
) -> None:
    from searchengine.classify import report
    from searchengine.classify.classify import Tally

    tally = Tally()
    kept: list[dict[str, Any]] = []
    columns = shutil.get_terminal_size().columns
    if wanted.as_csv:
        emit(report.csv_line(None, decider))
    for one in _counted(verdicts, tally):
        if wanted.moderate and not one.verdict.labels:  # a report of what to look at
            continue
        if wanted.as_csv:
            emit(report.csv_line(one, decider, moderated=wanted.moderate))
        elif wanted.as_jsonl:
            emit(_json_line(report.as_json(one, decider, moderated=wanted.moderate)))
        elif wanted.as_json:
            kept.append(report.as_json(one, decider, moderated=wanted.moderate))
        else:
            emit(report.text_line(one, decider, columns))
    if wanted.as_json:
        found = report.summary(tally, decider, learnt)
        emit_json({"labels": [one.name for one in decider.labels], **found, "found": kept})
    for line in report.text_summary(tally, decider, learnt):
        say(line)


def _counted(verdicts: Iterable[Labelled], tally: Tally) -> Iterator[Labelled]:
    for one in verdicts:
        tally.note(one.verdict)
        yield one


def _json_line(value: dict[str, Any]) -> str:
    from searchengine.present.strict_json import dump

    return dump(value)
