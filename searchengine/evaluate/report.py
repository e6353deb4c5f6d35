"""An evaluation as JSON and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchengine.present.text_width import display_width, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.evaluate.evaluation import Evaluation, TaskResult, Wanted
    from searchengine.evaluate.index_recall import IndexRecall
    from searchengine.store.contract import SideInfo

_ANY = "R@k: share of queries with any right hit among the first k"
_ALL = "recall@k: share of all right hits that is among the first k; P@k: of the first k, right"
_CUT = "mAP, MRR and median rank look at the first {depth:,} of {candidates:,} places ({task})"


def as_json(evaluation: Evaluation, info: SideInfo, wanted: Wanted, backend: str) -> dict[str, Any]:
    """Return the evaluation as a JSON object, with what it was made on."""
    return {
        "corpus": info.side.corpus,
        "images": info.count,
        "model": info.model,
        "fingerprint": info.fingerprint,
        "profile": info.profile,
        "index": info.index,
        "backend": backend,
        "k": list(wanted.ks),
        "depth": wanted.depth,
        "sample": wanted.sample,
        "tasks": [
            {
                "task": one.task,
                "asked": one.asked,
                "searched": one.searched,
                "queries": one.queries,
                "candidates": one.candidates,
                "depth": one.depth,
                "complete": one.complete,
                "metrics": dict(one.metrics),
            }
            for one in evaluation.results
        ],
        "index_recall": [
            {
                "asked": one.asked,
                "queries": one.queries,
                **{f"recall@{k}": value for k, value in one.recall.items()},
            }
            for one in evaluation.index
        ],
        "notes": list(evaluation.notes),
    }


def as_text(evaluation: Evaluation, info: SideInfo, wanted: Wanted, backend: str) -> str:
    """Return the evaluation as tables for a person, a column a task."""
    index = info.index if info.profile != "auto" else f"{info.index} (auto)"
    images = f"{info.count:,} image{'s' if info.count != 1 else ''}"
    blocks = [f"corpus {info.side.corpus}: {images}, {info.model}, index {index}, {backend}"]
    if evaluation.results:
        blocks.append(_tasks_table(evaluation.results, wanted.ks))
    if evaluation.index:
        blocks.append(_index_table(evaluation.index, wanted.ks))
    return "\n\n".join(blocks)


def _tasks_table(results: Sequence[TaskResult], ks: Sequence[int]) -> str:
    classes = any(_by_class(one) for one in results)
    rows = [
        ["", *(one.task for one in results)],
        ["asked", *(one.asked for one in results)],
        ["queries", *(f"{one.queries:,}" for one in results)],
        ["searched", *(f"{one.candidates:,} {one.searched}" for one in results)],
    ]
    names = [(f"R@{k}", f"success@{k}") for k in ks]
    if classes:
        names += [(f"P@{k}", f"precision@{k}") for k in ks]
        names += [(f"recall@{k}", f"recall@{k}") for k in ks]
    names += [("mAP", "map"), (f"nDCG@{ks[-1]}", f"ndcg@{ks[-1]}"), ("MRR", "mrr")]
    if any("1nn_accuracy" in one.metrics for one in results):
        names.append(("1-NN accuracy", "1nn_accuracy"))
    for title, name in names:
        rows.append([title, *(_share(one, name) for one in results)])
    rows.append(["median rank", *map(_median, results)])
    legend = [_ANY, *([_ALL] if classes else [])]
    legend += [
        _CUT.format(depth=one.depth, candidates=one.candidates, task=one.task)
        for one in results
        if not one.complete
    ]
    return "\n".join([_grid(rows), "", *legend])


def _index_table(recalls: Sequence[IndexRecall], ks: Sequence[int]) -> str:
    rows = [
        ["index against exact search", *(one.asked for one in recalls)],
        ["queries", *(f"{one.queries:,}" for one in recalls)],
    ]
    rows += [[f"recall@{k}", *(f"{one.recall[k]:.4f}" for one in recalls)] for k in ks]
    return _grid(rows)


def _by_class(result: TaskResult) -> bool:
    return result.asked == "class names" or result.task == "image-to-image"


def _share(result: TaskResult, name: str) -> str:
    value = result.metrics.get(name)
    return "-" if value is None else f"{value:.4f}"


def _median(result: TaskResult) -> str:
    value = result.metrics["median_rank"]
    return f"over {result.depth:,}" if value is None else f"{value:g}"


def _grid(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            pad(cell, width, right=place > 0)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
