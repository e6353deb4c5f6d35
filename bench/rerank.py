"""What a second look is worth: query expansion, diffusion and a bigger model, on mAP.

    python bench/rerank.py --model FOLDER --clothing FOLDER --coco FOLDER --json out.json

Every query's exact top ``--pool`` are the candidates; a stage re-orders them and is judged by the
average precision over all that is right in the corpus (what is not among the candidates counts as
never found) and, where one item is right, by R@1 and the reciprocal rank. Parameters are chosen on
one half of the queries, for all sets of a kind (pictures, texts) together and for each alone; the
figures are of the other half, with the 95% interval of the paired difference (bootstrap over
queries).
``--model`` is a small general model in OpenCLIP's local layout; the sets it is asked about are a
folder of classes and one with ``captions.jsonl``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rerank_sets import Cache, Task, clothing_tasks, coco_task, drawn, drawn_tasks, picture_of

from searchengine.encoders import load_encoder
from searchengine.query.pool import Candidate
from searchengine.query.stages.diffuse import Diffusion, rerank_by_diffusion
from searchengine.query.stages.expand import rerank_by_expansion
from searchengine.query.stages.rescore import rescore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Vectors

    Stage = Callable[[Vectors, list[Candidate]], list[Candidate]]

EXPANSIONS = [{"top": t, "alpha": a} for t in (1, 2, 3, 5, 10, 20) for a in (0.0, 1.0, 3.0)]
DIFFUSIONS = [
    {"neighbours": k, "seeds": s, "alpha": a, "gamma": g}
    for k, s, a, g in itertools.product((5, 10, 20), (5, 20), (0.5, 0.8, 0.95), (3.0,))
]
TOPS = (20, 50, 100)


@dataclass(frozen=True, slots=True)
class Scores:
    """One query's: average precision, whether the first is right, reciprocal rank of the first."""

    ap: float
    first: float
    reciprocal: float


def judge(ranked: Sequence[Candidate], right: frozenset[int]) -> Scores:
    """Judge an order of candidates whose ids are rows."""
    places = [at for at, one in enumerate(ranked, start=1) if int(one.id) in right]
    ap = sum(n / at for n, at in enumerate(places, start=1)) / len(right)
    return Scores(ap, float(places[:1] == [1]), 1 / places[0] if places else 0.0)


def pool_of(task: Task, at: int, size: int) -> list[Candidate]:
    """Return the exact best ``size`` of a query, without the query itself."""
    scores = np.round(task.index @ task.queries[at], 6)
    if task.itself[at] is not None:
        scores[task.itself[at]] = -2
    best = np.argsort(-scores, kind="stable")[:size]
    return [
        Candidate(f"{row:06}", float(scores[row]), "image", {}, task.index[row])
        for row in best
        if scores[row] > -2
    ]


def run(task: Task, which: str, stage: Stage, size: int) -> list[Scores]:
    """Judge a stage on one half of a task's queries."""
    return [
        judge(stage(task.queries[at], pool_of(task, at, size)), task.relevant[at])
        for at in task.half(which)
    ]


def mean_ap(scores: Sequence[Scores]) -> float:
    """Return the mean average precision."""
    return float(np.mean([one.ap for one in scores]))


def summary(before: Sequence[Scores], after: Sequence[Scores]) -> dict[str, Any]:
    """Return the figures of a stage beside those without it."""
    rng = np.random.default_rng(0)
    gains = np.array([b.ap - a.ap for a, b in zip(before, after, strict=True)])
    means = gains[rng.integers(0, len(gains), (2000, len(gains)))].mean(axis=1)
    return {
        "queries": len(after),
        "mAP": [round(mean_ap(before), 4), round(mean_ap(after), 4)],
        "gain_95": [round(float(x), 4) for x in np.quantile(means, (0.025, 0.975))],
        "R@1": [round(float(np.mean([s.first for s in some])), 4) for some in (before, after)],
        "MRR": [round(float(np.mean([s.reciprocal for s in some])), 4) for some in (before, after)],
    }


def first_look(_: Vectors, pool: list[Candidate]) -> list[Candidate]:
    """Leave the order as it is."""
    return pool


def expansion(**how: Any) -> Stage:
    """Return query expansion with these parameters."""
    return lambda query, pool: rerank_by_expansion(query, pool, **how)


def diffusion(**how: Any) -> Stage:
    """Return diffusion with these parameters."""
    return lambda query, pool: rerank_by_diffusion(query, pool, Diffusion(**how))


def gains(
    tasks: Sequence[Task], make: Callable[..., Stage], grid: Sequence[dict[str, Any]], size: int
) -> np.ndarray:
    """Return what each set of parameters adds to each task's mAP on the choosing half."""
    base = [mean_ap(run(task, "choosing", first_look, size)) for task in tasks]
    return np.array(
        [
            [
                mean_ap(run(task, "choosing", make(**how), size)) - was
                for task, was in zip(tasks, base, strict=True)
            ]
            for how in grid
        ]
    )


def compare(tasks: Sequence[Task], size: int) -> list[dict[str, Any]]:
    """Choose on one half and report on the other, for expansion and diffusion.

    Once with the parameters that are best for all tasks together, and once with those that are
    best for the task itself, which no user could know.
    """
    rows = []
    for name, make, grid in (
        ("expansion", expansion, EXPANSIONS),
        ("diffusion", diffusion, DIFFUSIONS),
    ):
        gained = gains(tasks, make, grid, size)
        shared = int(np.argmax(gained.mean(axis=1)))
        for column, task in enumerate(tasks):
            before = run(task, "reporting", first_look, size)
            own = int(np.argmax(gained[:, column]))
            for scope, best in (("all tasks", shared), ("this task", own)):
                start = time.perf_counter()
                after = run(task, "reporting", make(**grid[best]), size)
                taken = time.perf_counter() - start
                rows.append(
                    {
                        "stage": name,
                        "task": task.name,
                        "chosen_for": scope,
                        "parameters": grid[best],
                        "gain_when_chosen": round(float(gained[best, column]), 4),
                        "ms_a_query": round(1000 * taken / len(after), 2),
                        **summary(before, after),
                    }
                )
    return rows


class _Looks:
    """A reranker that has the second model's vectors at hand."""

    def __init__(self, index: Vectors, query: Vectors) -> None:
        self._index, self._query = index, query

    def scores(self, candidates: Sequence[Candidate]) -> Vectors:
        rows = [int(one.id) for one in candidates]
        return np.asarray(self._index[rows] @ self._query, np.float32)


def bigger(first: Sequence[Task], second: Sequence[Task], size: int) -> list[dict[str, Any]]:
    """Report what the second model makes of the first one's answers, by how many it looks at."""
    rows = []
    for task, better in zip(first, second, strict=True):
        before = run(task, "reporting", first_look, size)
        alone = run(better, "reporting", first_look, size)
        for top in TOPS:
            after = [
                judge(
                    rescore(
                        pool_of(task, at, size), _Looks(better.index, better.queries[at]), top=top
                    ),
                    task.relevant[at],
                )
                for at in task.half("reporting")
            ]
            rows.append(
                {
                    "stage": f"rescore top {top}",
                    "task": f"{task.name}, then {better.name}",
                    "mAP_of_the_second_alone": round(mean_ap(alone), 4),
                    **summary(before, after),
                }
            )
    return rows


def cost_of_rescoring(model: str) -> dict[str, Any]:
    """Take the processor time of a second look: 50 files of 320 x 240 read, decoded, encoded."""
    from searchengine.identity import file_uri
    from searchengine.query.stages.rescore import TwoTowerReranker

    encoder = load_encoder(model)
    with tempfile.TemporaryDirectory() as folder:
        pool = []
        for row, scene in enumerate(drawn(50)):
            path = Path(folder).resolve() / f"{row}.jpg"
            picture_of(scene).save(path, quality=90)
            pool.append(Candidate(str(row), 1 - row / 50, "image", {"uri": file_uri(path)}))
        reranker = TwoTowerReranker(encoder, encoder.encode_texts(["a red boat"])[0])
        rescore(pool, reranker)
        start = time.process_time()
        rescore(pool, reranker)
        taken = round(time.process_time() - start, 3)
        return {"model": encoder.name, "pictures": 50, "cpu_s": taken}


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, type=Path, help="a local-dir: folder")
    parser.add_argument("--clothing", required=True, type=Path, help="a folder of class folders")
    parser.add_argument("--coco", required=True, type=Path, help="photos with captions.jsonl")
    parser.add_argument("--count", type=int, default=1200, help="drawn scenes")
    parser.add_argument("--pool", type=int, default=200, help="candidates a query")
    parser.add_argument("--cache", type=Path, help="where vectors are kept")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = Cache(asked.cache or Path(scratch))
        small, own = load_encoder(f"local-dir:{asked.model}"), load_encoder("drawn-scenes")
        label = asked.model.name
        drawn_own = drawn_tasks(cache, own, "drawn-scenes", asked.count)
        drawn_small = drawn_tasks(cache, small, label, asked.count)
        clothing = clothing_tasks(cache, small, label, asked.clothing)
        coco = coco_task(cache, small, label, asked.coco)
    images = [drawn_own[0], drawn_small[0], clothing[0]]
    texts = [drawn_own[1], drawn_own[2], drawn_small[1], clothing[1], coco]
    rows = [
        *compare(images, asked.pool),
        *compare(texts, asked.pool),
        *bigger(drawn_small, drawn_own, asked.pool),
    ]
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
    if asked.json:
        report = {"pool": asked.pool, "drawn": asked.count, "rows": rows}
        report["rescore_cost"] = [cost_of_rescoring("drawn-scenes")]
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
