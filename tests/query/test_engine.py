"""The reading side on the fakes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from searchengine import SearchEngine
from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import (
    DecodeError,
    FilterError,
    MismatchError,
    NotFoundError,
    QueryError,
    UsageError,
)
from searchengine.query.examples import looks_like_example, read_example
from searchengine.query.language import parse_query
from searchengine.query.negation import DENIED_WEIGHT
from searchengine.query.query import Page, Query
from searchengine.query.terms import Known, Picture, RawVector, Term, Words
from searchengine.records import Side
from searchengine.store.contract import Row, SideSpec
from searchengine.store.memory import MemoryStore
from tests.ingest.folders import CountingEncoder, FlakyStore, make_job, picture, run
from tests.store.cases import make_item

COLOURS = {"red": (220, 30, 30), "green": (40, 160, 60), "blue": (40, 80, 210)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "photos"
    root.mkdir()
    for name, colour in COLOURS.items():
        (root / f"{name}.png").write_bytes(picture(colour, (32, 24)))
        (root / f"{name}.txt").write_text(f"a {name} field")
    (root / "notes.md").write_text("something blue\n\nsomething red")
    return root


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


@pytest.fixture
def engine(folder: Path, encoder: CountingEncoder) -> Iterator[SearchEngine]:
    store = FlakyStore()
    run(make_job(folder, store))
    with SearchEngine(store, lambda _: encoder, corpus="test") as engine:
        yield engine


def names(results) -> list[str]:  # type: ignore[no-untyped-def]
    return [Path(hit.metadata["path"]).stem for hit in results.hits]


@pytest.mark.parametrize("colour", COLOURS)
def test_words_find_their_picture(engine: SearchEngine, colour: str) -> None:
    results = engine.search(f"a {colour} thing")
    assert names(results)[0] == colour
    hit = results.hits[0]
    assert [one.rank for one in results.hits] == [1, 2, 3]
    assert hit.score == max(one.score for one in results.hits) <= 1
    assert hit.metadata["caption"] == f"a {colour} field"
    assert (hit.metadata["width"], hit.metadata["height"]) == (32, 24)
    assert (results.total, results.corpus, results.modalities) == (3, "test", ("image",))


def test_texts_are_found_among_texts(engine: SearchEngine) -> None:
    results = engine.search("blue", modality="text")
    assert results.hits[0].metadata["caption"] == "something blue"
    assert results.total == 2


def test_pages_join_to_the_whole(engine: SearchEngine) -> None:
    whole = engine.search("red").hits
    pages = [hit for n in range(3) for hit in engine.search("red", limit=1, offset=n).hits]
    assert pages == list(whole)
    assert engine.search("red", offset=3).hits == ()


def test_filter(engine: SearchEngine) -> None:
    assert names(engine.search("red", where="caption ~ 'green'")) == ["green"]
    assert engine.search("red", where="width > 1000").hits == ()
    assert names(engine.search("red", where="  ", limit=1)) == ["red"]
    with pytest.raises(FilterError):
        engine.search("red", where="nothing == 1")


def test_an_unchanged_indexed_file_needs_no_model(
    engine: SearchEngine, encoder: CountingEncoder, folder: Path
) -> None:
    results = engine.similar(folder / "red.png")
    assert names(results)[0] == "red"
    assert results.hits[0].score == pytest.approx(1)
    assert encoder.images == 0
    os.utime(folder / "red.png", ns=(1, 1))
    assert names(engine.similar(folder / "red.png"))[0] == "red"
    assert encoder.images == 1


def test_similar_by_id_bytes_and_without_itself(engine: SearchEngine, folder: Path) -> None:
    first = engine.search("red").hits[0]
    assert names(engine.similar(f"id:{first.id}"))[0] == "red"
    assert "red" not in names(engine.similar(f"id:{first.id}", exclude_self=True))
    assert names(engine.similar(picture(COLOURS["blue"])))[0] == "blue"
    without = [
        hit
        for n in range(2)
        for hit in engine.similar(f"id:{first.id}", exclude_self=True, limit=1, offset=n).hits
    ]
    assert without == list(engine.similar(f"id:{first.id}", exclude_self=True).hits)


def test_an_example_finds_texts_too(engine: SearchEngine, folder: Path) -> None:
    hits = engine.similar(folder / "red.png", modality="text").hits
    assert hits[0].metadata["caption"] == "something red"


def test_what_cannot_be_answered(engine: SearchEngine, folder: Path) -> None:
    with pytest.raises(QueryError, match="empty"):
        engine.search("  ")
    with pytest.raises(QueryError, match="limit"):
        engine.search("red", limit=0)
    with pytest.raises(QueryError, match="offset"):
        engine.search("red", offset=-1)
    with pytest.raises(QueryError, match="16,384"):
        engine.search("red", limit=16_000, offset=1_000)
    with pytest.raises(NotFoundError):
        engine.similar("id:" + "0" * 32)
    with pytest.raises(NotFoundError):
        engine.similar(folder / "nowhere.png")
    with pytest.raises(DecodeError):
        engine.similar(b"no picture")


def test_items_by_path_uri_and_id(engine: SearchEngine, folder: Path) -> None:
    by_path = engine.items([str(folder / "red.png")])[0]
    assert engine.items([by_path.uri, by_path.id, f"id:{by_path.id}"]) == [by_path] * 3
    assert by_path.caption == "a red field"
    with pytest.raises(NotFoundError, match="nowhere"):
        engine.items([str(folder / "nowhere.png")])


def test_remove(engine: SearchEngine, folder: Path) -> None:
    assert engine.remove([str(folder / "red.png")]) == 1
    assert "red" not in names(engine.search("red"))
    assert engine.remove_where("caption ~ 'green'") == 1
    assert names(engine.search("red")) == ["blue"]
    assert engine.remove_all() == 3
    with pytest.raises(NotFoundError):
        engine.search("red")


def test_a_second_model_looks_anew(folder: Path, encoder: CountingEncoder) -> None:
    store, second = FlakyStore(), CountingEncoder(dim=40, salt="second")
    run(make_job(folder, store))
    (folder / "blue.png").unlink()
    loaded: list[str] = []

    def load(name: str) -> CountingEncoder:
        loaded.append(name)
        return second if name == "second" else encoder

    with SearchEngine(store, load, corpus="test") as engine:
        results = engine.search("a red thing", rerank="second")
        assert names(results)[0] == "red"
        assert second.images == 2  # the third picture is gone, and keeps its place
        assert sorted(names(results)) == sorted(COLOURS)
        known = engine.search("red").hits[0]
        engine.find(Known(known.id), rerank="second")
        with pytest.raises(QueryError, match="first one"):
            engine.find(RawVector((1.0,) * 32), rerank="second")
        blue = next(hit for hit in results.hits if hit.metadata["path"].endswith("blue.png"))
        with pytest.raises(QueryError, match="cannot be read"):
            engine.find(Known(blue.id), rerank="second")
    assert loaded.count("second") == 1


def test_what_a_text_denies_is_taken_away_when_asked(engine: SearchEngine) -> None:
    terms = engine.read(parse_query("2:a red field without green - blue"), negation=True)
    assert terms == (
        Term(Words("a red field"), 2),
        Term(Words("green"), 2 * DENIED_WEIGHT),
        Term(Words("blue"), -1),
    )
    assert engine.read(terms, negation=False) == terms
    with pytest.raises(QueryError, match="takes away"):
        engine.find(engine.read([Term(Words("no green"))], negation=True))


def test_terms_add_and_subtract(engine: SearchEngine, folder: Path) -> None:
    assert set(names(engine.search("red + blue", limit=2))) == {"red", "blue"}
    assert names(engine.search(f"{folder / 'red.png'} + 0.5:blue - green"))[:2] == ["red", "blue"]
    with pytest.raises(QueryError, match="cancel"):
        engine.search("red - red")


def test_pages_of_a_corpus_that_changes(engine: SearchEngine) -> None:
    first = engine.search("red", limit=1)
    assert first.cursor is not None
    engine.remove([first.hits[0].uri])
    rest = engine.search("red", limit=5, cursor=first.cursor)
    assert len(rest.hits) == 2
    assert first.hits[0].id not in {hit.id for hit in rest.hits}
    assert [hit.rank for hit in rest.hits] == [2, 3]


def test_a_page_goes_on_where_much_has_come_before_it(encoder: CountingEncoder) -> None:
    """Far more, and nearer, than one look takes in: nothing is repeated, nothing is left out."""
    store, side = MemoryStore(), Side("test", "image")
    store.ensure(SideSpec(side, "fake", encoder.fingerprint, encoder.dim))
    query = np.eye(encoder.dim, dtype=np.float32)[0]

    def rows(first: int, count: int, near: float) -> list[Row]:
        made = []
        for n in range(first, first + count):
            vector = np.zeros(encoder.dim, np.float32)
            cosine = near - n / 10_000
            vector[:2] = cosine, (1 - cosine**2) ** 0.5
            made.append(Row(make_item(n), vector))
        return made

    old = rows(0, 300, 0.5)
    store.upsert(side, old)
    with SearchEngine(store, lambda _: encoder, corpus="test") as engine:
        asked = RawVector(tuple(query.tolist()))
        page = engine.find(asked, limit=20)
        seen = [hit.id for hit in page.hits]
        store.upsert(side, rows(1_000, 140, 0.9))
        while page.cursor is not None:
            page = engine.find(asked, limit=20, cursor=page.cursor)
            seen += [hit.id for hit in page.hits]
    assert seen == [row.item.id for row in old]


def test_the_empty_text_is_encoded_once(engine: SearchEngine, encoder: CountingEncoder) -> None:
    engine.search("red")
    before = encoder.texts
    engine.search("green")
    assert encoder.texts == before + 1


def test_a_corpus_without_images(tmp_path: Path, encoder: CountingEncoder) -> None:
    root = tmp_path / "texts"
    root.mkdir()
    (root / "notes.md").write_text("something blue")
    store = FlakyStore()
    run(make_job(root, store))
    with SearchEngine(store, lambda _: encoder, corpus="test") as engine:
        with pytest.raises(NotFoundError, match="holds no images") as caught:
            engine.search("blue")
        assert "--modality text" in caught.value.hint
        assert engine.search("blue", modality=None).modalities == ("text",)


def test_a_filter_that_lets_nothing_through_is_doubted(engine: SearchEngine) -> None:
    assert engine.search("red", where="width > 1000").notes == ()
    (note,) = engine.search("red", where="meta.ratin > 3").notes
    assert "meta.ratin" in note


def test_words_that_a_model_does_not_read(folder: Path) -> None:
    class English(CountingEncoder):
        """Reads nothing but ASCII, as an English bag of words does."""

        def encode_texts(self, texts):  # type: ignore[no-untyped-def]
            return super().encode_texts([text.encode("ascii", "ignore").decode() for text in texts])

    store = FlakyStore()
    run(make_job(folder, store))
    with SearchEngine(store, lambda _: English(), corpus="test") as engine:
        (note,) = engine.search("собака").notes
        assert "собака" in note
        assert engine.search("red собака").notes == ()


def test_another_encoder_is_refused(engine: SearchEngine) -> None:
    other = SearchEngine(engine.store, lambda _: FakeEncoder(salt="x"), corpus="test", model="x")
    with pytest.raises(MismatchError, match="fingerprint"):
        other.search("red")


def test_unknown_corpus_names_the_known(engine: SearchEngine) -> None:
    other = SearchEngine(engine.store, lambda _: FakeEncoder(), corpus="holidays")
    with pytest.raises(NotFoundError, match="holidays") as caught:
        other.search("red")
    assert "test" in caught.value.hint


def test_examples(tmp_path: Path) -> None:
    assert read_example("@-", stdin=io.BytesIO(b"abc")) == Picture(b"abc", "standard input")
    assert read_example("id:" + "A" * 32) == Known("a" * 32)
    with pytest.raises(UsageError, match="network"):
        read_example("https://example.org/x.jpg")
    with pytest.raises(UsageError, match="regular"):
        read_example(str(tmp_path))


@pytest.mark.parametrize(
    "text", ["./a.jpg", "../a.jpg", "/a.jpg", "~/a.jpg", "@-", "id:1", "http://x"]
)
def test_what_looks_like_a_picture(text: str) -> None:
    assert looks_like_example(text)


@pytest.mark.parametrize("text", ["a.jpg", "a dog", "and/or", "...", "ideas", "一只猫", "@home"])
def test_what_looks_like_words(text: str) -> None:
    assert not looks_like_example(text)


def test_a_query_is_a_value() -> None:
    dog = Term(Words("a dog"))
    assert Query((dog,), page=Page(3)) == Query((dog,), page=Page(3)) != Query((dog,))
