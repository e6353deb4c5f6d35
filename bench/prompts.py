"""Prompt templates: does "a photo of {}" around a query's words help, and for which model?

::

    python bench/prompts.py [--cache DIR] [--out FILE]

The choices of ``configs/prompts.yaml`` and the seven templates that OpenAI published for ImageNet,
over short queries to held-out drawn scenes ("a red boat", 一艘红色船) with the shipped model; and
with ``SEARCHENGINE_TEST_MODEL`` and ``SEARCHENGINE_TEST_PHOTOS`` over the captions of ``coco-cc``
and the class names of ``clothing``. Each figure but the first column's comes with the 95% bootstrap
interval of its difference to ``off``. Prints a table; writes all figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from measuring import Kept, encode_pictures, interval
from PIL import Image

from searchengine.demo.captions import Language, query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw
from searchengine.encoders import Encoder, load_encoder
from searchengine.encoders.contract import Vectors
from searchengine.query.prompts import encode_in_templates, load_templates

SCENES = 1000
SEED = 7
PUBLISHED = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
"""OpenAI's subset of seven (CLIP, notebooks/Prompt_Engineering_for_ImageNet.ipynb, MIT)."""

Scores = npt.NDArray[np.float64]
Judge = Callable[[Vectors], Scores]
"""From the vectors of all queries of a task, (n, dim), to a figure for each, (n,)."""


def choices() -> dict[str, Any]:
    """All that is measured, by name: templates by language, ``None`` for the text alone."""
    drawing = {"en": ("a drawing of {}",), "zh": ("一幅{}的画",)}
    published = {"en": PUBLISHED, "zh": load_templates()["ensemble"]["zh"]}
    return {"off": None, **load_templates(), "published seven": published, "a drawing of": drawing}


def encode(encoder: Encoder, texts: Sequence[str], templates: Any) -> Vectors:
    """Encode texts in templates, float32 (n, dim)."""
    return encode_in_templates(encoder, texts, templates or {"en": ("{}",), "zh": ("{}",)})


def reciprocal(asked: Vectors, gallery: Vectors, right: npt.NDArray[np.bool_]) -> Scores:
    """Reciprocal rank of the first right one for each query; ties count against it."""
    scores = asked.astype(np.float64) @ gallery.T
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    wrong = (scores >= best) & ~right
    return np.asarray(1 / (1 + wrong.sum(axis=1)))


def precision(asked: Vectors, gallery: Vectors, right: npt.NDArray[np.bool_], depth: int) -> Scores:
    """Share of the first ``depth`` that is right, for each query."""
    order = np.argsort(-(asked.astype(np.float64) @ gallery.T), axis=1, kind="stable")[:, :depth]
    return np.asarray(np.take_along_axis(right, order, axis=1).mean(axis=1))


def drawn_tasks(encoder: Encoder, kept: Kept) -> dict[str, tuple[list[str], Judge]]:
    """Short queries in two languages: every colour and kind that five scenes hold."""
    scenes = list(islice(held_out_scenes(SEED), SCENES))
    gallery = kept(
        f"{encoder.fingerprint} {SCENES} {SEED}",
        lambda: encode_pictures(encoder, (draw(scene, 320, 240) for scene in scenes)),
    )
    holders: dict[tuple[str, str], set[int]] = {}
    for row, scene in enumerate(scenes):
        for group in scene.groups:
            holders.setdefault((group.kind, group.colour), set()).add(row)
    names = sorted(name for name, rows in holders.items() if len(rows) >= 5)
    right = np.array([[row in holders[name] for row in range(SCENES)] for name in names])
    languages: tuple[Language, ...] = ("en", "zh")
    tasks: dict[str, tuple[list[str], Judge]] = {}
    for language in languages:
        texts = [query(kind, colour, language) for kind, colour in names]
        tasks[f"drawn short {language}, P@5"] = (texts, lambda v: precision(v, gallery, right, 5))
        tasks[f"drawn short {language}, MRR"] = (texts, lambda v: reciprocal(v, gallery, right))
    return tasks


def photo_tasks(encoder: Encoder, kept: Kept, root: Path) -> dict[str, tuple[list[str], Judge]]:
    """Captions to their photos, class names to photos of the class, photos to their class."""
    lines = [json.loads(line) for line in (root / "coco-cc" / "captions.jsonl").open()]
    coco = kept(
        f"{encoder.fingerprint} photos coco",
        lambda: encode_pictures(
            encoder, (_open(root / "coco-cc" / line["file"]) for line in lines)
        ),
    )
    paths = sorted((root / "clothing").glob("*/*.jpg"))
    clothing = kept(
        f"{encoder.fingerprint} photos clothing",
        lambda: encode_pictures(encoder, map(_open, paths)),
    )
    captions = [text for line in lines for text in line["captions"]]
    owner = [row for row, line in enumerate(lines) for _ in line["captions"]]
    own = np.array(owner)[:, None] == np.arange(len(lines))
    classes = sorted({path.parent.name for path in paths})
    wears = np.array([[path.parent.name == name for path in paths] for name in classes])

    def classified(vectors: Vectors) -> Scores:
        return (clothing @ vectors.T).argmax(axis=1) == wears.argmax(axis=0)

    return {
        "coco-cc captions, MRR": (captions, lambda v: reciprocal(v, coco, own)),
        "clothing names, P@10": (classes, lambda v: precision(v, clothing, wears, 10)),
        "clothing, zero-shot accuracy": (classes, lambda v: classified(v).astype(np.float64)),
    }


def _open(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def measure(encoder: Encoder, tasks: dict[str, tuple[list[str], Judge]]) -> dict[str, Any]:
    """Figures of every choice for every task, and how sure the difference to ``off`` is."""
    table: dict[str, Any] = {}
    encoded: dict[tuple[str, tuple[str, ...]], Vectors] = {}
    for task, (texts, judge) in tasks.items():
        values: dict[str, Scores] = {}
        for name, templates in choices().items():
            key = (name, tuple(texts))
            if key not in encoded:
                encoded[key] = encode(encoder, texts, templates)
            values[name] = judge(encoded[key])
        table[task] = {
            name: {
                "queries": len(value),
                "figure": round(float(value.mean()), 4),
                "more than off": interval(value - values["off"]),
            }
            for name, value in values.items()
        }
    return table


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="keep vectors here between runs")
    default = Path(__file__).parent / "results" / "prompts.json"
    parser.add_argument("--out", type=Path, default=default)
    chosen = parser.parse_args()
    kept = Kept(chosen.cache)
    drawn = load_encoder("drawn-scenes")
    report = {"drawn-scenes": measure(drawn, drawn_tasks(drawn, kept))}
    model, photos = (os.environ.get(f"SEARCHENGINE_TEST_{name}") for name in ("MODEL", "PHOTOS"))
    if model and photos:
        encoder = load_encoder(f"local-dir:{model}")
        report[Path(model).name] = measure(encoder, photo_tasks(encoder, kept, Path(photos)))
    print(f"{'':32}{''.join(f'{name:>26}' for name in choices())}")
    for table in report.values():
        for task, row in table.items():
            cells = []
            for name, cell in row.items():
                low, high = cell["more than off"]
                sure = "" if name == "off" else f" ({low:+.3f} {high:+.3f})"
                cells.append(f"{cell['figure']:.3f}{sure}")
            print(f"{task:32}{''.join(f'{cell:>26}' for cell in cells)}")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
