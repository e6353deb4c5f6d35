"""Full-text search over captions: the fake and Milvus Lite find the same; an old server refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchengine.errors import NotFoundError, QueryError, UnsupportedError
from searchengine.records import Side
from searchengine.store import naming, open_store
from searchengine.store.bm25 import frequencies_of, item_terms, query_terms, score
from searchengine.store.contract import Found, Row, Store
from searchengine.store.filters import Contains, parse_filter
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, drop_quietly, make_item, rows_of, spec_of, unit

CORPUS = "by words"
SIDE = Side(CORPUS, "image")
CAPTIONS = {
    0: "A black dog runs on the beach",
    1: "Two dogs and a cat\nA dog sleeps",
    2: "dog dog dog dog",
    3: "一只黑狗在海滩上奔跑",
    4: "海边的猫 cat",
    5: "Ein Hund am Strand, STRASSE",
    6: "",
    7: "?!",
    8: "wörter und mehr " * 8_000,  # cut to 64 KB
}
WORDS = [
    "sun",
    "moon",
    "tree",
    "car",
    "red",
    "blue",
    "old",
    "new",
    "street",
    "house",
    "boat",
    "bird",
]


@pytest.fixture(scope="module", params=["memory", "lite"])
def words_store(
    request: pytest.FixtureRequest, address_of: Callable[[str], str]
) -> Iterator[Store]:
    """A store that can search by words."""
    store = open_store(address_of(request.param))
    yield store
    drop_quietly(store, CORPUS)
    store.close()


@pytest.fixture(scope="module")
def rows(words_store: Store) -> list[Row]:
    """Rows in a corpus that the tests only read; 100 on have one caption, the rest a mixture."""
    drop_quietly(words_store, CORPUS)
    assert words_store.ensure(spec_of(CORPUS)).full_text
    rng = np.random.default_rng(3)
    rows = []
    for number, row in enumerate(rows_of(400)):
        mixed = " ".join(rng.choice(WORDS, rng.integers(1, 9)).tolist())
        caption = CAPTIONS.get(number, "same old tree" if number >= 100 else mixed)
        item = make_item(number, caption=caption or None, meta={"n": number % 7})
        rows.append(Row(item, row.vector))
    words_store.upsert(SIDE, rows[:390])
    words_store.settle(SIDE)
    words_store.upsert(SIDE, rows[390:])  # what is not in a segment yet counts like the rest
    return rows


def expected(rows: list[Row], query: str) -> list[tuple[str, float]]:
    """Every match by comparing all captions as they are kept."""
    kept = [
        (row.item.id, (row.item.caption or "").encode()[:65_535].decode(errors="ignore"))
        for row in rows
    ]
    asked = query_terms(query, frequencies_of(caption for _, caption in kept))
    scored = [(one, score(asked, item_terms(one, caption))) for one, caption in kept]
    return sorted(
        ((one, round(value, 6)) for one, value in scored if value > 0),
        key=lambda hit: (-hit[1], hit[0]),
    )


def pairs(hits: list[Found]) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in hits]


@pytest.mark.parametrize(
    "query",
    ["dog", "black dog beach", "tree", "old red sun", "海滩", "狗", "strasse", "WÖRTER", "owl"],
)
def test_finds_what_comparing_all_captions_finds(
    words_store: Store, rows: list[Row], query: str
) -> None:
    wanted = expected(rows, query)
    for limit in (1, 5, 40, 1000):
        found = pairs(words_store.search_text(SIDE, query, limit=limit))
        assert [one for one, _ in found] == [one for one, _ in wanted[:limit]]
        np.testing.assert_allclose(
            [value for _, value in found], [value for _, value in wanted[:limit]], rtol=1e-6
        )


def test_chinese_is_found_by_its_words(words_store: Store, rows: list[Row]) -> None:
    def numbers(query: str) -> set[int]:
        ids = {row.item.id: number for number, row in enumerate(rows)}
        return {ids[hit.id] for hit in words_store.search_text(SIDE, query, limit=50)}

    assert numbers("黑狗") == {3}
    assert numbers("海滩") == {3}
    assert numbers("海") == {3, 4}
    assert numbers("猫") == {4}
    assert numbers("狗猫") == set()
    assert numbers("dog 猫") == {0, 1, 2, 4}


def test_fields_come_with_the_hits(words_store: Store, rows: list[Row]) -> None:
    [hit] = words_store.search_text(
        SIDE, "黑狗", limit=5, fields=("uri", "caption", "modality", "vector")
    )
    assert (hit.id, hit.fields["uri"]) == (rows[3].item.id, rows[3].item.uri)
    assert hit.fields["caption"] == CAPTIONS[3]
    assert hit.fields["modality"] == "image"
    np.testing.assert_allclose(hit.fields["vector"], rows[3].vector, atol=1e-6)
    assert hit.score > 0
    assert type(hit.score) is float


def test_filters_are_honoured_exactly(words_store: Store, rows: list[Row]) -> None:
    whole = expected(rows, "tree")
    for text, keep in (
        ("size >= 200", lambda row: row.item.size >= 200),
        ("meta.n == 3", lambda row: row.item.meta["n"] == 3),
        ("size < 3 and meta.n == 5", lambda row: False),
    ):
        allowed = {row.item.id for row in rows if keep(row)}
        found = words_store.search_text(SIDE, "tree", limit=30, where=parse_filter(text))
        wanted = [one for one, _ in whole if one in allowed][:30]
        assert [hit.id for hit in found] == wanted, text
    inexact = Contains("caption", "100%")  # no database expression says that
    assert words_store.search_text(SIDE, "tree", limit=5, where=inexact) == []


def test_a_filter_only_python_can_judge_looks_as_deep_as_it_must(
    words_store: Store, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("searchengine.store.text_search.MAX_HITS", 40)
    monkeypatch.setattr("searchengine.store.text_search._CANDIDATES", 1)
    last = expected(rows, "tree")[-1][0]
    [row] = [row for row in rows if row.item.id == last]
    where = parse_filter(f'not (meta.n != {row.item.meta["n"]}) and uri = "{row.item.uri}"')
    found = words_store.search_text(SIDE, "tree", limit=2, where=where, fields=("uri",))
    assert [(hit.id, hit.fields["uri"]) for hit in found] == [(last, row.item.uri)]


def test_queries_at_the_edges(words_store: Store, rows: list[Row]) -> None:
    for empty in ("", "?!", "🐶", "\udcff"):
        assert words_store.search_text(SIDE, empty, limit=5) == []
    assert words_store.search_text(SIDE, "dog", limit=0) == []
    assert words_store.search_text(SIDE, "dog " * 500_000, limit=1)
    assert words_store.search_text(SIDE, '"] or id != ["', limit=5) == []
    with pytest.raises(QueryError, match="16,384"):
        words_store.search_text(SIDE, "dog", limit=20_000)
    with pytest.raises(QueryError, match="no field 'nope'"):
        words_store.search_text(SIDE, "dog", limit=1, fields=("nope",))
    with pytest.raises(NotFoundError):
        words_store.search_text(Side("no such corpus", "image"), "dog", limit=1)


def test_writing_and_deleting_reach_the_words(words_store: Store, corpus_name: str) -> None:
    side = Side(corpus_name, "image")
    words_store.ensure(spec_of(corpus_name))
    assert words_store.search_text(side, "dog", limit=5) == []
    vectors = [row.vector for row in rows_of(3)]

    def write(number: int, caption: str | None) -> None:
        words_store.upsert(side, [Row(make_item(number, caption=caption), vectors[number])])

    def found(query: str) -> list[str]:
        return [hit.id for hit in words_store.search_text(side, query, limit=5)]

    one, two = make_item(1).id, make_item(2).id
    write(1, "a dog")
    write(2, "a cat")
    assert (found("dog"), found("cat")) == ([one], [two])
    write(1, "an owl")
    assert (found("dog"), found("owl")) == ([], [one])
    words_store.settle(side)
    write(1, None)
    assert (found("owl"), found("cat")) == ([], [two])
    words_store.reindex(side, "flat")
    words_store.delete(side, [two])
    assert found("cat") == []
    words_store.drop(corpus_name)


def test_words_are_there_after_reopening(tmp_path: Path) -> None:
    side = Side("again", "image")
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("again"))
    rows = rows_of(40)
    store.upsert(side, [Row(replace(row.item, caption="一只狗"), row.vector) for row in rows])
    store.reindex(side, "hnsw")
    before = pairs(store.search_text(side, "狗", limit=40))
    store.close()
    again = open_store(tmp_path / "milvus")
    info = again.describe(side)
    assert info is not None
    assert info.full_text
    assert pairs(again.search_text(side, "狗", limit=40)) == before
    assert len(before) == 40
    again.close()


def test_the_newest_is_ranked_like_the_oldest(tmp_path: Path) -> None:
    """The one of few that is not flushed yet must not lose to the many that are."""
    side = Side("new", "image")
    store = open_store(tmp_path / "milvus")
    store.ensure(spec_of("new"))
    rows = [
        Row(
            replace(
                row.item, caption="a dog and then many other words" if n % 20 == 0 else "nothing"
            ),
            row.vector,
        )
        for n, row in enumerate(rows_of(2_000))
    ]
    store.upsert(side, rows)
    store.settle(side)
    newest = Row(make_item(5_000, caption="dog"), rows[0].vector)
    store.upsert(side, [newest])
    [best] = store.search_text(side, "dog", limit=1)
    assert best.id == newest.item.id
    store.close()


def test_a_corpus_of_the_version_before_opens_and_refuses_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = Side("old", "image")
    store = open_store(tmp_path / "milvus")
    assert isinstance(store, MilvusStore)
    connection = store._connection
    now, connection.capabilities = (
        connection.capabilities,
        replace(connection.capabilities, bm25=False),
    )
    store.ensure(spec_of("old"))
    write_label = naming.write_label

    def before(label: naming.Label) -> dict[str, str]:
        text = write_label(label)[naming.PROPERTY].replace('"full_text": false, ', "")
        assert "full_text" not in text
        return {naming.PROPERTY: text}

    with monkeypatch.context() as patch:
        patch.setattr(naming, "write_label", before)
        store.upsert(side, rows_of(10))
    connection.capabilities = now
    info = store.ensure(spec_of("old"))
    assert (info.count, info.full_text) == (10, False)
    store.upsert(side, rows_of(20))
    assert store.reindex(side, "hnsw").count == 20
    assert len(store.search(side, unit(np.ones(DIM)), limit=30)[0]) == 20
    with pytest.raises(UnsupportedError, match="without full-text") as caught:
        store.search_text(side, "dog", limit=5)
    assert "Index it again" in caught.value.hint
    store.close()


def test_a_server_without_it_refuses_with_the_reason(
    address_of: Callable[[str], str], corpus_name: str
) -> None:
    store = open_store(address_of("server"))
    side = Side(corpus_name, "image")
    assert not store.ensure(spec_of(corpus_name)).full_text
    assert not store.capabilities.bm25
    with pytest.raises(UnsupportedError, match=r"v2\.3\.5.* full-text search") as caught:
        store.search_text(side, "dog", limit=5)
    assert "2.5" in caught.value.hint
    store.drop(corpus_name)
    store.close()
