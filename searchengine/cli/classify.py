"""``searchengine classify``: labels for what is indexed, and content moderation."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from searchengine.cli import options
from searchengine.cli.groups import spread
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from searchengine.classify.classify import Labelled, Tally
    from searchengine.classify.decide import Decider
    from searchengine.classify.known import Calibration
    from searchengine.classify.labels import Label
    from searchengine.query.engine import SearchEngine
    from searchengine.settings import Settings
    from searchengine.store.contract import SideInfo


@dataclass(frozen=True)
class Choosing:
    """Which labels, and when one applies."""

    PANEL: ClassVar[str] = "Labels"

    file: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="Labels from a file: a label a line, or YAML."
        ),
    ] = None
    multi: Annotated[
        bool, typer.Option("--multi", help="Every label that applies, not just the nearest.")
    ] = False
    moderate: Annotated[
        bool,
        typer.Option("--moderate", help="Look for what a person should see first; see the docs."),
    ] = False
    rules: Annotated[
        Path | None,
        typer.Option("--config-file", metavar="FILE", help="With --moderate: your own categories."),
    ] = None
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="0..1",
            help="The least relevance of a label. 0: always the nearest, never none.",
        ),
    ] = None
    truth: Annotated[
        str | None,
        typer.Option(
            "--calibrate",
            metavar="FIELD",
            help="Learn how sure to be from a field that holds right labels: meta.KEY or folder.",
        ),
    ] = None

    @property
    def several(self) -> bool:
        """Whether an item may get more than one label."""
        return self.multi or self.moderate

    def labels(self, given: list[str]) -> tuple[Label, ...]:
        """Return the labels of the command line, of the file, or of moderation."""
        from searchengine.classify.labels import check_labels, parse_label, read_labels
        from searchengine.classify.moderation import read_categories
        from searchengine.errors import UsageError

        if self.rules is not None and not self.moderate:
            raise UsageError(
                "--config-file goes with --moderate", hint="labels are given by --labels"
            )
        if self.truth is not None and self.several:
            raise UsageError("--calibrate goes with single labels, not with --multi or --moderate")
        if self.moderate:
            if given or self.file:
                raise UsageError("--moderate has categories of its own: --config-file changes them")
            return read_categories(self.rules)
        spoken = [parse_label(text) for text in given]
        return check_labels([*spoken, *(read_labels(self.file) if self.file else ())])


@dataclass(frozen=True)
class Asked:
    """Which items of which corpus."""

    PANEL: ClassVar[str] = "What to label"

    items: Annotated[
        list[str] | None,
        typer.Option(
            "--item", metavar="ITEM", help="Only this: a path, id:ID or uri. May be repeated."
        ),
    ] = None
    where: options.Filter = None
    modality: Annotated[
        options.ModalityChoice, typer.Option("--modality", help="Label images or texts.")
    ] = options.ModalityChoice.image
    corpus: options.Corpus = None
    model: options.Model = None
    store: options.StoreUri = None
    config: options.Config = None
    sets: options.Sets = None

    def settings(self) -> Settings:
        """Return the settings with what was given on the command line."""
        from searchengine.errors import UsageError

        if self.items and self.where:
            raise UsageError("--item and --filter exclude each other")
        return options.read_settings(
            self.config,
            self.sets,
            corpus=self.corpus,
            model__name=self.model,
            store__uri=self.store,
        )


@dataclass(frozen=True)
class Keeping:
    """Where the labels go."""

    PANEL: ClassVar[str] = "Output"

    as_json: options.AsJson = False
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON object an item.")] = (
        False
    )
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    write_tags: Annotated[
        bool, typer.Option("--write-tags", help="Write the labels into the items' columns.")
    ] = False
    field: Annotated[
        str | None,
        typer.Option(
            "--field",
            metavar="meta.KEY",
            help="Where --write-tags writes. Default: meta.tag, with --multi meta.tags, "
            "with --moderate meta.moderation.",
        ),
    ] = None

    def column(self, choosing: Choosing) -> str | None:
        """Return the key in ``meta`` that tags are written to, ``None`` for nowhere."""
        from searchengine.classify.tags import tag_column
        from searchengine.errors import UsageError

        if sum((self.as_json, self.as_jsonl, self.as_csv)) > 1:
            raise UsageError("choose one of --json, --jsonl and --csv")
        if not self.write_tags:
            if self.field is not None:
                raise UsageError("--field goes with --write-tags")
            return None
        usual = "moderation" if choosing.moderate else "tags" if choosing.multi else "tag"
        return tag_column(self.field or usual)


@spread
def classify(
    choosing: Choosing,
    asked: Asked,
    keeping: Keeping,
    labels: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LABEL...]",
            help="Labels to choose from: dress, or 'knitwear: a knitted sweater; a cardigan'.",
        ),
    ] = None,
) -> None:
    """Label what is indexed by words alone; with --moderate, report what may be harmful."""
    from searchengine.classify.classify import make_decider
    from searchengine.classify.known import calibrate
    from searchengine.classify.moderation import WARNING
    from searchengine.query.engine import SearchEngine

    column = keeping.column(choosing)
    chosen = choosing.labels(labels or [])
    settings = asked.settings()
    if choosing.moderate:
        say(f"note: {WARNING}")
    failures = _Failures()
    with SearchEngine.open(settings) as engine:
        info = engine.side(asked.modality.value)
        decider = make_decider(
            engine,
            info,
            chosen,
            multi=choosing.several,
            threshold=choosing.threshold,
            temperature=1.0 if choosing.truth else None,
            cache_dir=settings.cache_dir,
        )
        learnt = None
        if choosing.truth is not None:
            learnt = calibrate(engine, info, decider, choosing.truth)
            decider = replace(decider, temperature=learnt.temperature)
        verdicts = _verdicts(engine, info, decider, asked, column, failures)
        _print(verdicts, decider, choosing.moderate, keeping, learnt)
    if failures.count:
        raise typer.Exit(1)


class _Failures:
    """Items that could not be looked at or written: told on stderr, counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, uri: str, error: Exception) -> None:
        self.count += 1
        say(f"failed: {uri}: {error}")


def _verdicts(
    engine: SearchEngine,
    info: SideInfo,
    decider: Decider,
    asked: Asked,
    column: str | None,
    failures: _Failures,
) -> Iterator[Labelled]:
    """Yield the verdicts asked for, written first if they are to be written."""
    from searchengine.classify.classify import classify_corpus
    from searchengine.classify.items import classify_items, indexed_ids
    from searchengine.classify.tags import tag_corpus
    from searchengine.store.filters import parse_filter

    where = parse_filter(asked.where) if asked.where and asked.where.strip() else None
    if column is not None:
        ids = indexed_ids(engine, info, asked.items) if asked.items else None
        return tag_corpus(engine, info, decider, column, where=where, ids=ids, on_failure=failures)
    if asked.items:
        return classify_items(engine, info, decider, asked.items, on_failure=failures)
    return classify_corpus(engine, info, decider, where=where)


def _print(
    verdicts: Iterable[Labelled],
    decider: Decider,
    moderated: bool,
    keeping: Keeping,
    learnt: Calibration | None,
) -> None:
    from searchengine.classify import report
    from searchengine.classify.classify import Tally

    tally = Tally()
    kept: list[dict[str, Any]] = []
    columns = shutil.get_terminal_size().columns
    if keeping.as_csv:
        emit(report.csv_line(None, decider))
    for one in _counted(verdicts, tally):
        if moderated and not one.verdict.labels:  # a report of what to look at
            continue
        if keeping.as_csv:
            emit(report.csv_line(one, decider, moderated=moderated))
        elif keeping.as_jsonl:
            emit(_json_line(report.as_json(one, decider, moderated=moderated)))
        elif keeping.as_json:
            kept.append(report.as_json(one, decider, moderated=moderated))
        else:
            emit(report.text_line(one, decider, columns))
    if keeping.as_json:
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
