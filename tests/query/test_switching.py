"""Readers loop questions while a corpus gets another model: no failed and no mixed answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest

from searchengine.encoders.fake import FakeEncoder
from searchengine.errors import NotFoundError
from searchengine.query import version as version_module
from searchengine.query.engine import SearchEngine
from searchengine.records import Modality, Side
from searchengine.store import open_store
from searchengine.store.contract import Row, SideSpec, Store
from searchengine.store.memory import MemoryStore
from tests.store.cases import drop_quietly, make_item
from tests.store.conftest import address_of, backend

__all__ = ["address_of", "backend"]

BOTH: tuple[Modality, ...] = ("image", "text")
OLD, NEW = FakeEncoder(16, salt="old"), FakeEncoder(24, salt="new")
SAME = FakeEncoder(16, salt="of the same dimension")
COLOURS = ("red", "green", "blue", "yellow", "pink", "brown", "white", "black")
QUESTIONS = ("a red field", "something blue and green", "pink and black")
Hits = tuple[tuple[str, str, float], ...]


class Answer(NamedTuple):
    """What was asked, and what was answered from which version."""

    text: str
    version: str
    hits: Hits


def ask(engine: SearchEngine, text: str) -> Answer:
    results = engine.search(text, limit=8, modality=None)
    hits = tuple((hit.modality, hit.id, hit.score) for hit in results.hits)
    return Answer(text, results.version, hits)


def write(store: Store, corpus: str, encoder: FakeEncoder, name: str, *, draft: bool) -> None:
    """Write 40 texts and 40 'images', whose vectors are those of texts, too."""
    for modality in BOTH:
        side = Side(corpus, modality, draft)
        store.ensure(SideSpec(side, name, encoder.fingerprint, encoder.dim))
        texts = [f"{COLOURS[n % 8]} and {COLOURS[n * n % 7]} {modality} {n}" for n in range(40)]
        vectors = encoder.encode_texts(texts)
        start = 100 * BOTH.index(modality)
        items = [make_item(start + n, modality=modality, caption=t) for n, t in enumerate(texts)]
        for at in range(0, 40, 10):
            rows = [Row(items[n], vectors[n]) for n in range(at, at + 10)]
            store.upsert(side, rows)


class Models:
    """Loads models by name, and can be slow at it."""

    def __init__(self, **by_name: FakeEncoder) -> None:
        self.by_name = by_name
        self.wait_s = 0.0
        self.loaded: list[str] = []

    def __call__(self, name: str) -> FakeEncoder:
        self.loaded.append(name)
        time.sleep(self.wait_s)
        return self.by_name[name]


@pytest.fixture
def corpus(address_of: Callable[[str], str], backend: str, request: pytest.FixtureRequest) -> str:
    return f"switching {backend} {request.node.name}"


@pytest.fixture
def store(backend: str, corpus: str, address_of: Callable[[str], str]) -> Iterator[Store]:
    with closing(open_store(address_of(backend))) as opened:
        yield opened
        drop_quietly(opened, corpus)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions look for another version ten times as often: a test is short."""
    monkeypatch.setattr(version_module, "AGE_S", 0.2)


@contextmanager
def reading(engines: list[SearchEngine]) -> Iterator[list[list[Answer]]]:
    """Loop questions on each engine until the block ends; give what each of them answered."""
    stop = threading.Event()
    answers: list[list[Answer]] = [[] for _ in engines]
    errors: list[BaseException] = []

    def loop(engine: SearchEngine, into: list[Answer]) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            try:
                into.append(ask(engine, QUESTIONS[turn % len(QUESTIONS)]))
            except BaseException as error:
                errors.append(error)
                return

    threads = [
        threading.Thread(target=loop, args=pair) for pair in zip(engines, answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not errors, errors


def until(answers: list[list[Answer]], version: str) -> None:
    """Wait until every reader has answered from a version."""
    end = time.monotonic() + 60
    while not all(some and some[-1].version == version for some in answers):
        assert time.monotonic() < end, [some[-1:] for some in answers]
        time.sleep(0.05)


@pytest.mark.parametrize("other", [NEW, SAME], ids=["another dimension", "the same dimension"])
def test_no_failed_and_no_mixed_answer(
    store: Store,
    corpus: str,
    backend: str,
    other: FakeEncoder,
    address_of: Callable[[str], str],
) -> None:
    models = Models(old=OLD, new=other)
    write(store, corpus, OLD, "old", draft=False)
    with closing(open_store(address_of(backend))) as second:
        engines = [SearchEngine(one, models, corpus=corpus) for one in (store, second)]
        with reading(engines) as answers:
            old = engines[0].side().version
            until(answers, old)
            write(store, corpus, other, "new", draft=True)
            draft = store.describe(Side(corpus, "image", draft=True))
            assert draft is not None
            new = draft.version
            assert {one.version for some in answers for one in some} == {old}
            store.switch(corpus)
            until(answers, new)
            store.switch(corpus, back=True)
            until(answers, old)
            store.switch(corpus)
            until(answers, new)
            assert len(store.discard(corpus)) == 2
            time.sleep(0.3)
    true = alone(corpus, other)
    right = {
        (version, text): ask(true[name], text).hits
        for name, version in (("old", old), ("new", new))
        for text in QUESTIONS
    }
    for some in answers:
        assert all(one.hits == right[one.version, one.text] for one in some)
        assert {one.version for one in some} == {old, new}


def alone(corpus: str, other: FakeEncoder) -> dict[str, SearchEngine]:
    """Engines over corpora that hold the one version and the other, and nothing else."""
    engines = {}
    for name, encoder in (("old", OLD), ("new", other)):
        true = MemoryStore()
        write(true, corpus, encoder, name, draft=False)
        engines[name] = SearchEngine(true, Models(**{name: encoder}), corpus=corpus)
    return engines


def test_the_version_before_answers_while_a_model_is_loaded() -> None:
    store, models = MemoryStore(), Models(old=OLD, new=NEW)
    write(store, "c", OLD, "old", draft=False)
    write(store, "c", NEW, "new", draft=True)
    engine = SearchEngine(store, models, corpus="c")
    old = ask(engine, "red").version
    models.wait_s = 2.0
    store.switch("c")
    time.sleep(0.25)
    began = time.monotonic()
    assert ask(engine, "red").version == old
    assert time.monotonic() - began < 1
    end = time.monotonic() + 30
    while ask(engine, "red").version == old:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert models.loaded == ["old", "new"]


def test_what_is_gone_is_not_asked_again() -> None:
    store, models = MemoryStore(), Models(old=OLD, new=NEW)
    write(store, "c", OLD, "old", draft=False)
    write(store, "c", NEW, "new", draft=True)
    engine = SearchEngine(store, models, corpus="c")
    old = ask(engine, "red")
    item = old.hits[0][1]
    store.switch("c")
    store.discard("c")  # within the moments in which nobody looks
    assert ask(engine, "red").version != old.version
    assert engine.items([item])[0].id == item
    store.drop("c")
    with pytest.raises(NotFoundError, match="holds no"):
        ask(engine, "red")


def test_a_model_that_cannot_be_loaded_leaves_the_version_before() -> None:
    store, models = MemoryStore(), Models(old=OLD)
    write(store, "c", OLD, "old", draft=False)
    write(store, "c", NEW, "new", draft=True)
    engine = SearchEngine(store, models, corpus="c")
    old = ask(engine, "red").version
    store.switch("c")
    for _ in range(4):
        time.sleep(0.15)
        assert ask(engine, "red").version == old
    assert models.loaded == ["old", "new"]  # and is not tried at every question


def test_removing_is_done_where_it_is_live() -> None:
    store, models = MemoryStore(), Models(old=OLD, new=NEW)
    write(store, "c", OLD, "old", draft=False)
    write(store, "c", NEW, "new", draft=True)
    engine = SearchEngine(store, models, corpus="c")
    item = ask(engine, "red").hits[0][1]
    store.switch("c")
    assert engine.remove([f"id:{item}"]) == 1
    assert store.count(Side("c", "image")) + store.count(Side("c", "text")) == 79
    assert engine.remove_where("id != ''") == 79
    assert engine.remove_all() == 0
    assert store.versions("c") == []
