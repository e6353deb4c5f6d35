"""``searchengine eval``: how good the answers are, measured where the right ones are known."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from searchengine.cli import options
from searchengine.cli.talk import emit, emit_json, say

if TYPE_CHECKING:
    from typing import Any

    from searchengine.evaluate.captions import Captions
    from searchengine.evaluate.evaluation import What
    from searchengine.store.contract import SideInfo, Store

_MOST_K = 16_000
"""Below the store's own limit, with room for the query itself."""
_EXAMPLES = 3


class TaskChoice(str, Enum):
    """What is asked."""

    all = "all"
    text_to_image = "text-to-image"
    image_to_text = "image-to-text"
    image_to_image = "image-to-image"
    index_recall = "index"


def evaluate(
    captions: Annotated[
        str | None,
        typer.Argument(
            metavar="CAPTIONS",
            help="A .jsonl, .csv or .parquet table with a file and a caption column. "
            "Default: the captions in the corpus.",
        ),
    ] = None,
    task: Annotated[TaskChoice, typer.Option("--task", help="What to measure.")] = TaskChoice.all,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="FIELD",
            help="Images with the same value are right for each other: folder, camera, meta.KEY.",
        ),
    ] = None,
    ks: Annotated[
        str, typer.Option("--k", metavar="K,...", help="Measure at so many hits.")
    ] = "1,5,10",
    depth: Annotated[
        int, typer.Option("--depth", help="Hits a query that mAP, MRR and median rank look at.")
    ] = 1000,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="Ask only N queries a task.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png", help="Draw R@k over k."),
    ] = None,
    corpus: options.Corpus = None,
    model: options.Model = None,
    as_json: options.AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    store: options.StoreUri = None,
    config: options.Config = None,
    sets: options.Sets = None,
) -> None:
    """Measure how good the answers are: R@k, mAP, nDCG, MRR, median rank; and the index's recall.

    Asks what captions or classes know the answer to, as a person would ask it.
    """
    from searchengine.cli.progress import stages
    from searchengine.evaluate import report
    from searchengine.evaluate.evaluation import ALL, Wanted, evaluate
    from searchengine.evaluate.plot import check_target, write_plot
    from searchengine.query.engine import SearchEngine

    numbers = _numbers(ks, depth, sample)
    if plot is not None:
        check_target(plot, task.value)
    what: tuple[What, ...] = ALL if task.value == "all" else (cast("What", task.value),)
    settings = options.read_settings(
        config, sets, corpus=corpus, model__name=model, store__uri=store
    )
    with SearchEngine.open(settings) as engine:
        info = _images(engine.side("image"))
        lines, told = _captions(captions, engine.store, info, what, classes)
        chosen, kinds = _classes(classes, engine.store, info)
        _check_answers(what, lines, classes)
        wanted = Wanted(lines, chosen, what, numbers, depth, sample)
        with stages("query", quiet=quiet) as on_progress:
            evaluation = evaluate(
                engine.store, info, lambda: engine.encoder(info), wanted, on_progress
            )
        backend = engine.store.capabilities.version
    for note in evaluation.notes:
        say(f"note: {note}")
    if as_json:
        found = report.as_json(evaluation, info, wanted, backend)
        emit_json({**found, "captions": told, "classes": kinds})
    else:
        emit(report.as_text(evaluation, info, wanted, backend))
    if plot is not None:
        model_name = info.model.rsplit("/", 1)[-1]  # a folder's whole path says too much
        write_plot(plot, f"R@k, corpus {info.side.corpus}, {model_name}", evaluation.results)
        say(f"plot: {plot}")


def _numbers(ks: str, depth: int, sample: int | None) -> tuple[int, ...]:
    """Return the k, ascending, or raise ``UsageError``."""
    from searchengine.errors import UsageError

    try:
        numbers = sorted({int(one) for one in ks.split(",")})
    except ValueError:
        raise UsageError(
            f"--k {ks!r} is no list of whole numbers", hint="for example --k 1,5,10"
        ) from None
    for name, number in (("--k", numbers[0]), ("--depth", depth), ("--sample", sample)):
        if number is not None and number < 1:
            raise UsageError(f"{name} must be at least 1, not {number}")
    for name, number in (("--k", numbers[-1]), ("--depth", depth)):
        if number > _MOST_K:
            raise UsageError(f"{name} can be {_MOST_K:,} at most, not {number:,}")
    return tuple(numbers)


def _images(info: SideInfo) -> SideInfo:
    from searchengine.errors import NotFoundError

    if not info.count:
        raise NotFoundError(
            f"corpus {info.side.corpus!r} holds no images",
            hint="index some first: searchengine index PATH",
        )
    return info


def _captions(
    file: str | None, store: Store, info: SideInfo, what: tuple[What, ...], classes: str | None
) -> tuple[Captions | None, dict[str, Any] | None]:
    """Return the captions to evaluate with, and what to tell of them.

    They are the file's, or the corpus's own, unless classes alone can tell what is asked.
    """
    from searchengine.evaluate.captions import stored_captions

    if file is not None:
        return _file_captions(file, store, info)
    needed = what != ("image-to-image",) if classes is None else what == ("image-to-text",)
    stored = stored_captions(store, info) if needed else {}
    if not stored:
        return None, None
    return stored, _told("corpus", stored)


def _file_captions(file: str, store: Store, info: SideInfo) -> tuple[Captions, dict[str, Any]]:
    from searchengine.cli.caption_files import read_caption_file
    from searchengine.errors import SearchEngineError
    from searchengine.evaluate.captions import match_captions

    read = read_caption_file(file)
    for problem in read.problems[:_EXAMPLES]:
        say(f"left out: {problem}")
    if len(read.problems) > _EXAMPLES:
        say(f"{len(read.problems):,} rows of {file} left out in all")
    matched = match_captions(store, info, read.path.parent, read.rows)
    missing, ambiguous = (
        list(dict.fromkeys(matched.missing)),
        list(dict.fromkeys(matched.ambiguous)),
    )
    for names, why in (
        (missing, "not in the corpus"),
        (ambiguous, "fitting several pictures of the corpus"),
    ):
        if names:
            say(f"{len(names):,} left out, {why}: {_examples(names)}")
    if not matched.captions:
        raise SearchEngineError(
            f"none of the pictures that {file} names is in corpus {info.side.corpus!r}",
            hint="index their folder first, or name another --corpus",
        )
    return matched.captions, _told(
        str(read.path),
        matched.captions,
        not_in_corpus=len(missing),
        ambiguous=len(ambiguous),
        bad_rows=len(read.problems),
    )


def _told(source: str, captions: Captions, **left_out: int) -> dict[str, Any]:
    lines = {line for each in captions.values() for line in each}
    nothing = {"not_in_corpus": 0, "ambiguous": 0, "bad_rows": 0}
    return {
        "source": source,
        "pictures": len(captions),
        "captions": len(lines),
        **nothing,
        **left_out,
    }


def _classes(name: str | None, store: Store, info: SideInfo) -> tuple[Any, dict[str, Any] | None]:
    from searchengine.evaluate.classes import read_classes

    if name is None:
        return None, None
    found = read_classes(store, info, name)
    if found.unlabelled:
        say(f"note: {found.unlabelled:,} images have no {name}: searched, and never right")
    if len(found.members) == 1:
        say(f"note: all images have one {name}, so any answer is right")
    told = {"field": name, "classes": len(found.members), "unlabelled": found.unlabelled}
    return found, told


def _check_answers(what: tuple[What, ...], captions: Captions | None, classes: str | None) -> None:
    """Raise ``UsageError`` where nothing says which answers are right."""
    from searchengine.errors import UsageError

    if what == ("image-to-image",) and classes is None:
        raise UsageError(
            "image-to-image needs to know which images are of one kind",
            hint="say it by a field: --classes folder, --classes meta.KEY",
        )
    if what == ("index",) or captions is not None:
        return
    if classes is None or what == ("image-to-text",):
        raise UsageError(
            "the corpus holds no captions, so nothing says which answers are right",
            hint="give a captions file: searchengine eval captions.jsonl"
            + ("" if what == ("image-to-text",) else "\nor name classes: --classes folder"),
        )


def _examples(names: list[str]) -> str:
    from searchengine.present.text_width import one_line

    shown = ", ".join(map(one_line, names[:_EXAMPLES]))
    return f"{shown}, ..." if len(names) > _EXAMPLES else shown
