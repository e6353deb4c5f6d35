"""An item of a corpus explained: in Python and on the command line, and what has no map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from ingest import index
from searchengine.cli.app import app
from searchengine.encoders.fake import COLOURS
from searchengine.errors import NotFoundError, QueryError, UsageError
from searchengine.explain.explain import explain
from searchengine.explain.explanation import as_json
from searchengine.identity import file_uri, item_id
from searchengine.query.engine import SearchEngine
from searchengine.query.language import parse_query


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    picture = Image.new("RGB", (120, 80), COLOURS["white"])
    ImageDraw.Draw(picture).rectangle((8, 20, 38, 50), fill=COLOURS["red"])
    ImageDraw.Draw(picture).rectangle((80, 30, 110, 60), fill=COLOURS["blue"])
    (tmp_path / "photos").mkdir()
    picture.save(tmp_path / "photos" / "both.png")
    Image.new("RGB", (80, 80), COLOURS["green"]).save(tmp_path / "photos" / "green.png")
    (tmp_path / "photos" / "note.txt").write_text("a red ball on white snow", encoding="utf-8")
    return tmp_path / "photos"


@pytest.fixture
def store(folder: Path) -> str:
    uri = f"memory:{folder}"
    index([str(folder)], corpus="c", model__name="fake", store__uri=uri)
    return uri


@pytest.fixture
def engine(store: str) -> Iterator[SearchEngine]:
    with SearchEngine.open(corpus="c", store__uri=store) as opened:
        yield opened


def run(store: str, *arguments: object) -> Result:
    """Run ``explain``; errors come out as they are raised."""
    result = CliRunner().invoke(
        app, ["explain", *map(str, arguments), "--corpus", "c", "--store", store]
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def key(path: Path) -> str:
    return item_id(file_uri(path))


def note_id(engine: SearchEngine) -> str:
    return engine.find(parse_query("red"), modality="text").hits[0].id


def test_score_is_what_search_says(engine: SearchEngine, folder: Path) -> None:
    terms = parse_query("2:red + blue - green")
    hit = next(hit for hit in engine.find(terms).hits if hit.id == key(folder / "both.png"))
    found = explain(engine, hit.id, terms, with_map=False).explanation
    assert found.score == pytest.approx(hit.score, abs=1e-6)
    assert [term.label for term in found.terms] == ["red", "blue", "green"]
    assert [term.weight for term in found.terms] == [2, 1, -1]
    assert found.query == "2:red + blue - green"


def test_map_is_hot_on_what_was_asked_for(engine: SearchEngine, folder: Path) -> None:
    for words, side in (("red", "left"), ("blue", "right")):
        looked = explain(engine, str(folder / "both.png"), parse_query(words))
        assert looked.picture is not None
        heat = looked.explanation.heat
        assert heat is not None
        assert side in heat.strongest.where
        assert heat.score == pytest.approx(looked.explanation.score, abs=0.05)


def test_a_picture_as_a_term(engine: SearchEngine, folder: Path) -> None:
    terms = parse_query(f'"{folder / "green.png"}" + red')
    found = explain(engine, key(folder / "green.png"), terms, with_map=False).explanation
    assert found.terms[0].kind == "image"
    assert found.terms[0].cosine == pytest.approx(1, abs=1e-5)
    assert found.terms[0].words == ()
    assert found.terms[1].kind == "text"


def test_a_term_of_weight_0_says_nothing(engine: SearchEngine, folder: Path) -> None:
    terms = parse_query("red + 0:blue")
    found = explain(engine, key(folder / "both.png"), terms, with_map=False).explanation
    assert [term.label for term in found.terms] == ["red"]


def test_a_text_has_words_and_no_map(engine: SearchEngine, store: str, tmp_path: Path) -> None:
    note = note_id(engine)
    found = explain(engine, note, parse_query("red snow")).explanation
    assert found.heat is None
    assert "text" in found.no_heat
    assert len(found.terms[0].words) == 2
    with pytest.raises(UsageError, match="no picture"):
        run(store, note, "-q", "red snow", "--map", tmp_path / "m.png")
    assert run(store, note, "-q", "red snow", "--json").exit_code == 0


def test_json_holds_terms_words_grid_and_box(store: str, folder: Path) -> None:
    out = run(store, folder / "both.png", "-q", "a red thing", "--json").stdout
    found = json.loads(out)
    assert [word["word"] for word in found["terms"][0]["words"]] == ["a", "red", "thing"]
    assert len(found["map"]["grid"]) == found["map"]["rows"] == 8
    assert {len(row) for row in found["map"]["grid"]} == {found["map"]["columns"]} == {12}
    left, top, right, bottom = found["map"]["strongest"]["box"]
    assert left < 23 / 120 < right
    assert top < 35 / 80 < bottom
    assert found["map"]["strongest"]["drop"] > 0


def test_json_is_the_python_value(engine: SearchEngine, store: str, folder: Path) -> None:
    out = run(store, folder / "both.png", "-q", "red - blue", "--json").stdout
    looked = explain(engine, str(folder / "both.png"), parse_query("red - blue"))
    assert json.loads(out) == json.loads(json.dumps(as_json(looked.explanation)))


def test_the_map_is_written(store: str, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "map.png"
    result = run(store, folder / "both.png", "-q", "red", "--map", target)
    assert "score" in result.stdout
    with Image.open(target) as drawn:
        assert drawn.size[0] > 1000


def test_the_terminal_draws_it(store: str, folder: Path) -> None:
    assert "▀" in run(store, folder / "both.png", "-q", "red", "--map", "terminal").stdout


def test_a_file_that_is_gone_keeps_its_terms(store: str, folder: Path, tmp_path: Path) -> None:
    (folder / "both.png").unlink()
    result = run(store, folder / "both.png", "-q", "red")
    assert "red" in result.stdout
    assert "no map" in result.stderr
    assert "gone" in result.stderr
    with pytest.raises(NotFoundError, match="gone"):
        run(store, folder / "both.png", "-q", "red", "--map", tmp_path / "m.png")


def test_a_broken_file_keeps_its_terms(engine: SearchEngine, folder: Path) -> None:
    (folder / "both.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    found = explain(engine, key(folder / "both.png"), parse_query("red")).explanation
    assert found.heat is None
    assert found.no_heat
    assert found.terms


def test_a_changed_file_is_told_of(engine: SearchEngine, folder: Path) -> None:
    Image.new("RGB", (90, 60), COLOURS["red"]).save(folder / "both.png")
    found = explain(engine, key(folder / "both.png"), parse_query("red")).explanation
    assert "changed" in found.notes[0]


def test_who_is_not_indexed(store: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="not in corpus"):
        run(store, tmp_path / "nobody.png", "-q", "red")
    with pytest.raises(NotFoundError, match="not in corpus"):
        run(store, "id:" + "0" * 32, "-q", "red")


@pytest.mark.parametrize("query", ["", "  ", "- red", "0:red", "red + "])
def test_queries_that_ask_for_nothing(store: str, folder: Path, query: str) -> None:
    with pytest.raises(QueryError):
        run(store, folder / "both.png", "-q", query)


def test_options_that_contradict(store: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude"):
        run(store, folder / "both.png", "-q", "red", "--map", tmp_path / "m.png", "--no-map")
    with pytest.raises(UsageError, match="terminal"):
        run(store, folder / "both.png", "-q", "red", "--map", "terminal", "--json")
    with pytest.raises(UsageError, match="gif"):
        run(store, folder / "both.png", "-q", "red", "--map", tmp_path / "m.gif")
