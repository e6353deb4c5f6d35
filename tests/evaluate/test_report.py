"""What is told of an evaluation, in JSON, as a table and as a picture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from searchengine.errors import NotFoundError, UsageError
from searchengine.evaluate.evaluation import Evaluation, TaskResult, Wanted
from searchengine.evaluate.index_recall import IndexRecall
from searchengine.evaluate.plot import check_target, plot, write_plot
from searchengine.evaluate.report import as_json, as_text
from searchengine.records import Side
from searchengine.store.contract import SideInfo

BLUE, ORANGE = (28, 92, 196), (206, 88, 24)
INFO = SideInfo(Side("photos", "image"), "c", "some/model", "f" * 32, 8, "auto", "FLAT", 1200)
WANTED = Wanted(ks=(1, 10))


def result(asked: str = "captions", **changes: object) -> TaskResult:
    metrics: dict[str, float | None] = {
        f"{name}@{k}": 0.5 for name in ("success", "recall", "precision", "ndcg") for k in (1, 10)
    }
    metrics |= {"map": 0.25, "ndcg": 0.5, "mrr": 0.125, "median_rank": 2.5}
    fields = {
        "task": "text-to-image",
        "asked": asked,
        "searched": "images",
        "queries": 2000,
        "candidates": 1200,
        "depth": 1200,
        "metrics": metrics,
        "curve": tuple(min(1.0, 0.1 * k) for k in range(1, 101)),
    }
    return TaskResult(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_table_of_captions() -> None:
    text = as_text(
        Evaluation((result(),), (IndexRecall("captions", 200, {1: 1.0, 10: 0.9875}),), ()),
        INFO,
        WANTED,
        "v2.3.5",
    )
    assert text.startswith("corpus photos: 1,200 images, some/model, index FLAT (auto), v2.3.5")
    rows = dict(line.split(maxsplit=1) for line in text.splitlines() if len(line.split()) == 2)
    assert rows["R@1"] == rows["R@10"] == rows["nDCG@10"] == "0.5000"
    assert (rows["mAP"], rows["MRR"], rows["queries"]) == ("0.2500", "0.1250", "200")
    assert rows["recall@10"] == "0.9875"
    assert "P@10" not in rows
    assert "1-NN" not in text
    assert "any right hit" in text
    assert "look at the first" not in text


def test_the_table_of_classes_has_precision_and_recall_of_all() -> None:
    near = result("images", task="image-to-image")
    near = result("images", task="image-to-image", metrics={**near.metrics, "1nn_accuracy": 0.75})
    text = as_text(Evaluation((result("class names"), near), (), ()), INFO, WANTED, "v2.3.5")
    (nearest,) = (line for line in text.splitlines() if line.startswith("1-NN accuracy"))
    assert nearest.split()[-2:] == ["-", "0.7500"]
    assert {"P@1", "recall@10"} <= {line.split()[0] for line in text.splitlines() if line}


def test_a_ranking_cut_short_says_so() -> None:
    metrics = {**result().metrics, "median_rank": None}
    short = result(metrics=metrics, depth=1000)
    text = as_text(Evaluation((short,), (), ()), INFO, WANTED, "v2.3.5")
    assert "over 1,000" in text
    assert "look at the first 1,000 of 1,200 places (text-to-image)" in text


def test_json_is_strict_and_its_keys_are_stable() -> None:
    metrics = {**result().metrics, "median_rank": None}
    evaluation = Evaluation(
        (result(metrics=metrics),), (IndexRecall("images", 7, {1: 1.0, 10: 0.5}),), ("a note",)
    )
    told = json.loads(json.dumps(as_json(evaluation, INFO, WANTED, "v2.3.5"), allow_nan=False))
    about = "corpus images model fingerprint profile index backend"
    assert " ".join(told) == f"{about} k depth sample tasks index_recall notes"
    assert (told["corpus"], told["images"], told["model"]) == ("photos", 1200, "some/model")
    assert (told["profile"], told["index"], told["k"]) == ("auto", "FLAT", [1, 10])
    (task,) = told["tasks"]
    assert " ".join(task) == "task asked searched queries candidates depth complete metrics"
    assert (task["queries"], task["metrics"]["median_rank"]) == (2000, None)
    assert told["index_recall"] == [
        {"asked": "images", "queries": 7, "recall@1": 1.0, "recall@10": 0.5}
    ]
    assert told["notes"] == ["a note"]


def colours_at(picture: Image.Image, box: tuple[int, int, int, int]) -> set[object]:
    return {colour for _, colour in picture.crop(box).getcolors(1 << 20) or ()}


def test_curves_stand_where_their_values_are() -> None:
    low = result(curve=(0.0,) * 100)
    high = result("images", task="image-to-image", curve=(1.0,) * 100)
    picture = plot("photos", [low, high])
    assert (picture.size, picture.mode) == ((900, 600), "RGB")
    top, bottom = (200, 85, 700, 100), (200, 516, 700, 532)
    assert ORANGE in colours_at(picture, top)
    assert BLUE in colours_at(picture, bottom)
    assert not {ORANGE, BLUE} & colours_at(picture, (200, 110, 700, 510))


def test_a_curve_ends_where_its_ranking_does() -> None:
    short = result(curve=(1.0,) * 10)
    picture = plot("photos", [short, result("images", curve=(0.0,) * 100)])
    assert BLUE in colours_at(picture, (300, 85, 460, 100))
    assert BLUE not in colours_at(picture, (500, 85, 890, 100)), "k = 10 is in the middle"


def test_one_hit_makes_a_plot_too() -> None:
    assert BLUE in colours_at(plot("one", [result(curve=(0.5,))]), (60, 280, 100, 330))


def test_the_plot_is_a_picture_file(tmp_path: Path) -> None:
    target = tmp_path / "new" / "curve.png"
    write_plot(target, "a title far too long for the picture it is to stand over " * 9, [result()])
    assert Image.open(io.BytesIO(target.read_bytes())).format == "PNG"
    for name in ("curve.gif", "curve"):
        with pytest.raises(UsageError, match="cannot be written"):
            check_target(tmp_path / name)
    with pytest.raises(UsageError, match="no curve"):
        check_target(target, "index")
    with pytest.raises(NotFoundError, match="cannot write"):
        write_plot(target / "inside-a-file.png", "x", [result()])
