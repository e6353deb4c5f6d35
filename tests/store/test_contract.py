"""The same cases over the fake, Milvus Lite and a real Milvus server."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from searchengine.errors import (
    EncoderError,
    ItemError,
    LimitError,
    MismatchError,
    NotFoundError,
    QueryError,
    UnsupportedError,
)
from searchengine.records import Side
from searchengine.store.contract import Row, Store
from searchengine.store.fields import ALL_FIELDS
from searchengine.store.filters import Compare, parse_filter
from searchengine.store.milvus import MilvusStore
from tests.store.cases import DIM, drop_quietly, make_item, rows_of, spec_of, unit

READ = "read only 读 📷 /\\'\" -- DROP"
SIDE = Side(READ, "image")
COUNT = 300


@pytest.fixture(scope="module")
def rows(store: Store) -> Iterator[list[Row]]:
    """Rows in a corpus that the tests only read; number 7 and 8 have one vector."""
    drop_quietly(store, READ)
    store.ensure(spec_of(READ))
    rows = rows_of(COUNT)
    rows[8] = Row(rows[8].item, rows[7].vector)
    rows[3] = Row(
        make_item(
            3,
            width=4000,
            height=3000,
            caption="ein Hund 狗\nzweite Zeile",
            taken_at="2024-06-01T12:30:00+02:00",
            camera="Canon",
            lens="50 mm",
            latitude=-0.0,
            longitude=180.0,
            folder="/fotos/a b/\udcff",
            meta={"rating": 4, "deep": {"list": [1, "a", None]}, "schön": True, "x": 1.5},
        ),
        rows[3].vector,
    )
    store.upsert(SIDE, rows)
    yield rows
    drop_quietly(store, READ)


def test_every_field_comes_back(store: Store, rows: list[Row]) -> None:
    fetched = store.fetch(SIDE, [rows[3].item.id, rows[4].item.id], (*ALL_FIELDS, "vector"))
    for number in (3, 4):
        item, found = rows[number].item, fetched[rows[number].item.id]
        for name in ALL_FIELDS:
            expected = getattr(item, name)
            if name == "folder" and expected:
                expected = expected.replace("\udcff", "\ufffd")
            assert found[name] == expected, name
        np.testing.assert_allclose(found["vector"], rows[number].vector, atol=1e-6)
        assert found["vector"].dtype == np.float32
    assert fetched[rows[4].item.id]["width"] is None
    assert fetched[rows[4].item.id]["meta"] == {}


def test_fetch_returns_those_that_exist(store: Store, rows: list[Row]) -> None:
    ids = [row.item.id for row in rows]
    found = store.fetch(SIDE, [*ids, "0" * 32, '"] or id != ["'], ("revision",))
    assert {id_: fields["revision"] for id_, fields in found.items()} == {
        row.item.id: row.item.revision for row in rows
    }
    assert store.fetch(SIDE, [], ("id",)) == {}


def test_rows_a_search_returned_are_fetched_without_waiting(
    store: Store, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    [hits] = store.search(SIDE, rows[3].vector[None], limit=5)
    ids = [hit.id for hit in hits]
    asked: list[str] = []
    if isinstance(store, MilvusStore):
        call = store._connection.call

        def spy(method: str, *args: object, **kwargs: object) -> object:
            if "consistency_level" in kwargs:  # not: whether the alias still leads here
                asked.append(str(kwargs["consistency_level"]))
            return call(method, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(store._connection, "call", spy)
    found = store.fetch(SIDE, ids, ("uri", "vector"), fresh=False)
    if asked:
        assert asked == ["Eventually"]
    fresh = store.fetch(SIDE, ids, ("uri", "vector"))
    if asked:
        assert asked == ["Eventually", "Strong"]
    assert found.keys() == fresh.keys() == set(ids)
    for one in ids:
        assert found[one]["uri"] == fresh[one]["uri"]
        np.testing.assert_array_equal(found[one]["vector"], fresh[one]["vector"])


def test_search_is_exact_and_sorted(store: Store, rows: list[Row]) -> None:
    vectors = np.stack([row.vector for row in rows])
    queries = vectors[:5]
    answers = store.search(SIDE, queries, limit=10, fields=("uri", "modality"))
    for query, hits in zip(queries, answers, strict=True):
        scores = vectors @ query
        best = sorted(range(COUNT), key=lambda n: (-round(float(scores[n]), 6), rows[n].item.id))
        assert [hit.id for hit in hits] == [rows[n].item.id for n in best[:10]]
        np.testing.assert_allclose([hit.score for hit in hits], scores[best[:10]], atol=2e-6)
        assert hits[0].fields == {"uri": rows[best[0]].item.uri, "modality": "image"}
        assert all(type(hit.score) is float and -1 <= hit.score <= 1 for hit in hits)


def test_ties_are_broken_by_id(store: Store, rows: list[Row]) -> None:
    [hits] = store.search(SIDE, rows[7].vector[None], limit=2)
    assert [hit.id for hit in hits] == sorted([rows[7].item.id, rows[8].item.id])
    [first] = store.search(SIDE, rows[7].vector[None], limit=1)
    [second] = store.search(SIDE, rows[7].vector[None], limit=1, offset=1)
    assert [first[0].id, second[0].id] == [hit.id for hit in hits]


def test_pages_concatenate_to_the_whole(store: Store, rows: list[Row]) -> None:
    query = unit(np.ones(DIM))
    [whole] = store.search(SIDE, query, limit=COUNT)
    pages = [store.search(SIDE, query, limit=70, offset=at)[0] for at in range(0, COUNT, 70)]
    assert [hit.id for page in pages for hit in page] == [hit.id for hit in whole]
    assert len(whole) == COUNT


def test_a_least_score_leaves_out_what_is_below_it(store: Store, rows: list[Row]) -> None:
    query = rows[5].vector[None]
    [whole] = store.search(SIDE, query, limit=COUNT)
    least = whole[40].score
    expected = [hit.id for hit in whole if hit.score >= least]
    [all_above] = store.search(SIDE, query, limit=COUNT, min_score=least)
    assert [hit.id for hit in all_above] == expected
    assert len(expected) >= 41
    [page] = store.search(SIDE, query, limit=20, offset=30, min_score=least)
    assert [hit.id for hit in page] == expected[30:50]
    [first] = store.search(SIDE, query, limit=10, min_score=least)
    assert [hit.id for hit in first] == expected[:10]
    where = parse_filter("size < 100")
    [some] = store.search(SIDE, query, limit=COUNT, min_score=0.0, where=where)
    kept = {row.item.id for row in rows[:100]}
    assert [hit.id for hit in some] == [h.id for h in whole if h.score >= 0 and h.id in kept]
    assert store.search(SIDE, query, limit=5, min_score=1.5) == [[]]
    assert store.search(SIDE, query, limit=COUNT, min_score=-1.0) == [whole]
    with pytest.raises(QueryError, match="least score"):
        store.search(SIDE, query, limit=5, min_score=float("nan"))


def test_windows_at_the_edges(store: Store, rows: list[Row]) -> None:
    query = unit(np.ones(DIM))
    assert store.search(SIDE, query, limit=10, offset=COUNT) == [[]]
    assert store.search(SIDE, query, limit=0) == [[]]
    assert len(store.search(SIDE, query, limit=16_384)[0]) == COUNT
    with pytest.raises(QueryError, match="16,384"):
        store.search(SIDE, query, limit=10, offset=16_380)
    with pytest.raises(QueryError):
        store.search(SIDE, query, limit=-1)


def test_filters_narrow_search_scan_and_count(store: Store, rows: list[Row]) -> None:
    where = parse_filter("size < 20 and taken_at is null")
    expected = {row.item.id for row in rows[:20]} - {rows[3].item.id}
    [hits] = store.search(SIDE, unit(np.ones(DIM)), limit=50, where=where)
    assert {hit.id for hit in hits} == expected
    assert {row["id"] for row in store.scan(SIDE, where=where)} == expected
    assert store.count(SIDE, where) == len(expected)
    assert store.count(SIDE) == COUNT
    nothing = Compare("camera", "==", '" or id != "')
    assert store.search(SIDE, unit(np.ones(DIM)), limit=5, where=nothing) == [[]]
    assert list(store.scan(SIDE, where=nothing)) == []


def test_scan_yields_each_once(store: Store, rows: list[Row]) -> None:
    found = [row["uri"] for row in store.scan(SIDE, fields=("uri",))]
    assert sorted(found) == sorted(row.item.uri for row in rows)


def test_unknown_fields_and_sides_are_refused(store: Store, rows: list[Row]) -> None:
    with pytest.raises(QueryError, match="no field 'nope'"):
        store.search(SIDE, unit(np.ones(DIM)), limit=1, fields=("nope",))
    with pytest.raises(QueryError):
        list(store.scan(SIDE, fields=("taken_at_ms",)))
    missing = Side("no such corpus", "image")
    for read in (
        lambda: store.search(missing, unit(np.ones(DIM)), limit=1),
        lambda: store.fetch(missing, ["0"], ("id",)),
        lambda: list(store.scan(missing)),
        lambda: store.count(missing),
        lambda: store.settle(missing),
        lambda: store.drop("no such corpus"),
    ):
        with pytest.raises(NotFoundError):
            read()
    assert store.describe(missing) is None
    assert store.describe(Side(READ, "text")) is None


def test_queries_that_are_none_are_refused(store: Store, rows: list[Row]) -> None:
    with pytest.raises(QueryError, match="takes"):
        store.search(SIDE, unit(np.ones(DIM + 1)), limit=1)
    for wrong in (np.zeros(DIM), np.full(DIM, np.nan), np.full(DIM, 2.0)):
        with pytest.raises(EncoderError):
            store.search(SIDE, wrong[None].astype(np.float32), limit=1)


def test_a_name_in_any_script_is_kept(store: Store, rows: list[Row]) -> None:
    info = store.describe(SIDE)
    assert info is not None
    assert info.side.corpus == READ
    assert info.collection.isascii()
    assert (info.dim, info.count, info.index) == (DIM, COUNT, "FLAT")
    assert info in store.sides()


def test_another_encoder_is_refused(store: Store, rows: list[Row]) -> None:
    with pytest.raises(MismatchError, match=r"fake/one.*fake/two"):
        store.ensure(spec_of(READ, model="fake/two", fingerprint="b" * 32))
    with pytest.raises(MismatchError, match="64-d"):
        store.ensure(spec_of(READ, dim=64))
    assert store.ensure(spec_of(READ)).count == COUNT


def test_a_profile_it_cannot_build_is_refused_by_name(store: Store, rows: list[Row]) -> None:
    for profile in ("IVF_RABITQ", "GPU_CAGRA", "nonsense"):
        with pytest.raises(UnsupportedError, match=profile.upper()) as caught:
            store.reindex(SIDE, profile)
        assert "FLAT" in caught.value.hint
        with pytest.raises(UnsupportedError):
            store.ensure(spec_of("never made", profile=profile))


@pytest.mark.parametrize("name", ["", "  ", "x" * 2000, "a\ud800"])
def test_names_that_are_none_are_refused(store: Store, name: str) -> None:
    with pytest.raises(QueryError):
        store.ensure(spec_of(name))


def test_writing(store: Store, corpus: str) -> None:
    """One corpus for all that writes: a server takes seconds to make one."""
    side = Side(corpus, "image")
    assert store.ensure(spec_of(corpus)).count == 0
    query = unit(np.ones(DIM))
    assert store.search(side, query, limit=5) == [[]]
    assert list(store.scan(side)) == []
    rows = rows_of(50)
    store.upsert(side, [])
    store.upsert(side, rows)
    store.upsert(side, rows)  # repeated: nothing is there twice
    assert store.count(side) == 50

    # Whole rows are replaced, old values do not shine through; the last of two counts.
    id_ = rows[0].item.id
    store.upsert(side, [Row(make_item(0, camera="Leica", meta={"a": 1}), rows[0].vector)])
    newer, newest = (Row(make_item(0, revision=r), rows[1].vector) for r in ("new", "newest"))
    store.upsert(side, [newer, newest])
    fields = store.fetch(side, [id_], ("revision", "camera", "meta", "vector"))[id_]
    assert (fields["revision"], fields["camera"], fields["meta"]) == ("newest", None, {})
    np.testing.assert_allclose(fields["vector"], rows[1].vector, atol=1e-6)
    assert store.count(side) == 50

    # Long values: captions are cut between characters, others are refused by name.
    store.upsert(side, [Row(make_item(1, caption="ä€" * 1_000_000), rows[1].vector)])
    caption = store.fetch(side, [rows[1].item.id], ("caption",))[rows[1].item.id]["caption"]
    assert caption == ("ä€" * 1_000_000)[: len(caption)]
    assert 65_530 < len(caption.encode()) <= 65_535
    for wrong, what in (
        ({"meta": {"a": "x" * 70_000}}, "meta"),
        ({"camera": "x" * 5000}, "camera"),
    ):
        with pytest.raises(LimitError, match=what):
            store.upsert(side, [Row(make_item(2, **wrong), rows[2].vector)])
    for bad in (
        {"taken_at": "yesterday"},
        {"meta": {"a": float("nan")}},
        {"latitude": float("inf")},
    ):
        with pytest.raises(ItemError):
            store.upsert(side, [Row(make_item(2, **bad), rows[2].vector)])

    # Vectors that are none are refused, and with them the whole call.
    for vector in (np.zeros(DIM), np.full(DIM, np.nan), np.full(DIM, 0.5), np.ones(3)):
        with pytest.raises(EncoderError, match=r"000002\.jpg"):
            store.upsert(side, [Row(make_item(99), rows[0].vector), Row(make_item(2), vector)])
    assert store.count(side) == 50

    # What is gone is gone; deleting it again is no error.
    gone = [row.item.id for row in rows[:10]]
    store.delete(side, [*gone, "0" * 32, '"] or id != ["'])
    store.delete(side, gone)
    assert store.count(side) == 40
    assert store.fetch(side, gone, ("id",)) == {}
    [hits] = store.search(side, query, limit=50)
    assert len(hits) == 40
    assert not {hit.id for hit in hits} & set(gone)
    info = store.settle(side)
    assert (info.count, info.index, info.profile) == (40, "FLAT", "auto")
    assert len(store.search(side, query, limit=50)[0]) == 40

    # A corpus goes as a whole, and its name is free again.
    store.drop(corpus, "image")
    assert store.describe(side) is None
    with pytest.raises(NotFoundError):
        store.drop(corpus)
    assert store.ensure(spec_of(corpus, dim=8)).count == 0


def test_what_was_written_is_unsettled_until_it_is_settled(store: Store, corpus: str) -> None:
    side = Side(corpus, "image")
    store.ensure(spec_of(corpus))
    rows = rows_of(20)
    for write in (
        lambda: store.upsert(side, rows),
        lambda: store.delete(side, [rows[0].item.id]),
    ):
        write()
        info = store.describe(side)
        assert info is not None
        assert not info.settled
        assert store.settle(side).settled
        info = store.describe(side)
        assert info is not None
        assert info.settled
