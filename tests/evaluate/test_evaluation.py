"""Whole evaluations over known vectors, against plain loops that know nothing of the package."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import UsageError
from searchengine.evaluate.captions import stored_captions
from searchengine.evaluate.classes import images_by_class, read_classes
from searchengine.evaluate.evaluation import Evaluation, TaskResult, Wanted, evaluate
from searchengine.evaluate.report import as_json
from searchengine.evaluate.task import sampled
from searchengine.records import Item
from searchengine.store.contract import SideInfo
from searchengine.store.memory import MemoryStore
from tests.evaluate.corpora import (
    CORPUS,
    DIM,
    ForgetfulStore,
    fill,
    item,
    plain_metrics,
    plain_order,
    unit,
)

COLOURS = ["red", "green", "blue", "yellow", "black"]
EXACT = 1e-12


def never() -> FakeEncoder:
    raise AssertionError("no model is needed for what is indexed")


@pytest.fixture
def items() -> list[Item]:
    """40 pictures in five folders, with two captions each; one folder's has none."""
    return [
        item(
            f"/photos/{COLOURS[n % 5]}_things/{n:03d}.jpg",
            folder=f"/photos/{COLOURS[n % 5]}_things",
            caption=f"a {COLOURS[n % 5]} thing, number {n}\n{COLOURS[n % 5]} and {COLOURS[n % 4]}",
            meta={} if n % 8 == 0 else {"kind": {"name": n % 3}},
        )
        for n in range(40)
    ]


@pytest.fixture
def vectors(items: list[Item]) -> np.ndarray:
    """What the captions say, with noise; some pictures are the same, so that scores tie."""
    rng = np.random.default_rng(7)
    told = FakeEncoder().encode_texts([one.caption or "" for one in items])
    mixed = unit(told + 0.4 * rng.standard_normal((len(items), DIM)))
    mixed[1::6] = mixed[0]
    return mixed


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def info(store: MemoryStore, items: list[Item], vectors: np.ndarray) -> SideInfo:
    return fill(store, items, vectors)


def by_name(evaluation: Evaluation) -> dict[tuple[str, str], TaskResult]:
    return {(one.task, one.asked): one for one in evaluation.results}


def assert_same(result: TaskResult, expected: object) -> None:
    assert isinstance(expected, dict)
    for name, value in expected.items():
        assert result.metrics[name] == pytest.approx(value, abs=EXACT), name


def test_captions_find_their_pictures(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray
) -> None:
    captions = stored_captions(store, info)
    wanted = Wanted(captions=captions, what=("text-to-image",), ks=(1, 5))
    (result,) = evaluate(store, info, FakeEncoder, wanted).results
    texts = sorted({line for one in items for line in (one.caption or "").split("\n")})
    orders = plain_order(FakeEncoder().encode_texts(texts), [one.id for one in items], vectors)
    right = [[one.id for one in items if text in (one.caption or "").split("\n")] for text in texts]
    assert any(len(each) > 1 for each in right), "some captions are of several pictures"
    assert (result.queries, result.candidates, result.complete) == (len(texts), 40, True)
    assert_same(result, plain_metrics(orders, right, 5))
    ranks = [
        next(place for place, one in enumerate(order, 1) if one in ids)
        for order, ids in zip(orders, right, strict=True)
    ]
    assert result.metrics["median_rank"] == np.median(ranks)
    assert result.curve == tuple(np.mean(np.array(ranks) <= k) for k in range(1, 41))


def test_pictures_find_their_captions(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray
) -> None:
    captions = stored_captions(store, info)
    wanted = Wanted(captions=captions, what=("image-to-text",), ks=(3,))
    (result,) = evaluate(store, info, FakeEncoder, wanted).results
    texts = sorted({line for one in items for line in (one.caption or "").split("\n")})
    orders = plain_order(vectors, texts, FakeEncoder().encode_texts(texts))
    right = [(one.caption or "").split("\n") for one in items]
    assert (result.searched, result.queries, result.candidates) == ("captions", 40, len(texts))
    assert_same(result, plain_metrics(orders, right, 3))


@pytest.mark.parametrize("joined", [False, True])
def test_pictures_find_their_texts_in_the_corpus(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray, joined: bool
) -> None:
    """Where the corpus has the texts, it is asked for them, and other texts stand in the way."""
    lines = [
        text
        for one in items
        for text in ([one.caption] if joined else (one.caption or "").split("\n"))
    ] + ["a red herring", "green blue black"]
    texts = [item(f"/t.csv#row={n}", modality="text", caption=one) for n, one in enumerate(lines)]
    told = FakeEncoder().encode_texts([one.caption or "" for one in texts])
    fill(store, texts, told)
    captions = stored_captions(store, info)
    wanted = Wanted(captions=captions, what=("image-to-text",), ks=(3,))
    (result,) = evaluate(store, info, never, wanted).results
    right = [
        [t.id for t in texts if t.caption == one.caption or t.caption in captions[one.id]]
        for one in items
    ]
    assert (result.searched, result.candidates) == ("texts", len(texts))
    orders = plain_order(vectors, [one.id for one in texts], told)
    assert_same(result, plain_metrics(orders, right, 3))


def test_texts_that_lack_a_caption_are_not_asked(
    store: MemoryStore, info: SideInfo, items: list[Item]
) -> None:
    lines = [line for one in items[1:] for line in (one.caption or "").split("\n")]
    texts = [item(f"/t.csv#row={n}", modality="text", caption=one) for n, one in enumerate(lines)]
    fill(store, texts, FakeEncoder().encode_texts(lines))
    captions = {items[0].id: ("said of no text",), **stored_captions(store, info)}
    captions[items[0].id] = ("said of no text",)
    wanted = Wanted(captions=captions, what=("image-to-text",))
    (result,) = evaluate(store, info, FakeEncoder, wanted).results
    assert result.searched == "captions"


def test_pictures_find_their_class(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray
) -> None:
    """Leave one out, where pictures of several classes are the same picture."""
    wanted = Wanted(classes=read_classes(store, info, "folder"), what=("image-to-image",), ks=(4,))
    (result,) = evaluate(store, info, never, wanted).results
    ids = [one.id for one in items]
    orders = [
        [one for one in order if one != own]
        for own, order in zip(ids, plain_order(vectors, ids, vectors), strict=True)
    ]
    right = [[o.id for o in items if o.folder == one.folder and o.id != one.id] for one in items]
    assert (result.queries, result.candidates) == (40, 39)
    assert_same(result, plain_metrics(orders, right, 4))
    first = [order[0] in mine for order, mine in zip(orders, right, strict=True)]
    assert 0 < np.mean(first) < 1
    assert result.metrics["1nn_accuracy"] == pytest.approx(np.mean(first), abs=EXACT)


def test_pictures_without_a_class_are_searched_and_never_asked(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray
) -> None:
    classes = read_classes(store, info, "meta.kind.name")
    wanted = Wanted(classes=classes, what=("image-to-image",), ks=(4,))
    (result,) = evaluate(store, info, never, wanted).results
    kinds = {one.id: one.meta["kind"]["name"] for one in items if one.meta}
    assert classes.unlabelled == 40 - len(kinds) == 5
    ids = [one.id for one in items]
    orders = plain_order(vectors, ids, vectors)
    asked = [
        ([one for one in order if one != own], [o for o in kinds if kinds[o] == kinds[own]])
        for own, order in zip(ids, orders, strict=True)
        if own in kinds
    ]
    right = [[o for o in mine if o in order] for order, mine in asked]
    assert (result.queries, result.candidates) == (35, 39)
    assert_same(result, plain_metrics([order for order, _ in asked], right, 4))


def test_names_of_classes_find_their_pictures(
    store: MemoryStore, info: SideInfo, items: list[Item], vectors: np.ndarray
) -> None:
    classes = read_classes(store, info, "folder")
    assert sorted(classes.members) == sorted(f"{colour}_things" for colour in COLOURS)
    wanted = Wanted(classes=classes, what=("text-to-image",), ks=(8,))
    (result,) = evaluate(store, info, FakeEncoder, wanted).results
    asked = FakeEncoder().encode_texts([f"{colour} things" for colour in COLOURS])
    orders = plain_order(asked, [one.id for one in items], vectors)
    right = [[one.id for one in items if f"/{colour}_" in one.uri] for colour in COLOURS]
    assert (result.asked, result.queries) == ("class names", 5)
    assert_same(result, plain_metrics(orders, right, 8))


def test_everything_at_once(store: MemoryStore, info: SideInfo) -> None:
    wanted = Wanted(stored_captions(store, info), read_classes(store, info, "folder"))
    told: list[tuple[str, int, int]] = []
    evaluation = evaluate(store, info, FakeEncoder, wanted, lambda *all_: told.append(all_))
    assert list(by_name(evaluation)) == [
        ("text-to-image", "captions"),
        ("image-to-text", "images"),
        ("text-to-image", "class names"),
        ("image-to-image", "images"),
    ]
    assert [one.asked for one in evaluation.index] == ["captions", "class names", "images"]
    assert all(set(one.recall.values()) == {1.0} for one in evaluation.index)
    last = {what: (done, total) for what, done, total in told}
    assert last["image-to-image (images)"] == (40, 40)
    assert last["exact search"] == (40, 40)


def test_the_order_of_writing_changes_nothing(items: list[Item], vectors: np.ndarray) -> None:
    found = []
    for seed in range(2):
        store, order = MemoryStore(), np.random.default_rng(seed).permutation(len(items))
        info = fill(store, [items[n] for n in order], vectors[order])
        wanted = Wanted(stored_captions(store, info), read_classes(store, info, "folder"), sample=9)
        evaluation = evaluate(store, info, FakeEncoder, wanted)
        assert {one.queries for one in evaluation.results} == {9, 5}
        found.append(as_json(evaluation, info, wanted, "memory"))
    assert found[0] == found[1]


def test_what_an_index_loses_counts(items: list[Item], vectors: np.ndarray) -> None:
    """Cut-offs are measured on answers as short as a person's, the rest on long ones."""
    store = ForgetfulStore()
    info = fill(store, items, vectors)
    assert info.index == "HNSW"
    store.enough = 30
    whole = MemoryStore()
    exact_info = fill(whole, items, vectors)
    captions = stored_captions(store, info)
    wanted = Wanted(captions=captions, what=("text-to-image", "index"), ks=(1, 5), depth=40)
    lossy = evaluate(store, info, FakeEncoder, wanted)
    exact = evaluate(whole, exact_info, FakeEncoder, wanted)
    mine, theirs = lossy.results[0].metrics, exact.results[0].metrics
    for name in ("map", "ndcg", "mrr", "median_rank"):
        assert mine[name] == theirs[name]
    assert mine["success@1"] != theirs["success@1"]
    assert [set(one.recall.values()) for one in exact.index] == [{1.0}, {1.0}]
    captions_, images = lossy.index
    assert captions_.recall == {1: pytest.approx(0, abs=0.2), 5: pytest.approx(0.8, abs=0.15)}
    assert set(images.recall.values()) == {1.0}, "what it forgot is the query itself"


def test_a_short_depth_says_so(store: MemoryStore, info: SideInfo) -> None:
    classes = read_classes(store, info, "uri")
    members = {"one": frozenset(one for ids in classes.members.values() for one in ids)}
    halves = replace(classes, members=members)
    wanted = Wanted(classes=halves, what=("image-to-image",), ks=(2,), depth=3)
    (result,) = evaluate(store, info, never, wanted).results
    assert (result.depth, result.candidates, result.complete) == (3, 39, False)
    assert len(result.curve) == 3
    assert result.metrics["map"] == pytest.approx(3 / 39)


def test_a_class_of_one_has_nothing_to_find(store: MemoryStore, info: SideInfo) -> None:
    alone = read_classes(store, info, "uri")
    with pytest.raises(UsageError, match="but one image"):
        evaluate(store, info, never, Wanted(classes=alone, what=("image-to-image",)))
    both = evaluate(store, info, FakeEncoder, Wanted(classes=alone))
    assert [one.task for one in both.results] == ["text-to-image"]
    assert both.notes == ("image-to-image was not asked: every class has but one image",)
    assert [one.asked for one in both.index] == ["class names", "images"]


def test_the_index_alone_needs_no_answers(store: MemoryStore, info: SideInfo) -> None:
    evaluation = evaluate(store, info, never, Wanted(what=("index",)))
    assert evaluation.results == ()
    ((images,),) = (evaluation.index,)
    assert (images.asked, images.queries, images.recall) == ("images", 40, {1: 1, 5: 1, 10: 1})


def test_a_corpus_of_one_picture(store: MemoryStore) -> None:
    info = fill(store, [item("/a/a.jpg", caption="red")], unit(np.ones((1, DIM))))
    assert info.side.corpus == CORPUS
    evaluation = evaluate(store, info, FakeEncoder, Wanted(captions=stored_captions(store, info)))
    assert all(one.metrics["success@1"] == 1 for one in evaluation.results)
    assert [one.recall[10] for one in evaluation.index] == [1, 1]


def test_a_sample_is_a_part_of_the_whole(store: MemoryStore, info: SideInfo) -> None:
    whole = images_by_class(store, info, read_classes(store, info, "folder"))
    few, more = sampled(whole, 7), sampled(whole, 20)
    assert (len(few.keys), len(more.keys)) == (7, 20)
    assert set(few.keys) <= set(more.keys) < set(whole.keys)
    right = dict(zip(whole.keys, whole.right, strict=True))
    assert few.right == tuple(right[key] for key in few.keys)
    assert few.keys != whole.keys[:7], "the first ones may all be of one kind"
    assert sampled(whole, 40) is sampled(whole, None) is whole
