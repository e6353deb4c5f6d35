"""Labels in the items' columns: whole rows, found by filters, untouched by the next index run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ingest import index
from searchengine.classify.classify import PAGE, Labelled, classify_corpus
from searchengine.classify.decide import Decider, Verdict
from searchengine.classify.tags import tag_column, tag_corpus, tagged
from searchengine.encoders.fake import COLOURS
from searchengine.errors import ItemError, QueryError
from searchengine.identity import item_id
from searchengine.query.engine import SearchEngine
from searchengine.query.language import parse_query
from searchengine.records import ITEM_FIELDS, Item, Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.filters import parse_filter
from searchengine.store.memory import MemoryStore

from .conftest import SHADES, colours_of

Make = Callable[..., Decider]
COLOUR_LABELS = ("red", "green", "blue")


def write(engine: SearchEngine, decider: Decider, key: str, **options: Any) -> list[Labelled]:
    failures: list[str] = []
    done = tag_corpus(
        engine,
        engine.side(),
        decider,
        key,
        on_failure=lambda uri, _: failures.append(uri),
        **options,
    )
    found = list(done)
    assert failures == []
    return found


def rows(engine: SearchEngine) -> dict[str, dict[str, Any]]:
    scanned = engine.store.scan(Side("c", "image"), fields=(*ITEM_FIELDS, "vector"))
    return {row["uri"]: dict(row) for row in scanned}


def found(engine: SearchEngine, where: str) -> list[str]:
    hits = engine.find(parse_query("red"), where=where, limit=50).hits
    return sorted(colours_of([hit.uri for hit in hits]))


def test_the_corpus_is_streamed_and_each_item_told_once(
    engine: SearchEngine, decider: Make
) -> None:
    done = list(classify_corpus(engine, engine.side(), decider(*COLOUR_LABELS)))
    assert sorted(colours_of([one.uri for one in done])) == sorted(SHADES)
    for one, colour in zip(done, colours_of([one.uri for one in done]), strict=True):
        assert one.verdict.names == (() if colour == "yellow" else (colour,))
        assert one.id == item_id(one.uri)


def test_a_filter_chooses_what_is_classified(engine: SearchEngine, decider: Make) -> None:
    where = parse_filter("width < 43")
    done = classify_corpus(engine, engine.side(), decider("red", "green"), where=where)
    assert sorted(colours_of([one.uri for one in done])) == ["red", "red", "red"]


def test_a_single_label_is_a_text_that_filters_find(engine: SearchEngine, decider: Make) -> None:
    done = write(engine, decider(*COLOUR_LABELS), "tag")
    assert len(done) == len(SHADES)
    assert found(engine, 'meta.tag = "red"') == ["red", "red", "red"]
    assert found(engine, 'meta.tag in ("green", "blue")') == ["blue", "green", "green"]
    assert found(engine, "meta.tag is null") == ["yellow"]


def test_scores_are_numbers_that_filters_compare(engine: SearchEngine, decider: Make) -> None:
    write(engine, decider(*COLOUR_LABELS, temperature=0.5), "tag")
    metas = [row["meta"] for row in rows(engine).values() if row["meta"]]
    scores = sorted(meta["tag_score"] for meta in metas)
    middle = scores[len(scores) // 2]
    assert len(found(engine, f"meta.tag_score >= {middle}")) == sum(s >= middle for s in scores)
    assert all(1 / 3 < score < 1 for score in scores)


def test_several_labels_are_a_list_that_filters_search(engine: SearchEngine, decider: Make) -> None:
    several = decider("red", "warm: red; yellow", "cold: blue; cyan", multi=True)
    write(engine, several, "tags")
    assert found(engine, 'meta.tags has "warm"') == ["red", "red", "red", "yellow"]
    assert found(engine, 'meta.tags has "warm" and not meta.tags has "red"') == ["yellow"]
    assert found(engine, 'meta.tags has "cold"') == ["blue"]
    assert found(engine, "meta.tags is null") == ["green", "green"]
    assert found(engine, "meta.tags_score.warm > 0.5") == ["red", "red", "red", "yellow"]


def test_vectors_and_all_other_columns_stay(engine: SearchEngine, decider: Make) -> None:
    before = rows(engine)
    write(engine, decider(*COLOUR_LABELS), "tag")
    after = rows(engine)
    assert before.keys() == after.keys()
    for uri, row in before.items():
        assert np.array_equal(row.pop("vector"), after[uri].pop("vector"))
        row.pop("meta")
        after[uri].pop("meta")
        assert row == after[uri]


def test_the_next_index_run_sees_nothing_new_and_keeps_tags(
    engine: SearchEngine, decider: Make, folder: Path, store: str
) -> None:
    write(engine, decider(*COLOUR_LABELS), "tag")
    engine.close()
    report = index([str(folder)], corpus="c", store__uri=store)
    assert report.unchanged == len(SHADES) + 1
    assert report.written == 0
    with SearchEngine.open(corpus="c", store__uri=store) as again:
        assert found(again, 'meta.tag = "red"') == ["red", "red", "red"]


def test_a_changed_file_loses_its_tags_and_no_other_does(
    engine: SearchEngine, decider: Make, folder: Path, store: str
) -> None:
    write(engine, decider(*COLOUR_LABELS), "tag")
    engine.close()
    changed = folder / "red" / "0.png"
    Image.new("RGB", (90, 90), COLOURS["red"]).save(changed)
    os.utime(changed, ns=(1, 1))
    index([str(folder)], corpus="c", store__uri=store)
    with SearchEngine.open(corpus="c", store__uri=store) as again:
        assert found(again, 'meta.tag = "red"') == ["red", "red"]
        where = parse_filter("meta.tag is null")
        write(again, decider(*COLOUR_LABELS), "tag", where=where)
        assert found(again, 'meta.tag = "red"') == ["red", "red", "red"]


def test_another_run_replaces_what_the_first_wrote(engine: SearchEngine, decider: Make) -> None:
    write(engine, decider(*COLOUR_LABELS), "tag")
    write(engine, decider("green", "yellow"), "tag")
    assert found(engine, 'meta.tag = "red"') == []
    assert found(engine, 'meta.tag = "yellow"') == ["yellow"]
    assert found(engine, "meta.tag is null") == ["blue", "red", "red", "red"]
    assert all(
        "tag_score" not in row["meta"] for row in rows(engine).values() if "tag" not in row["meta"]
    )


def test_one_field_does_not_touch_another(engine: SearchEngine, decider: Make) -> None:
    write(engine, decider(*COLOUR_LABELS), "tag")
    write(engine, decider("warm: red; yellow", multi=True), "mood")
    assert found(engine, 'meta.tag = "red" and meta.mood has "warm"') == ["red", "red", "red"]


def test_only_some_items(engine: SearchEngine, decider: Make) -> None:
    ids = [row["id"] for uri, row in rows(engine).items() if "/red/" in uri][:2]
    done = write(engine, decider(*COLOUR_LABELS), "tag", ids=[*ids, "0" * 32])
    assert {one.id for one in done} == set(ids)
    assert found(engine, "meta.tag is not null") == ["red", "red"]


def test_on_a_server(milvus_server_uri: str, folder: Path, decider: Make) -> None:
    """Upserts replace rows there as they do in a folder; filters find what was written."""
    where = {"corpus": "classify-tags", "store__uri": milvus_server_uri}
    index([str(folder)], model__name="fake", **where)
    with SearchEngine.open(**where) as engine:
        try:
            write(engine, decider(*COLOUR_LABELS), "tag")
            write(engine, decider("warm: red; yellow", "cold: blue", multi=True), "tags")
            assert found(engine, 'meta.tag = "red" and meta.tag_score > 0.3') == ["red"] * 3
            assert found(engine, 'meta.tags has "cold"') == ["blue"]
            assert engine.store.count(engine.side().side) == len(SHADES)
            assert index([str(folder)], **where).written == 0
        finally:
            engine.store.drop("classify-tags")


def test_an_item_without_room_is_told_and_stays(decider: Make) -> None:
    store = MemoryStore()
    side = Side("c", "image")
    store.ensure(SideSpec(side, "fake", "0" * 32, 32))
    vector = np.eye(32, dtype=np.float32)[0]  # as red as can be
    full = {"note": "x" * 65_000}
    for number, meta in enumerate((full, {})):
        uri = f"file:///{number}.png"
        item = Item(item_id(uri), uri, "image", "1", "0", 1, 0, "image/png", meta=meta)
        store.upsert(side, [Row(item, vector)])
    told: list[tuple[str, ItemError]] = []
    with SearchEngine(store, lambda _: pytest.fail("no model is needed"), corpus="c") as engine:
        done = list(
            tag_corpus(
                engine,
                engine.side(),
                decider("red: red", "blue"),
                "t" * 600,
                on_failure=lambda uri, error: told.append((uri, error)),
            )
        )
        metas = {row["uri"]: row["meta"] for row in store.scan(side, fields=("uri", "meta"))}
    assert [uri for uri, _ in told] == ["file:///0.png"]
    assert [one.uri for one in done] == ["file:///1.png"]
    assert metas["file:///0.png"] == full
    assert metas["file:///1.png"]["t" * 600] == "red"


def test_more_than_a_page(decider: Make) -> None:
    store = MemoryStore()
    side = Side("c", "image")
    store.ensure(SideSpec(side, "fake", "0" * 32, 32))
    vectors = np.eye(32, dtype=np.float32)
    count = 2 * PAGE + 3
    items = [
        Item(item_id(f"file:///{n}.png"), f"file:///{n}.png", "image", "1", "0", 1, 0, "image/png")
        for n in range(count)
    ]
    store.upsert(side, [Row(one, vectors[n % 2 * 3]) for n, one in enumerate(items)])
    with SearchEngine(store, lambda _: pytest.fail("no model is needed"), corpus="c") as engine:
        done = write(engine, decider("red", "green"), "tag")
        assert len({one.id for one in done}) == count
        assert store.count(side, parse_filter('meta.tag = "red"')) == -(-count // 2)
        assert store.count(side, parse_filter('meta.tag = "green"')) == count // 2
        info = store.describe(side)
        assert info is not None
        assert info.settled


@pytest.mark.parametrize(
    ("field", "key"), [("meta.tags", "tags"), ("garment", "garment"), (" meta.标签 ", "标签")]
)
def test_names_of_columns(field: str, key: str) -> None:
    assert tag_column(field) == key


@pytest.mark.parametrize("field", ["", "meta.", "meta.a.b", 'meta["a"]', "a b"])
def test_what_names_no_column(field: str) -> None:
    with pytest.raises(QueryError, match="cannot be written"):
        tag_column(field)


def test_columns_that_are_not_ours_are_kept(decider: Make) -> None:
    verdict = Verdict((("red", 0.8),), "red", 0.75)
    labelled = Labelled("0" * 32, "file:///a.png", verdict)
    meta = {"price": 3, "tag": "old", "tag_score": 1}
    assert tagged(meta, labelled, decider("red", "blue"), "tag") == {
        "price": 3,
        "tag": "red",
        "tag_score": 0.75,
    }
    several = decider("red", "blue", multi=True)
    assert tagged(meta, labelled, several, "tag") == {
        "price": 3,
        "tag": ["red"],
        "tag_score": {"red": 0.8},
    }
    assert meta["tag"] == "old"
