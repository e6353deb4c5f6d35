"""What answers are like, on the fake, on Milvus Lite and on a real server."""

from __future__ import annotations

import pytest

from searchengine.errors import QueryError, UnsupportedError
from searchengine.query.query import MAX_WINDOW
from searchengine.query.terms import Known, RawVector, Term, Words
from searchengine.records import Results
from tests.query.conftest import ITEMS, POOL, Asked


def ids(results: Results) -> list[str]:
    return [hit.id for hit in results.hits]


def test_the_plain_answer_is_that_of_exact_search(asked: Asked) -> None:
    query = asked.vector(1)
    for limit in (1, 10, 127, 300):
        assert ids(asked.engine.find(query, limit=limit)) == asked.exact(query)[:limit]
    results = asked.engine.find(query, limit=3)
    assert [hit.rank for hit in results.hits] == [1, 2, 3]
    assert all(hit.relevance is not None and 0 <= hit.relevance <= 1 for hit in results.hits)
    assert results.relevant is None
    assert (results.total, results.modalities) == (ITEMS, ("image",))


def test_filter_and_exclusion(asked: Asked) -> None:
    query = asked.vector(2)
    found = asked.engine.find(query, limit=50, where='camera == "Canon" and meta.rating >= 3')
    wanted = asked.exact(query, lambda i: i.camera == "Canon" and i.meta["rating"] >= 3)
    assert ids(found) == wanted[:50]
    item = asked.rows["image"][7].item
    term = Known(item.id)
    assert ids(asked.engine.find(term))[0] == item.id
    assert item.id not in ids(asked.engine.find(term, exclude_self=True, limit=200))


def test_least_score(asked: Asked) -> None:
    query = asked.vector(3)
    every = asked.engine.find(query, limit=ITEMS).hits
    least = every[40].score
    assert ids(asked.engine.find(query, limit=ITEMS, min_score=least)) == [
        hit.id for hit in every if hit.score >= least
    ]


def test_the_cut_goes_as_deep_as_the_relevant_lie(asked: Asked) -> None:
    query = asked.vector(4)
    relevance = {hit.id: hit.relevance for hit in asked.engine.find(query, limit=ITEMS).hits}
    found = asked.engine.find(query, limit=ITEMS, min_relevance=0.0)
    assert len(found.hits) == ITEMS == found.relevant
    middle = sorted(relevance.values())[ITEMS // 2]  # type: ignore[type-var]
    assert middle is not None
    kept = asked.engine.find(query, limit=ITEMS, min_relevance=middle)
    assert {hit.id for hit in kept.hits} == {
        key for key, value in relevance.items() if value is not None and value >= middle
    }
    assert kept.relevant == len(kept.hits)
    nothing = asked.engine.find(query, min_relevance=1.0, where="width > 100 and width < 100")
    assert (nothing.hits, nothing.relevant) == ((), 0)


def test_sorted_by_date(asked: Asked) -> None:
    query = asked.vector(5)
    found = asked.engine.find(query, sort="-taken_at", min_relevance=0, limit=ITEMS)
    dates = [hit.metadata.get("taken_at") for hit in found.hits]
    known = [date for date in dates if date is not None]
    assert known == sorted(known, reverse=True)
    assert dates[len(known) :] == [None] * (len(dates) - len(known))
    assert len(dates) == ITEMS


def test_facets_count_what_is_relevant(asked: Asked) -> None:
    found = asked.engine.find(asked.vector(6), facets=("camera", "meta.rating"), min_relevance=0)
    camera, rating = found.facets
    assert dict(camera.counts) == {"Canon": ITEMS // 3, "Nikon": ITEMS // 3}
    assert camera.unknown == ITEMS // 3
    assert rating.counts == tuple((str(n), ITEMS // 5) for n in range(5))


def test_near_identical_hits_become_one(asked: Asked) -> None:
    copy, original = asked.rows["image"][10].item, asked.rows["image"][11].item
    found = asked.engine.find(Known(original.id), fold=True, limit=POOL)
    folded = {hit.id: hit.folded for hit in found.hits}
    assert (copy.id in folded) != (original.id in folded)
    kept = copy.id if copy.id in folded else original.id
    assert {copy.id, original.id} - {kept} <= set(folded[kept])


def test_groups_stand_together(asked: Asked) -> None:
    found = asked.engine.find(asked.vector(7), group_by="folder", per_group=4, limit=POOL)
    groups = [hit.group for hit in found.hits]
    assert sorted(set(groups), key=groups.index) == list(dict.fromkeys(groups))
    assert len(groups) == 20
    assert all(hit.group == hit.metadata["folder"] for hit in found.hits)
    best = found.hits[0]
    assert best.score == max(hit.score for hit in found.hits)


def test_diversity_spreads(asked: Asked) -> None:
    query = asked.vector(8)
    plain = asked.engine.find(query, limit=20)
    spread = asked.engine.find(query, limit=20, diversity=0.7)
    kinds = [len({h.metadata["meta"]["kind"] for h in r.hits}) for r in (plain, spread)]
    assert kinds[1] > kinds[0]
    assert ids(asked.engine.find(query, limit=20, diversity=0.0)) == ids(plain)


@pytest.mark.parametrize("expand", ["alpha-qe", "diffusion"])
def test_a_second_look_reorders_the_pool(asked: Asked, expand: str) -> None:
    query = asked.vector(9)
    found = asked.engine.find(query, limit=POOL, expand=expand)
    assert sorted(ids(found)) == sorted(asked.exact(query)[:POOL])


def test_both_sides_are_fused_by_rank(asked: Asked) -> None:
    query = asked.vector(10)
    found = asked.engine.find(query, modality=None, limit=10)
    assert found.modalities == ("image", "text")
    assert found.total == 2 * ITEMS
    images, texts = asked.exact(query)[:5], asked.exact(query, modality="text")[:5]
    assert [hit.id for hit in found.hits if hit.modality == "image"] == images
    assert [hit.id for hit in found.hits if hit.modality == "text"] == texts


def test_full_text_or_its_refusal(asked: Asked) -> None:
    terms = (Term(Words("123")), Term(asked.vector(11)))
    if not asked.engine.store.capabilities.bm25:
        with pytest.raises(UnsupportedError, match=r"[Ff]ull-text|BM25"):
            asked.engine.find(terms, hybrid=True)
        return
    found = asked.engine.find(terms, hybrid=True, limit=5)
    wanted = asked.rows["image"][123].item.id
    assert wanted in ids(found)
    assert wanted not in ids(asked.engine.find(terms, limit=5))
    assert ids(asked.engine.find(terms, hybrid=True, text_weight=1.0, limit=1)) == [wanted]
    plain = ids(asked.engine.find(terms, limit=20))
    assert ids(asked.engine.find(terms, hybrid=True, text_weight=0.0, limit=20)) == plain
    cut = asked.engine.find(terms, hybrid=True, min_relevance=0.0, limit=POOL)
    assert wanted in ids(cut)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(QueryError, match="text_weight"):
            asked.engine.find(terms, hybrid=True, text_weight=share)
    with pytest.raises(QueryError, match="words"):
        asked.engine.find(asked.vector(11), hybrid=True)


def test_a_question_of_several_terms(asked: Asked) -> None:
    first, second = asked.rows["image"][3], asked.rows["image"][4]
    both = asked.engine.find((Term(Known(first.item.id)), Term(Known(second.item.id))), limit=2)
    assert set(ids(both)) == {first.item.id, second.item.id}
    without = asked.engine.find(
        (Term(Known(first.item.id)), Term(Known(second.item.id), -1)), limit=ITEMS
    )
    assert ids(without)[0] == first.item.id
    assert ids(without).index(second.item.id) > ITEMS // 2


def test_what_cannot_be_asked(asked: Asked) -> None:
    query = asked.vector(12)
    for options, says in (
        ({"limit": 10_000_000}, "16,384"),
        ({"limit": 0}, "limit"),
        ({"offset": -1}, "offset"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "x", "offset": 3}, "exclude"),
        ({"sort": "colour"}, "colour"),
        ({"group_by": "colour"}, "colour"),
        ({"facets": ("colour",)}, "colour"),
        ({"diversity": 2.0}, "diversity"),
        ({"min_relevance": float("nan")}, "min_relevance"),
        ({"where": "nothing == 1"}, "nothing"),
    ):
        with pytest.raises(QueryError, match=says):
            asked.engine.find(query, **options)  # type: ignore[arg-type]
    with pytest.raises(QueryError, match="31 numbers"):
        asked.engine.find(RawVector((1.0,) * 31))
    assert asked.engine.find(query, offset=ITEMS + 5).hits == ()
    assert asked.engine.find(query, limit=MAX_WINDOW).hits[-1].rank == ITEMS


def test_a_cursor_of_another_question_is_refused(asked: Asked) -> None:
    cursor = asked.engine.find(asked.vector(13), limit=5).cursor
    assert cursor is not None
    with pytest.raises(QueryError, match="cursor"):
        asked.engine.find(asked.vector(14), limit=5, cursor=cursor)
    with pytest.raises(QueryError, match="cursor"):
        asked.engine.find(asked.vector(13), limit=5, cursor=cursor, where="width > 1")
