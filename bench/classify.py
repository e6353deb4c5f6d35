"""How often ``classify`` is right, how well it knows, and when it says "none".

    python bench/classify.py                                            drawn scenes only
    python bench/classify.py --photos PHOTOS --model local-dir:PATH     and photos of clothes

Photos: PHOTOS holds ``clothing`` (a folder a class) and ``coco-cc`` (other photos). They are
indexed into a temporary corpus, then labelled through it.

* single labels: accuracy against the plain loop (cosines of stored vectors and labels in numpy,
  argmax); the expected calibration error at CLIP's scale of 100, at the temperature found by
  drawings, and at one learnt from known labels (each half judged by the other's);
* none: how many of the corpus's own photos get a label at the default threshold, how often it is
  right then, and how many foreign photos (coco-cc) get none;
* several labels, on drawn scenes: which kinds of things and which background a scene holds;
  precision, recall, F1, and the calibration error of relevance taken as a probability.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ingest import index
from searchengine.classify.classify import classify_corpus, make_decider
from searchengine.classify.decide import label_cosines
from searchengine.classify.known import learn
from searchengine.classify.labels import Label
from searchengine.classify.temperature import calibration_error, drawn_temperature, softmax
from searchengine.demo.captions import query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw
from searchengine.demo.scenes import BACKGROUNDS, COLOURS, KINDS, Scene
from searchengine.query.engine import SearchEngine

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOTHES = {
    "dress": ("a dress",),
    "hat": ("a hat", "a cap"),
    "longsleeve": ("a long sleeve shirt", "a sweatshirt"),
    "outwear": ("a coat", "a jacket"),
    "pants": ("trousers", "a pair of jeans"),
    "shirt": ("a shirt with buttons",),
    "shoes": ("a pair of shoes", "a boot"),
    "shorts": ("a pair of shorts",),
    "skirt": ("a skirt",),
    "t-shirt": ("a t-shirt",),
}
"""Written once from the names of the classes, before anything was measured."""
PLACES = {
    "beach": "on a beach",
    "night": "at night",
    "meadow": "in a meadow",
    "snow": "in the snow",
    "desert": "in the desert",
    "city": "in a city",
    "sea": "in the sea",
    "room": "in a room",
    "forest": "in a forest",
    "sunset": "at sunset",
}


def photos(folder: Path, model: str, work: Path) -> dict[str, Any]:
    """Return the figures of single labels over photos of clothes."""
    store = str(work / "milvus")
    for corpus, place in (("clothing", "clothing"), ("other", "coco-cc")):
        index([str(folder / place)], corpus=corpus, model__name=model, store__uri=store)
    with SearchEngine.open(corpus="clothing", store__uri=store) as engine:
        named = clothes(engine, [Label(name, (f"a {name}",)) for name in CLOTHES])
        described = clothes(engine, [Label(name, texts) for name, texts in CLOTHES.items()])
    with SearchEngine.open(corpus="other", store__uri=store) as engine:
        for figures, labels in (
            (named, [Label(name, (f"a {name}",)) for name in CLOTHES]),
            (described, [Label(name, texts) for name, texts in CLOTHES.items()]),
        ):
            decider = make_decider(engine, engine.side(), labels, temperature=1.0)
            verdicts = [one.verdict for one in classify_corpus(engine, engine.side(), decider)]
            figures["foreign_photos"] = len(verdicts)
            figures["foreign_photos_that_get_none"] = share(not one.labels for one in verdicts)
    return {"clothing, names of classes": named, "clothing, described": described}


def clothes(engine: SearchEngine, labels: Sequence[Label]) -> dict[str, Any]:
    """Return the figures of one set of labels."""
    info = engine.side()
    decider = make_decider(engine, info, labels)
    names = [label.name for label in labels]
    verdicts = {one.id: one.verdict for one in classify_corpus(engine, info, decider)}
    rows = list(engine.store.scan(info.side, fields=("id", "folder", "vector")))
    truth = np.array([names.index(Path(row["folder"]).name) for row in rows])
    items = np.stack([row["vector"] for row in rows])
    cosines = label_cosines((items @ decider.prompts.T).astype(np.float64), decider.prompt_of)
    plain = cosines.argmax(axis=1)  # the plain loop
    mine = np.array([names.index(verdicts[row["id"]].nearest) for row in rows])
    given = np.array([bool(verdicts[row["id"]].labels) for row in rows])
    temperature = drawn_temperature(engine.encoder(info))
    learnt = learn(cosines, truth)
    return {
        "photos": len(rows),
        "accuracy": float((mine == truth).mean()),
        "accuracy_of_the_plain_loop": float((plain == truth).mean()),
        "same_answer_as_the_plain_loop": float((mine == plain).mean()),
        "calibration_error_at_scale_100": calibration_error(softmax(cosines * 100), truth),
        "calibration_error_by_drawings": calibration_error(softmax(cosines / temperature), truth),
        "temperature_by_drawings": temperature,
        "calibration_error_learnt_on_the_other_half": learnt.error,
        "temperature_learnt": learnt.temperature,
        "photos_that_get_a_label": float(given.mean()),
        "accuracy_of_those": float((mine == truth)[given].mean()) if given.any() else None,
    }


def scenes(count: int, seed: int, work: Path) -> dict[str, Any]:
    """Return the figures of one and of several labels over drawn scenes."""
    chosen = list(islice(held_out_scenes(seed), count))
    folder = work / "scenes"
    folder.mkdir()
    for number, scene in enumerate(chosen):
        draw(scene, 320, 240).save(folder / f"{number:05d}.png")
    store = str(work / "scenes-milvus")
    index([str(folder)], corpus="scenes", model__name="drawn-scenes", store__uri=store)
    kinds = [Label(kind, (query(kind, None, "en"),)) for kind in KINDS]
    places = [Label(name, (text,)) for name, text in PLACES.items()]
    with SearchEngine.open(corpus="scenes", store__uri=store) as engine:
        return {
            "drawn scenes, which kinds": several(engine, kinds, chosen, _kinds),
            "drawn scenes, which background": several(
                engine, places, chosen, lambda scene: {scene.background}
            ),
            "drawn scenes of one group, its kind": one_of(engine, kinds, chosen, KINDS, 0),
            "drawn scenes of one group, its colour": one_of(
                engine, [Label(name, (name,)) for name in COLOURS], chosen, COLOURS, 1
            ),
        }


def several(
    engine: SearchEngine, labels: Sequence[Label], chosen: Sequence[Scene], truth: Any
) -> dict[str, Any]:
    """Return the figures of every label on its own."""
    info = engine.side()
    decider = make_decider(engine, info, labels, multi=True)
    names = [label.name for label in labels]
    rows = list(classify_corpus(engine, info, decider))
    vectors = engine.store.fetch(info.side, [one.id for one in rows], ("id", "vector"))
    relevance = decider.relevance(np.stack([vectors[one.id]["vector"] for one in rows]))
    held = np.array([[name in truth(chosen[_number(one.uri)]) for name in names] for one in rows])
    given = np.array([[name in one.verdict.names for name in names] for one in rows])
    hits = float((given & held).sum())
    precision, recall = hits / max(1, given.sum()), hits / held.sum()
    pairs = np.stack([1 - relevance.ravel(), relevance.ravel()], axis=1)
    best = max(_f1(relevance >= least, held) for least in np.linspace(0.02, 0.98, 49))
    return {
        "scenes": len(rows),
        "labels": len(names),
        "precision": float(precision),
        "recall": float(recall),
        "f1": _f1(given, held),
        "f1_at_the_best_threshold": best,
        "calibration_error_of_relevance": calibration_error(pairs, held.ravel().astype(int)),
        "threshold": decider.threshold,
    }


def one_of(
    engine: SearchEngine,
    labels: Sequence[Label],
    chosen: Sequence[Scene],
    names: Sequence[str],
    which: int,
) -> dict[str, Any]:
    """Return the figures of a single label for scenes of one group."""
    info = engine.side()
    decider = make_decider(engine, info, labels)
    cosines, truth = [], []
    for row in engine.store.scan(info.side, fields=("uri", "vector")):
        scene = chosen[_number(row["uri"])]
        if len(scene.groups) == 1:
            cosines.append(row["vector"].astype(np.float64) @ decider.prompts.T)
            truth.append(names.index((scene.groups[0].kind, scene.groups[0].colour)[which]))
    each, right = np.stack(cosines), np.array(truth)
    return {
        "scenes": len(right),
        "accuracy": float((each.argmax(axis=1) == right).mean()),
        "calibration_error_at_scale_100": calibration_error(softmax(each * 100), right),
        "calibration_error_by_drawings": calibration_error(
            softmax(each / decider.temperature), right
        ),
        "temperature_by_drawings": decider.temperature,
        "calibration_error_learnt_on_the_other_half": learn(each, right).error,
    }


def share(values: Any) -> float:
    """Return the share of values that are true."""
    all_of_them = list(values)
    return sum(all_of_them) / len(all_of_them)


def _f1(given: Any, held: Any) -> float:
    hits = float((given & held).sum())
    return 2 * hits / max(1.0, float(given.sum() + held.sum()))


def _kinds(scene: Scene) -> set[str]:
    return {group.kind for group in scene.groups}


def _number(uri: str) -> int:
    return int(Path(uri).stem)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="the folder of clothing and coco-cc")
    parser.add_argument("--model", default="", help="the model for the photos")
    parser.add_argument("--scenes", type=int, default=500, help="how many drawn scenes")
    parser.add_argument("--seed", type=int, default=31, help="which drawn scenes")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    asked = parser.parse_args()
    torch.set_num_threads(2)
    assert set(PLACES) == set(BACKGROUNDS)
    with tempfile.TemporaryDirectory() as work:
        found = scenes(asked.scenes, asked.seed, Path(work))
        if asked.photos is not None:
            found = {**photos(asked.photos, asked.model, Path(work)), **found}
    rounded = {
        name: {key: round(v, 4) if isinstance(v, float) else v for key, v in figures.items()}
        for name, figures in found.items()
    }
    text = json.dumps(rounded, indent=2)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
