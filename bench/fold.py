"""Above which cosine two hits are one picture twice: the default threshold of ``stages/fold.py``.

    python bench/fold.py --model FOLDER --clothing FOLDER --coco FOLDER --json out.json

Half of the pictures of a set get one altered copy each (JPEG 75, JPEG 30, half size, 3% cropped),
by turns. For pictures of the set as queries, the top ``--pool`` of pictures and copies together
are folded; counted is how many of those folded are copies of what they were folded into
(precision), and how many of the copies whose original is in the pool were folded into it (recall).

Rules are compared, each at the one threshold that has the best mean recall with a precision of
0.95 or more on every set: the cosine itself, the cosine after the mean of the corpus or of the
pool is taken away, and the cosine on a scale from the pool's mean cosine (0) to 1. ``in a cone``
is a set whose vectors were pushed together (mean cosine 0.7), as some models have them by nature.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rerank_sets import (
    Cache,
    clothing_tasks,
    coco_task,
    copies,
    drawn,
    drawn_tasks,
    photos,
    picture_of,
)

from searchengine.encoders import load_encoder
from searchengine.query.pool import Candidate
from searchengine.query.stages.fold import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from searchengine.encoders.contract import Vectors

    Rule = Callable[[Vectors, Vectors, float], tuple[Vectors, float, Vectors | None]]

_COPIED = 300
_QUERIES = 60
_PRECISION = 0.95
THRESHOLDS = (0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)


@dataclass(frozen=True, slots=True)
class Planted:
    """Pictures and copies of some: ``of[row]`` is the picture that a row shows."""

    name: str
    vectors: Vectors
    of: np.ndarray


def plant(name: str, index: Vectors, rows: np.ndarray, altered: dict[str, Vectors]) -> Planted:
    """Put one copy of every second of the rows among the pictures."""
    vectors, of = [index], [np.arange(len(index))]
    for turn, changed in enumerate(altered.values()):
        picked = np.arange(2 * turn, len(rows), 2 * len(altered))
        vectors.append(changed[picked])
        of.append(rows[picked])
    return Planted(name, np.concatenate(vectors), np.concatenate(of))


def in_a_cone(planted: Planted, mean: float = 0.7) -> Planted:
    """Push all vectors towards a common direction, at right angles to them, to a mean cosine."""
    vectors = planted.vectors
    usual = float(np.square(np.linalg.norm(vectors.mean(axis=0))))
    push = np.full((len(vectors), 1), np.sqrt((mean - usual) / (1 - mean)), np.float32)
    pushed = np.hstack([vectors, push])
    pushed /= np.linalg.norm(pushed, axis=1, keepdims=True)
    return Planted(f"{planted.name}, in a cone", pushed, planted.of)


def pools(planted: Planted, size: int) -> Iterator[np.ndarray]:
    """Yield the rows that answer a picture of the set, best first."""
    rng = np.random.default_rng(0)
    originals = int(planted.of.max()) + 1
    for query in rng.choice(originals, min(_QUERIES, originals), replace=False):
        scores = planted.vectors @ planted.vectors[query]
        yield np.argsort(-scores, kind="stable")[:size]


def plain(vectors: Vectors, _: Vectors, threshold: float) -> tuple[Vectors, float, None]:
    """Take the cosine as it is."""
    return vectors, threshold, None


def from_corpus(
    vectors: Vectors, corpus: Vectors, threshold: float
) -> tuple[Vectors, float, Vectors]:
    """Take the cosine as seen from the corpus's mean."""
    return vectors, threshold, corpus.mean(axis=0)


def from_pool(vectors: Vectors, _: Vectors, threshold: float) -> tuple[Vectors, float, Vectors]:
    """Take the cosine as seen from the pool's mean."""
    return vectors, threshold, vectors.mean(axis=0)


def scaled(vectors: Vectors, _: Vectors, threshold: float) -> tuple[Vectors, float, None]:
    """Take the cosine on a scale from the pool's mean cosine (0) to 1."""
    count, total = len(vectors), vectors.sum(axis=0)
    usual = float(total @ total - count) / (count * (count - 1))
    return vectors, usual + threshold * (1 - usual), None


RULES: dict[str, Rule] = {
    "cosine": plain,
    "from the corpus's mean": from_corpus,
    "from the pool's mean": from_pool,
    "scaled": scaled,
}


def counts(
    vectors: Vectors, of: np.ndarray, threshold: float, centre: Vectors | None
) -> tuple[int, int, int]:
    """Return how many were folded rightly, how many were folded, how many could have been."""
    pool = [
        Candidate(str(row), 1 - row / len(of), "image", {}, vector)
        for row, vector in enumerate(vectors)
    ]
    kept = fold(pool, threshold=threshold, centre=centre)
    pairs = [(int(one.id), int(name)) for one in kept for name in one.folded]
    right = sum(of[one] == of[other] for one, other in pairs)
    return int(right), len(pairs), len(of) - len(set(of.tolist()))


def figures(
    planted: Planted, rule: Rule, threshold: float, looked_at: list[np.ndarray]
) -> tuple[float, float]:
    """Return precision and recall over the pools of a set."""
    found = []
    for rows in looked_at:
        vectors, least, centre = rule(planted.vectors[rows], planted.vectors, threshold)
        found.append(counts(vectors, planted.of[rows], least, centre))
    right, folded, there = (sum(column) for column in zip(*found, strict=True))
    return right / folded if folded else 1.0, right / there


def sweep(sets: list[Planted], size: int) -> Iterator[dict[str, Any]]:
    """Yield precision and recall of every rule, threshold and set."""
    looked_at = {planted.name: list(pools(planted, size)) for planted in sets}
    for name, rule in RULES.items():
        for threshold in THRESHOLDS:
            for planted in sets:
                precision, recall = figures(planted, rule, threshold, looked_at[planted.name])
                yield {
                    "rule": name,
                    "threshold": threshold,
                    "set": planted.name,
                    "precision": round(precision, 4),
                    "recall": round(recall, 4),
                }


def best_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for every rule, the threshold that is precise on all sets and finds most."""
    found = []
    for rule in RULES:
        good = []
        for threshold in THRESHOLDS:
            some = [r for r in rows if r["rule"] == rule and r["threshold"] == threshold]
            if min(row["precision"] for row in some) >= _PRECISION:
                recall = float(np.mean([row["recall"] for row in some]))
                good.append({"threshold": threshold, "mean_recall": round(recall, 4)})
        found.append({"rule": rule, **max(good, key=lambda row: row["mean_recall"], default={})})
    return found


def planted_sets(cache: Cache, model: Path, clothing: Path, coco: Path) -> list[Planted]:
    """Return every set with both models, each once more in a cone."""
    own, small = load_encoder("drawn-scenes"), load_encoder(f"local-dir:{model}")
    label = model.name
    scenes = drawn(1200)
    found = []
    for encoder, name in ((own, "drawn-scenes"), (small, label)):
        index = drawn_tasks(cache, encoder, name, len(scenes))[0].index
        altered = copies(cache, encoder, f"drawn-{name}", lambda: map(picture_of, scenes[:_COPIED]))
        found.append(plant(f"drawn scenes ({name})", index, np.arange(_COPIED), altered))
    index = coco_task(cache, small, label, coco).index
    altered = copies(cache, small, f"coco-{label}", lambda: photos(coco))
    found.append(plant(f"coco ({label})", index, np.arange(len(index)), altered))
    index = clothing_tasks(cache, small, label, clothing)[0].index
    altered = copies(
        cache,
        small,
        f"clothing-{label}",
        lambda: (picture for at, picture in enumerate(photos(clothing)) if at % 2 == 0),
    )
    found.append(plant(f"clothing ({label})", index, np.arange(0, len(index), 2), altered))
    return [*found, *map(in_a_cone, found)]


def main() -> None:
    """Measure, print the best of each rule, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, type=Path, help="a local-dir: folder")
    parser.add_argument("--clothing", required=True, type=Path, help="a folder of class folders")
    parser.add_argument("--coco", required=True, type=Path, help="photos with captions.jsonl")
    parser.add_argument("--pool", type=int, default=200, help="candidates a query")
    parser.add_argument("--cache", type=Path, help="where vectors are kept")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = Cache(asked.cache or Path(scratch))
        sets = planted_sets(cache, asked.model, asked.clothing, asked.coco)
    rows = list(sweep(sets, asked.pool))
    measured = sets[: len(sets) // 2]
    names = {planted.name for planted in measured}
    report = {
        "pool": asked.pool,
        "best": best_of([row for row in rows if row["set"] in names]),
        "best_with_cones": best_of(rows),
        "rows": rows,
    }
    for part in ("best", "best_with_cones"):
        sys.stdout.write(f"{part}: {json.dumps(report[part])}\n")
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
