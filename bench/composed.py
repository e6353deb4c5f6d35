"""Composed queries: one vector of several terms, made in every way we know, measured.

::

    python bench/composed.py [--each 100] [--cache DIR] [--out FILE]

"This picture but X" over held-out drawn scenes with the shipped model: six kinds of edit
(``composed_cases.py``), 100 cases of each, on one set of scenes for choosing and on another, which
nothing was chosen on, for reporting. All weights are 1 and -1, as a person types them. Then how
the weight of texts and the size of the sample matter, and what becomes of "X without Y" (share of
the first five that hold no Y, and that hold X and no Y). With ``SEARCHENGINE_TEST_MODEL`` and
``SEARCHENGINE_TEST_PHOTOS`` also over photos (``composed_photos.py``), half of which are for
choosing. Prints tables; writes all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from composed_cases import EDITS, Case, build_cases
from composed_denials import measure_denials
from composed_methods import METHODS, Part, World, balanced, louder_text, plain, spread
from composed_photos import encode_photos, tasks, world
from measuring import Kept, encode_pictures, encode_texts, figures, interval

from searchengine.demo.captions import glimpse, split_of
from searchengine.demo.draw import draw
from searchengine.demo.scenes import Scene, sample_scene
from searchengine.encoders import load_encoder
from searchengine.query.compose import SAMPLE_SIZE

if TYPE_CHECKING:
    from searchengine.encoders.contract import Encoder, Vectors

MODEL = "drawn-scenes"
BYSTANDERS = 1000
BANK = 1000
SEEDS = {"choose": 1, "report": 2}
BASE = "plain addition"
Ranks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One set of cases with its vectors."""

    cases: list[Case]
    scenes: list[Scene]
    gallery: Vectors
    texts: dict[str, Vectors]
    """Vectors (dim,) of all words of the cases."""
    world: World

    def parts(self, case: Case) -> list[Part]:
        """The terms of a case: its picture, and its words."""
        words = [Part(weight, "text", self.texts[text]) for weight, text in case.texts]
        return [Part(1.0, "image", self.gallery[case.reference]), *words]


def drawn_set(encoder: Encoder, kept: Kept, each: int, split: str, bank: Vectors) -> Drawn:
    """Draw and encode one set of cases."""
    cases, scenes = build_cases(each, BYSTANDERS, SEEDS[split])
    words = sorted({text for case in cases for _, text in case.texts})
    name = f"{encoder.fingerprint} {each} {split}"
    gallery = kept(
        f"{name} gallery",
        lambda: encode_pictures(encoder, (draw(scene, 320, 240) for scene in scenes)),
    )
    texts = kept(f"{name} texts", lambda: encode_texts(encoder, words))
    known = World(gallery[:: len(gallery) // SAMPLE_SIZE][:SAMPLE_SIZE], bank.mean(axis=0))
    return Drawn(cases, scenes, gallery, dict(zip(words, texts, strict=True)), known)


def caption_bank(encoder: Encoder, kept: Kept) -> Vectors:
    """Vectors of captions of training scenes, half of them Chinese: where the texts lie."""
    rng = random.Random("bank")
    scenes = (
        scene for scene in iter(lambda: sample_scene(rng), None) if split_of(scene) == "train"
    )
    lines = [
        glimpse(scene, "zh" if at % 2 else "en", rng)
        for at, scene in enumerate(islice(scenes, BANK))
    ]
    return kept(f"{encoder.fingerprint} bank", lambda: encode_texts(encoder, lines))


def ranks(drawn: Drawn, method: Any) -> tuple[Ranks, Ranks]:
    """Rank of each target, from 1, with the reference in the gallery and without; ties count."""
    asked = np.stack([_unit(method(drawn.parts(case), drawn.world)) for case in drawn.cases])
    scores = asked @ drawn.gallery.T.astype(np.float64)
    rows = np.arange(len(drawn.cases))
    right = scores[rows, [case.target for case in drawn.cases]]
    found = (scores >= right[:, None]).sum(axis=1)
    above = scores[rows, [case.reference for case in drawn.cases]] >= right
    return found, found - above


def _unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))


def compare(drawn: Drawn) -> dict[str, Any]:
    """All methods on one set of cases, and how sure the difference to plain addition is."""
    edits = np.array([case.edit for case in drawn.cases])
    languages = np.array([case.language for case in drawn.cases])
    base, _ = ranks(drawn, plain)
    table: dict[str, Any] = {}
    for name, method in METHODS.items():
        found, others = ranks(drawn, method)
        hit = (found <= 1).astype(np.float64)
        table[name] = {
            **figures(found),
            "R@1 interval": interval(hit),
            "R@1 more than plain, interval": interval(hit - (base <= 1)),
            "without reference": figures(others),
            "R@1 by edit": {e: round(float(hit[edits == e].mean()), 3) for e in EDITS},
            "R@1 by language": {
                one: round(float(hit[languages == one].mean()), 3) for one in ("en", "zh")
            },
        }
    return table


def sweep(drawn: Drawn) -> dict[str, Any]:
    """R@1 and MRR by the weight of texts, by the power of the spread, by the share of negatives."""
    found: dict[str, Any] = {}
    for factor in (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0):
        for name, method in (("plain", plain), ("balanced", balanced)):
            found[f"{name}, text x{factor}"] = figures(ranks(drawn, louder_text(factor, method))[0])
    for power in (0.0, 0.25, 0.5, 0.75, 1.0):
        for negative in (0.5, 0.6, 0.7, 0.8, 1.0):
            both = ranks(drawn, spread(power, negative))
            found[f"spread ** {power}, negatives x{negative}"] = {
                **figures(both[0]),
                "without reference": figures(both[1]),
            }
    return found


def sample_sizes(drawn: Drawn, draws: int = 20) -> dict[str, Any]:
    """R@1 of the shipped method by the number of items sampled: mean and standard deviation."""
    rng = np.random.default_rng(0)
    found = {}
    for size in (20, 50, 100, 200, 500, 1000):
        values = []
        for _ in range(draws):
            rows = rng.choice(len(drawn.gallery), size, replace=False)
            known = World(drawn.gallery[rows], drawn.world.text_mean)
            at = Drawn(drawn.cases, drawn.scenes, drawn.gallery, drawn.texts, known)
            values.append(float((ranks(at, balanced)[0] <= 1).mean()))
        found[str(size)] = [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)]
    return found


def photo_tables(kept: Kept) -> dict[str, Any]:
    """R@1 and MRR of all methods over photos, for choosing (even photos) and reporting (odd)."""
    model, root = (os.environ[f"SEARCHENGINE_TEST_{name}"] for name in ("MODEL", "PHOTOS"))
    photos = encode_photos(Path(root), load_encoder(f"local-dir:{model}"), kept)
    known, gallery = world(photos), photos.gallery.astype(np.float64)
    table: dict[str, Any] = {}
    for task, queries in tasks(photos).items():
        rows = np.array([at for _, at in queries])
        for name, method in METHODS.items():
            if name in ("text alone", "image alone") and not _has(queries, name.split()[0]):
                continue
            asked = np.stack([_unit(method(parts, known)) for parts, _ in queries])
            scores = asked @ gallery.T
            found = (scores >= scores[np.arange(len(rows)), rows][:, None]).sum(axis=1)
            for split, odd in (("choose", 0), ("report", 1)):
                entry = figures(found[rows % 2 == odd])
                table.setdefault(split, {}).setdefault(name, {})[task] = entry
    return table


def _has(queries: Any, kind: str) -> bool:
    return any(part.kind == kind and part.weight > 0 for part in queries[0][0])


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
    for split, table in report["drawn"].items():
        print(f"\ndrawn scenes, {split}: {report['cases']} cases")
        print(f"{'':34}{'R@1':>7}{'R@5':>7}{'MRR':>7}{'R@1*':>7}{'MRR*':>7}   {'  '.join(EDITS)}")
        for name, row in table.items():
            other = row["without reference"]
            cells = (row["R@1"], row["R@5"], row["MRR"], other["R@1"], other["MRR"])
            by_edit = "  ".join(f"{value:.2f}" for value in row["R@1 by edit"].values())
            print(f"{name:34}{''.join(f'{cell:7.3f}' for cell in cells)}   {by_edit}")
    print("* the reference taken out of the gallery")
    print("\nR@1 by items sampled (mean, deviation):", report["sample sizes"])
    print(f"\nnegation, {report['negation']['questions']} questions")
    for name, row in report["negation"]["ways"].items():
        print(f"{name:44}{row['no Y in first 5']:7.3f}{row['X and no Y in first 5']:7.3f}")
    for split, table in report.get("photos", {}).items():
        print(f"\nphotos, {split}, R@1 of: {', '.join(table[BASE])}")
        for name, row in table.items():
            cells = [
                f"{row[task]['R@1']:7.3f}" if task in row else "      -" for task in table[BASE]
            ]
            print(f"{name:34}{''.join(cells)}")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=100, help="cases of each kind of edit")
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    default = Path(__file__).parent / "results" / "composed.json"
    parser.add_argument("--out", type=Path, default=default)
    chosen = parser.parse_args()
    encoder, kept = load_encoder(MODEL), Kept(chosen.cache)
    bank = caption_bank(encoder, kept)
    sets = {split: drawn_set(encoder, kept, chosen.each, split, bank) for split in SEEDS}
    report: dict[str, Any] = {
        "model": MODEL,
        "cases": len(sets["report"].cases),
        "gallery": {split: len(drawn.gallery) for split, drawn in sets.items()},
        "drawn": {split: compare(drawn) for split, drawn in sets.items()},
        "sweep on choose": sweep(sets["choose"]),
        "sample sizes": sample_sizes(sets["report"]),
        "negation": measure_denials(encoder, kept, sets["report"], chosen.each),
    }
    if os.environ.get("SEARCHENGINE_TEST_MODEL") and os.environ.get("SEARCHENGINE_TEST_PHOTOS"):
        report["photos"] = photo_tables(kept)
    show(report)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
