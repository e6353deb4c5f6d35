"""``searchengine duplicates``: copies of the same picture, and pictures like each other."""

from __future__ import annotations

import json
import os
import sys
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_bytes, emit_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from searchengine.duplicates.records import Findings, Tier


class TierChoice(str, Enum):
    """Which groups."""

    same = "same"
    similar = "similar"
    all = "all"


class _Form(Enum):
    TEXT, JSON, LINES, PATHS, NUL = range(5)


def duplicates(
    tier: Annotated[
        TierChoice,
        typer.Option(
            "--tier",
            help="same: copies of one picture, also resized, recompressed, cropped or turned a "
            "little, or watermarked; similar: other pictures that are alike; or all.",
        ),
    ] = TierChoice.all,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Cosine from which pictures are similar. Default: 0.9."),
    ] = None,
    where: options.Filter = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", help="Compare each with so many of its nearest.")
    ] = 16,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Processes that compare pictures. Default: one a core."),
    ] = None,
    as_json: options.AsJson = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print a group a line as JSON.")] = False,
    paths: Annotated[
        bool,
        typer.Option(
            "--paths", help="Print the paths of all copies but the keepers: what could go."
        ),
    ] = False,
    nul: Annotated[
        bool, typer.Option("-0", help="With --paths: end each in NUL, for xargs -0.")
    ] = False,
    corpus: options.Corpus = None,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Find copies of the same picture, and similar pictures. Deletes nothing."""
    from searchengine.duplicates.find import find_duplicates
    from searchengine.duplicates.records import DEFAULT_THRESHOLD, Wanted
    from searchengine.query.engine import SearchEngine
    from searchengine.store.filters import parse_filter

    form = _form(as_json, jsonl, paths, nul)
    threshold = DEFAULT_THRESHOLD if threshold is None else threshold
    tiers = _tiers(tier, form)
    _check(threshold, neighbours, workers)
    wanted = Wanted(
        tiers=tiers,
        threshold=threshold,
        where=None if where is None else parse_filter(where),
        neighbours=neighbours,
        workers=workers or os.cpu_count() or 1,
    )
    settings = options.read_settings(config, sets, corpus=corpus, store__uri=store)
    with SearchEngine.open(settings) as engine:
        side = engine.side("image")
        findings = find_duplicates(engine.store, side.side, wanted, _progress())
        if findings.unreadable:
            say(
                f"note: {findings.unreadable:,} pictures could not be read (gone, moved or "
                "damaged): among these, only files with the same bytes count as the same"
            )
        _print(findings, form, settings.corpus, threshold)


def _form(as_json: bool, jsonl: bool, paths: bool, nul: bool) -> _Form:
    from searchengine.errors import UsageError

    if as_json + jsonl + paths > 1:
        raise UsageError("--json, --jsonl and --paths exclude each other")
    if nul and not paths:
        raise UsageError("-0 ends paths in NUL: it goes with --paths")
    if paths:
        return _Form.NUL if nul else _Form.PATHS
    return _Form.JSON if as_json else _Form.LINES if jsonl else _Form.TEXT


def _tiers(tier: TierChoice, form: _Form) -> tuple[Tier, ...]:
    from searchengine.errors import UsageError

    if form in (_Form.PATHS, _Form.NUL):
        if tier is TierChoice.similar:
            raise UsageError(
                "--paths lists copies of the same picture; similar pictures are not copies",
                hint="--jsonl lists them, with their paths",
            )
        return ("same",)
    if tier is TierChoice.all:
        return ("same", "similar")
    return ("same",) if tier is TierChoice.same else ("similar",)


def _check(threshold: float, neighbours: int, workers: int | None) -> None:
    from searchengine.errors import UsageError

    if not -1 <= threshold <= 1:
        raise UsageError(f"--threshold {threshold} is no cosine: it lies between -1 and 1")
    if not 1 <= neighbours <= 1_000:
        raise UsageError(f"--neighbours {neighbours} is not between 1 and 1,000")
    if workers is not None and not 1 <= workers <= 256:
        raise UsageError(f"--workers {workers} is not between 1 and 256")


def _print(findings: Findings, form: _Form, corpus: str, threshold: float) -> None:
    from searchengine.duplicates.report import (
        counts_json,
        group_json,
        group_lines,
        surplus_paths,
    )

    if form is _Form.JSON:
        groups = [group_json(group) for group in findings.groups]
        counts = counts_json(findings)
        emit_json({"corpus": corpus, "threshold": threshold, **counts, "groups": groups})
        return
    found = {"same": 0, "similar": 0}
    surplus = 0
    for group in findings.groups:
        found[group.tier] += 1
        if form is _Form.LINES:
            emit(json.dumps(group_json(group), ensure_ascii=False, allow_nan=False))
        elif form is _Form.TEXT:
            emit("\n".join(group_lines(group)) + "\n")
        else:
            end = b"\0" if form is _Form.NUL else b"\n"
            emit_bytes(b"".join(path + end for path in surplus_paths(group)))
        if group.tier == "same":
            surplus += len(group.members) - 1
    say(
        f"{findings.items:,} pictures: {found['same']:,} groups of the same picture "
        f"({surplus:,} more than the keepers), {found['similar']:,} of similar ones"
    )
    if form is _Form.TEXT and surplus:
        say("nothing was deleted; what could go: searchengine duplicates --paths -0 | xargs -0 ...")


def _progress() -> Callable[[str, int, int], None] | None:
    """Return what tells on a terminal how far it is."""
    if not sys.stderr.isatty():
        return None

    def told(doing: str, done: int, total: int) -> None:
        end = "\r\x1b[K" if done >= total else ""
        print(f"\r{doing}: {done:,}/{total:,}{end}", end="", file=sys.stderr, flush=True)  # noqa: T201

    return told
