"""``classify`` as people run it, over drawn scenes, with the encoder that knows them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ingest import index
from searchengine.classify.moderation import read_categories
from searchengine.cli.app import app
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw
from searchengine.demo.scenes import BACKGROUNDS, Scene
from searchengine.errors import NotFoundError, QueryError, UsageError
from searchengine.records import ITEM_FIELDS, Item, Side
from searchengine.store import open_store
from searchengine.store.contract import Row

COUNT = 60
PLACES = [
    "beach: on a beach",
    "night: at night",
    "meadow: in a meadow",
    "snow: in the snow",
    "desert: in the desert",
    "city: in a city",
    "sea: in the sea",
    "room: in a room",
    "forest: in a forest",
    "sunset: at sunset",
]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return list(islice(held_out_scenes(41), COUNT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, scenes: list[Scene]) -> Path:
    """Scenes in a folder for each background; a scene's number is its file's name."""
    place = tmp_path_factory.mktemp("scenes")
    for number, scene in enumerate(scenes):
        (place / scene.background).mkdir(exist_ok=True)
        draw(scene, 160, 120).save(place / scene.background / f"{number}.png")
    (place / "notes.txt").write_text("a red boat on the sea", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def indexed(folder: Path) -> str:
    uri = f"memory:{folder}"
    index([str(folder)], corpus="scenes", model__name="drawn-scenes", store__uri=uri)
    return uri


@pytest.fixture
def store(indexed: str) -> Iterator[str]:
    """The corpus, without the tags that a test has written."""
    yield indexed
    memory = open_store(indexed)
    side = Side("scenes", "image")
    rows = list(memory.scan(side, fields=(*ITEM_FIELDS, "vector")))
    bare = ({**row, "meta": {}} for row in rows)
    memory.upsert(
        side,
        [Row(Item(modality="image", **{k: r[k] for k in ITEM_FIELDS}), r["vector"]) for r in bare],
    )


@pytest.fixture
def run(store: str, cache: Path) -> Run:
    """Run ``classify``; errors come out as they are raised."""

    def ran(*arguments: object, verb: str = "classify", code: int = 0) -> Result:
        where = ["--corpus", "scenes", "--store", store, "--set", f"cache_dir={cache}"]
        result = CliRunner().invoke(app, [verb, *map(str, arguments), *where])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result

    return ran


def number(found: dict[str, Any]) -> int:
    return int(Path(found["path"]).stem)


def kinds(scene: Scene) -> set[str]:
    return {group.kind for group in scene.groups}


def test_single_labels_are_right_on_scenes(run: Run, scenes: list[Scene]) -> None:
    found = json.loads(run(*PLACES, "--threshold", 0, "--json").stdout)
    assert found["labels"] == list(BACKGROUNDS)
    assert found["items"] == len(found["found"]) == COUNT
    assert found["none"] == 0
    assert sum(found["counts"].values()) == COUNT
    right = [one["labels"][0]["label"] == scenes[number(one)].background for one in found["found"]]
    assert sum(right) >= 0.95 * COUNT
    assert all(0 <= one["confidence"] <= 1 for one in found["found"])


def test_what_no_label_fits_is_none(run: Run, scenes: list[Scene]) -> None:
    found = json.loads(run("an oil refinery", "a wedding cake", "--json").stdout)
    assert found["none"] >= 0.9 * COUNT
    assert found["none"] == sum(not one["labels"] for one in found["found"])


def test_several_labels(run: Run, scenes: list[Scene]) -> None:
    lines = run(*PLACES, "--multi", "--threshold", 0.25, "--jsonl").stdout.splitlines()
    assert len(lines) == COUNT
    rows = [json.loads(line) for line in lines]
    firsts = [
        row["labels"][0]["label"] == scenes[number(row)].background for row in rows if row["labels"]
    ]
    assert len(firsts) >= 0.9 * COUNT
    assert sum(firsts) >= 0.95 * len(firsts)
    for row in rows:
        assert "confidence" not in row
        values = [one["relevance"] for one in row["labels"]]
        assert values == sorted(values, reverse=True)
        assert all(value >= 0.25 for value in values)
    stricter = run(*PLACES, "--multi", "--threshold", 0.45, "--jsonl").stdout.splitlines()
    kept = {row["path"]: row["labels"] for row in map(json.loads, stricter)}
    for row in rows:
        assert kept[row["path"]] == [one for one in row["labels"] if one["relevance"] >= 0.45]


def test_a_filter_and_csv(run: Run, folder: Path) -> None:
    where = f'folder = "{folder}/sea"'
    rows = list(csv.DictReader(io.StringIO(run(*PLACES, "--filter", where, "--csv").stdout)))
    assert {Path(row["path"]).parent.name for row in rows} == {"sea"}
    assert rows[0]["nearest"] in BACKGROUNDS
    assert float(rows[0]["confidence"]) <= 1


def test_lines_for_people_and_counts_beside_them(run: Run) -> None:
    result = run(*PLACES)
    assert len(result.stdout.splitlines()) == COUNT
    assert ".png" in result.stdout
    assert f"{COUNT} items" in result.stderr
    assert "(none)" in result.stderr


def test_labels_from_a_file_and_from_the_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "places.txt"
    file.write_text("\n".join(PLACES[:8]), encoding="utf-8")
    found = json.loads(run("--labels", file, *PLACES[8:], "--json").stdout)
    assert sorted(found["labels"]) == sorted(BACKGROUNDS)


def test_tags_are_found_by_search(run: Run, folder: Path, scenes: list[Scene]) -> None:
    run(*PLACES, "--threshold", 0, "--write-tags")
    asked = run("a thing", "--filter", 'meta.tag = "sea"', "--limit", 100, "--json", verb="search")
    hits = json.loads(asked.stdout)["hits"]
    assert hits
    places = [scenes[int(Path(hit["metadata"]["path"]).stem)].background for hit in hits]
    assert places.count("sea") >= 0.9 * len(places)
    told = run(
        *PLACES, "--multi", "--threshold", 0.3, "--write-tags", "--field", "meta.where", "--jsonl"
    )
    asked = run(
        "a thing", "--filter", 'meta.where has "snow"', "--limit", 100, "--json", verb="search"
    )
    rows = map(json.loads, told.stdout.splitlines())
    snowy = {one["id"] for one in rows if "snow" in {x["label"] for x in one["labels"]}}
    assert {hit["id"] for hit in json.loads(asked.stdout)["hits"]} == snowy
    assert snowy


def test_only_these_items(run: Run, folder: Path, scenes: list[Scene], tmp_path: Path) -> None:
    indexed = folder / scenes[3].background / "3.png"
    fresh = tmp_path / "fresh.png"
    draw(scenes[5], 200, 150).save(fresh)
    found = json.loads(run(*PLACES, "--item", indexed, "--item", fresh, "--json").stdout)["found"]
    assert [one["nearest"] for one in found] == [scenes[3].background, scenes[5].background]
    assert found[0]["id"]
    assert found[1]["id"] is None


def test_items_that_cannot_be_had_are_told_and_the_rest_goes_on(
    run: Run, folder: Path, scenes: list[Scene], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no picture")
    good = folder / scenes[3].background / "3.png"
    result = run(
        *PLACES, "--item", tmp_path / "gone.png", "--item", tmp_path / "broken.png",
        "--item", folder / "notes.txt", "--item", good, "--jsonl", code=1,
    )  # fmt: skip
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.count("failed:") == 3
    with pytest.raises(NotFoundError, match="not in corpus"):
        run(*PLACES, "--item", tmp_path / "broken.png", "--write-tags")


def test_calibrating_by_what_is_known(run: Run) -> None:
    result = run(*PLACES, "--calibrate", "folder", "--json")
    known = json.loads(result.stdout)["known"]
    assert known["items"] == COUNT
    assert known["accuracy"] >= 0.95
    assert known["calibration_error"] < 0.05
    assert "known items" in result.stderr
    with pytest.raises(QueryError, match="0 items"):
        run(*PLACES, "--calibrate", "meta.nobody")
    with pytest.raises(QueryError, match="no labels"):
        run(*PLACES, "--calibrate", "caption")


def test_texts_are_labelled_too(run: Run) -> None:
    found = json.loads(
        run("boat: a boat at sea", "cake: a cake", "--modality", "text", "--json").stdout
    )
    assert [one["nearest"] for one in found["found"]] == ["boat"]


def test_moderation_with_categories_of_one_s_own(
    run: Run, scenes: list[Scene], tmp_path: Path
) -> None:
    rules = tmp_path / "boats.yaml"
    rules.write_text(
        "categories:\n"
        "  - name: boats\n    action: hide\n    threshold: 0.25\n    prompts: [a boat, boats]\n"
        "  - name: snow\n    threshold: 0.25\n    prompts: [in the snow]\n"
        "    against: [in the desert, at night, in a city, in a forest, on a beach]\n",
        encoding="utf-8",
    )
    result = run("--moderate", "--config-file", rules, "--jsonl")
    assert "zero-shot" in result.stderr
    assert "never as the only guard" in " ".join(result.stderr.split())
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert 0 < len(found) < COUNT
    flagged = {one["label"]: set[int]() for row in found for one in row["labels"]}
    for row in found:
        names = {one["label"] for one in row["labels"]}
        assert row["action"] == ("hide" if "boats" in names else "flag")
        for name in names:
            flagged[name].add(number(row))
    boats = {n for n, scene in enumerate(scenes) if "boat" in kinds(scene)}
    snow = {n for n, scene in enumerate(scenes) if scene.background == "snow"}
    assert boats <= flagged["boats"]
    assert len(flagged["boats"]) < COUNT
    assert snow <= flagged["snow"]
    assert len(flagged["snow"]) < 3 * len(snow)


def test_a_report_counts_what_it_does_not_show(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {name: snow, prompts: [in the snow], threshold: 0.3}", encoding="utf-8")
    found = json.loads(run("--moderate", "--config-file", rules, "--json").stdout)
    assert found["items"] == COUNT
    assert found["counts"]["snow"] == len(found["found"]) == COUNT - found["none"]


def test_the_categories_that_ship() -> None:
    categories = read_categories()
    assert len(categories) >= 5
    for one in categories:
        assert one.action in ("flag", "hide")
        assert one.threshold is not None
        assert one.against


def test_moderation_writes_tags_only_when_asked(run: Run, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {name: snow, prompts: [in the snow], threshold: 0.3}", encoding="utf-8")
    run("--moderate", "--config-file", rules, "--jsonl")
    asked = ("x", "--filter", "meta.moderation is not null", "--limit", 100, "--json")
    assert json.loads(run(*asked, verb="search").stdout)["hits"] == []
    marked = run("--moderate", "--config-file", rules, "--jsonl", "--write-tags")
    hits = json.loads(run(*asked, verb="search").stdout)["hits"]
    assert len(hits) == len(marked.stdout.splitlines()) > 0


def test_actions_there_are(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("- {name: a, action: delete}", encoding="utf-8")
    with pytest.raises(QueryError, match="delete"):
        read_categories(file)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ([], QueryError, "no labels"),
        (["a", "a"], QueryError, "twice"),
        (["a", "--threshold", "2"], QueryError, "threshold"),
        (["a", "--threshold", "nan"], QueryError, "threshold"),
        (["a", "--json", "--csv"], UsageError, "choose one"),
        (["a", "--field", "meta.x"], UsageError, "--write-tags"),
        (["a", "--write-tags", "--field", "meta.x.y"], QueryError, "cannot be written"),
        (["a", "--config-file", "x.yaml"], UsageError, "--moderate"),
        (["a", "--moderate"], UsageError, "categories of its own"),
        (["a", "--multi", "--calibrate", "folder"], UsageError, "single"),
        (["a", "--item", "x", "--filter", "width > 1"], UsageError, "exclude"),
        (["--labels", "nothing.txt"], NotFoundError, "cannot read"),
        (["a", "--filter", "nothing == 1"], QueryError, "nothing"),
    ],
)
def test_what_cannot_be_asked(
    run: Run, arguments: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        run(*arguments)


def test_a_filter_that_matches_nothing(run: Run) -> None:
    found = json.loads(run("a", "b", "--filter", "width > 100000", "--json").stdout)
    assert found["items"] == 0
    assert found["found"] == []
