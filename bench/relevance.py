"""Does a relevance mean the same everywhere? Fits the curves, and judges them against the cosine.

    python bench/relevance.py                  judge the shipped curves
    python bench/relevance.py --fit            fit them on half 0 first, and keep them

``SEARCHENGINE_TEST_PHOTOS`` is a folder of collections (see ``relevance_sets.py``) and
``SEARCHENGINE_TEST_MODEL`` an OpenCLIP ``local-dir:`` folder that knows photos; without them only
the drawn scenes are judged. ``--vectors FOLDER`` keeps what was encoded for the next run.

All figures are of half 1, whose pictures, classes and captions no number was fitted on, but for the
AUC of "has this corpus an answer?", which is of both: within a set, which is of one kind of query,
no fitted number can change an order. Sets count the same, whatever their size, and so do the
positive and the negative cases of each. The flat cut that a relevance is compared with is the best
one there is for the figure, found on half 1 itself.

Three decisions are judged: has this corpus an answer (the best relevance against the threshold), is
this hit relevant (the ``SHOWN`` nearest items of each query), and the same over all items, most of
which no threshold would let through.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from relevance_rankings import rankings
from relevance_report import as_text
from relevance_sets import EVERYTHING, Case, load_sets
from relevance_vectors import Vectors

from searchengine.query.relevance import DEFAULT_THRESHOLD
from searchengine.query.relevance.judge import MAPPING_FILE, Curve, alike, described, load_curves

RESULTS = Path(__file__).parent / "results"
SHOWN = 20
"""An item counts for a query that has it among this many nearest: what a person would look at."""
QUERY_SHARE = 0.6
"""What "has this corpus an answer?" counts for in the fit; "is this hit relevant?" has the rest.
From 0.5 to 0.85 both stay well above a flat cut; more refuses more, and finds less of the lot
where everything answers."""


@dataclass(slots=True)
class Scored:
    """What is known of a case once it is scored: standing out is what the curves take."""

    case: Case
    model: str
    cosine: np.ndarray
    standing_out: np.ndarray

    @property
    def set(self) -> str:
        return f"{self.case.collection} / {self.model} / {self.case.kind}"

    @property
    def curve(self) -> str:
        same = self.case.kind == ("text" if self.case.pool.endswith(" texts") else "image")
        return "same" if same else "cross"

    @property
    def judged(self) -> bool:
        """Texts as items are reported beside; nothing is fitted or pooled on them."""
        return not self.case.pool.endswith(" texts")


def main() -> None:
    """Run the judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="fit the curves on half 0 and keep them")
    parser.add_argument("--vectors", type=Path, help="keep vectors in this folder")
    parser.add_argument("--out", type=Path, default=RESULTS / "relevance.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models = _load(asked.vectors or Path(scratch))
        scored = [_score(vectors, case) for vectors, cases in models for case in cases]
        if asked.fit:
            if len(models) < 2:
                parser.error("fitting needs SEARCHENGINE_TEST_MODEL and SEARCHENGINE_TEST_PHOTOS")
            curves = fit([one for one in scored if one.case.half == 0])
            stored = {name: _rounded(curve) for name, curve in curves.items()}
            MAPPING_FILE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
            load_curves.cache_clear()
        curves = dict(zip(("cross", "same"), load_curves(), strict=True))
        beside = {"swapped": swapped(scored), "left_out": leave_one_out(scored)}
        report = {**judge(scored, curves), **beside}
        report["rankings"] = [row for vectors, cases in models for row in rankings(vectors, cases)]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    asked.out.with_suffix(".txt").write_text(as_text(report) + "\n", encoding="utf-8")
    print(as_text(report))


def _load(folder: Path) -> list[tuple[Vectors, list[Case]]]:
    photos, model = (os.environ.get(f"SEARCHENGINE_TEST_{name}") for name in ("PHOTOS", "MODEL"))
    sets = load_sets(Path(photos) if photos else None)
    drawn = [case for case in sets.cases if case.collection == "drawn"]
    models = [(Vectors("drawn-scenes", sets, drawn, folder), drawn)]
    if model:
        models.append((Vectors(f"local-dir:{model}", sets, sets.cases, folder), sets.cases))
    return models


def _score(vectors: Vectors, case: Case) -> Scored:
    query, items = vectors.query(case.query), vectors.items(case)
    modality = "text" if case.pool.endswith(" texts") else "image"
    if case.kind == modality:
        out = alike(vectors.background, query, items, modality)
    else:
        out = described(vectors.background, query, items, modality)
    return Scored(case, vectors.model, items @ query, out)


def fit(scored: list[Scored]) -> dict[str, Curve]:
    """Fit a logistic curve for each kind of pair; every set weighs the same."""
    curves = {}
    for name in ("cross", "same"):
        rows = _rows([one for one in scored if one.judged and one.curve == name])
        values, truth, weight = (np.concatenate(part) for part in zip(*rows, strict=True))
        slope, offset = _logistic(values.astype(np.float64), truth, weight / weight.sum())
        curves[name] = Curve(slope, offset)
    return curves


def _logistic(values: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """The slope and offset of greatest likelihood, by Newton's method."""
    design = np.stack([values, np.ones_like(values)], axis=1)
    found = np.zeros(2)
    for _ in range(100):
        odds = 1 / (1 + np.exp(-(design @ found)))
        slope = design.T @ (weight * (odds - truth))
        curvature = design.T @ (design * (weight * odds * (1 - odds))[:, None])
        step = np.linalg.solve(curvature, slope)
        found -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(found[1])


def _rows(scored: list[Scored]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Values, truths and weights: the hits, and the best item for whether there is an answer."""
    rows = []
    for members in _by_set(scored).values():
        for share, (values, truth) in (
            (QUERY_SHARE, _queries(members, "standing_out")),
            (1 - QUERY_SHARE, _hits(members, "standing_out")),
        ):
            if truth.any() and not truth.all():
                rows.append((values, truth, share * _even(truth)))
    return rows


def _by_set(scored: list[Scored]) -> dict[str, list[Scored]]:
    sets = defaultdict(list)
    for one in scored:
        sets[one.set].append(one)
    return dict(sets)


def _queries(members: list[Scored], what: str) -> tuple[np.ndarray, np.ndarray]:
    best = np.array([getattr(one, what).max() for one in members])
    return best, np.array([one.case.answered for one in members])


def _items(members: list[Scored], what: str) -> tuple[np.ndarray, np.ndarray]:
    clear = [one.case.relevant >= 0 for one in members]
    values = [getattr(one, what)[mask] for one, mask in zip(members, clear, strict=True)]
    truth = [one.case.relevant[mask] == 1 for one, mask in zip(members, clear, strict=True)]
    return np.concatenate(values), np.concatenate(truth)


def _hits(members: list[Scored], what: str) -> tuple[np.ndarray, np.ndarray]:
    values, truth = [], []
    for one in members:
        near = np.argsort(-one.cosine, kind="stable")[:SHOWN]
        near = near[one.case.relevant[near] >= 0]
        values.append(getattr(one, what)[near])
        truth.append(one.case.relevant[near] == 1)
    return np.concatenate(values), np.concatenate(truth)


def _even(truth: np.ndarray) -> np.ndarray:
    """Weights under which the true and the false together count a half each."""
    return np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())


def judge(scored: list[Scored], curves: dict[str, Curve]) -> dict[str, Any]:
    """Return every figure of half 1."""
    for one in scored:
        one.standing_out = _through(curves, one)
    test = [one for one in scored if one.case.half == 1]
    sets = _by_set(test)
    judged = {name: members for name, members in sets.items() if members[0].judged}
    return {
        "threshold": DEFAULT_THRESHOLD,
        "curves": {name: _rounded(curve) for name, curve in curves.items()},
        "answers": {name: _answers(members) for name, members in _by_set(scored).items()},
        "sets": {name: _figures(members) for name, members in sets.items()},
        "pooled": {
            name: _pooled([_both(members, level) for members in judged.values()])
            for name, level in LEVELS.items()
        },
        "collections": _collections(judged),
        "reliability": _reliability(list(judged.values())),
        "sorts": _sorts(sets),
        "returned": {
            f"{one.case.query} / {one.case.collection}": _share(one.standing_out)
            for one in scored
            if one.case.query in EVERYTHING.get(one.case.collection, ())
        },
    }


LEVELS = {"queries": _queries, "hits": _hits, "items": _items}


def _both(members: list[Scored], level: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cosine, truth = level(members, "cosine")
    return cosine, level(members, "standing_out")[0], truth


def _figures(members: list[Scored]) -> dict[str, Any]:
    figures: dict[str, Any] = {"cases": len(members)}
    for name, level in LEVELS.items():
        cosine, relevance, truth = _both(members, level)
        figures[name] = {
            "auc_cosine": round(area(cosine, truth), 4),
            "auc_relevance": round(area(relevance, truth), 4),
            "found": round(float((relevance[truth] >= DEFAULT_THRESHOLD).mean()), 4),
            "refused": round(float((relevance[~truth] < DEFAULT_THRESHOLD).mean()), 4),
        }
    return figures


def _answers(members: list[Scored]) -> dict[str, Any]:
    """Has this corpus an answer? Over the cases of both halves."""
    cosine, relevance, truth = _both(members, _queries)
    return {
        "cases": len(members),
        "auc_cosine": round(area(cosine, truth), 4),
        "auc_relevance": round(area(relevance, truth), 4),
    }


def _collections(judged: dict[str, list[Scored]]) -> dict[str, dict[str, float]]:
    """Has this corpus an answer? AUC with text and picture queries in one list."""
    joined: dict[str, list[Scored]] = {}
    for name, members in judged.items():
        joined.setdefault(name.rsplit(" / ", 1)[0], []).extend(members)
    return {
        name: {
            f"auc_{what}": round(area(*_queries(members, key)), 4)
            for what, key in (("cosine", "cosine"), ("relevance", "standing_out"))
        }
        for name, members in joined.items()
    }


def _reliability(sets: list[list[Scored]]) -> dict[str, float]:
    """The share that is relevant (of hits) or answered (of queries), by relevance in fifths.

    Sets count the same, and in each the true and the false do.
    """
    shares = {}
    for name in ("queries", "hits"):
        pairs = [LEVELS[name](members, "standing_out") for members in sets]
        values, truth = (np.concatenate(part) for part in zip(*pairs, strict=True))
        weight = np.concatenate([_even(one[1]) for one in pairs])
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            inside = (values >= low) & (values < low + 0.2 + 1e-9)
            if inside.any():
                share = (weight * truth)[inside].sum() / weight[inside].sum()
                shares[f"{name} {low:.1f}-{low + 0.2:.1f}"] = round(float(share), 3)
    return shares


def _sorts(sets: dict[str, list[Scored]]) -> dict[str, dict[str, Any]]:
    """For each sort of query: the share of cases in which anything passes, and of items."""
    rows: dict[str, dict[str, Any]] = {}
    for name, members in sets.items():
        sorts = sorted({one.case.sort for one in members})
        for sort in sorts:
            cases = [one for one in members if one.case.sort == sort]
            best, answered = _queries(cases, "standing_out")
            relevance, truth = _items(cases, "standing_out")
            rows[f"{name} / {sort}"] = {
                "with_answer": _share(best[answered]),
                "without_answer": _share(best[~answered]),
                "relevant_items": _share(relevance[truth]),
                "other_items": _share(relevance[~truth]),
            }
    return rows


def _share(relevance: np.ndarray) -> float | None:
    """The share that passes the cut."""
    return round(float((relevance >= DEFAULT_THRESHOLD).mean()), 3) if len(relevance) else None


def area(values: np.ndarray, truth: np.ndarray) -> float:
    """The area under the ROC curve; ties count half."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    above = ranks[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _pooled(sets: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Balanced accuracy over all sets: the best flat cosine cut, and the default threshold."""
    cosine, relevance, truth = (np.concatenate(part) for part in zip(*sets, strict=True))
    weight = np.concatenate([_even(one[2]) for one in sets]) / len(sets)
    flat, cut = best_cut(cosine, truth, weight)
    best, best_at = best_cut(relevance, truth, weight)
    right = (relevance >= DEFAULT_THRESHOLD) == truth
    figures = {
        "flat_cosine": flat,
        "flat_cosine_at": cut,
        "relevance": float((weight * right).sum()),
        "relevance_at_its_best_cut": best,
        "relevance_best_cut": best_at,
    }
    return {name: round(value, 4) for name, value in figures.items()}


def best_cut(values: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """The best balanced accuracy that any one threshold reaches, and that threshold."""
    order = np.argsort(-values, kind="stable")
    values, truth, weight = values[order], truth[order], weight[order]
    gain = np.cumsum(np.where(truth, weight, -weight)) + weight[~truth].sum()
    last = np.append(values[1:] != values[:-1], True)
    gain[~last] = -1
    at = int(gain.argmax())
    return float(gain[at]), float(values[at])


def swapped(scored: list[Scored]) -> dict[str, dict[str, float]]:
    """The pooled figures of half 0 with curves fitted on half 1: how much is the halves' luck?"""
    curves = fit([one for one in scored if one.case.half == 1])
    mine = [
        Scored(one.case, one.model, one.cosine, _through(curves, one))
        for one in scored
        if one.judged and one.case.half == 0
    ]
    sets = _by_set(mine).values()
    return {name: _pooled([_both(one, of) for one in sets]) for name, of in LEVELS.items()}


def _through(curves: dict[str, Curve], one: Scored) -> np.ndarray:
    return 1 / (1 + np.exp(-curves[one.curve].logit(one.standing_out)))


def leave_one_out(scored: list[Scored]) -> dict[str, dict[str, float]]:
    """Balanced accuracy on each collection (half 1) with curves fitted on the others (half 0)."""
    rows: dict[str, dict[str, float]] = {}
    collections = sorted({one.case.collection for one in scored if one.judged})
    for left_out in collections if len(collections) > 1 else ():
        rest = [one for one in scored if one.case.half == 0 and one.case.collection != left_out]
        curves = fit(rest)
        mine = [one for one in scored if one.judged and one.case.half == 1]
        mine = [one for one in mine if one.case.collection == left_out]
        for name, members in _by_set(mine).items():
            least = -curves[members[0].curve].offset / curves[members[0].curve].slope
            for level, of in LEVELS.items():
                values, truth = of(members, "standing_out")
                right = (values >= least) == truth
                row = rows.setdefault(name, {})
                row[level] = round(float((_even(truth) * right).sum()), 4)
    return rows


def _rounded(curve: Curve) -> dict[str, float]:
    return {"slope": round(curve.slope, 3), "offset": round(curve.offset, 3)}


if __name__ == "__main__":
    main()
