"""A measured effort is what an index searches with, for as long as it is that index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from searchengine.errors import UnsupportedError
from searchengine.records import Side
from searchengine.store import naming, open_store
from searchengine.store.contract import Effort, Store
from searchengine.store.effort import least, most, outgrown, tuned, usual
from searchengine.store.filters import parse_filter
from searchengine.store.milvus import MilvusStore
from searchengine.store.profiles import PROFILES
from tests.store.cases import DIM, drop_quietly, rows_of, spec_of, unit

MEASURED = Effort(value=60, k=10, items=400, recall=0.981)


def test_a_measured_effort_is_used_as_measured_and_doubled_for_more_hits() -> None:
    hnsw = PROFILES["HNSW"]
    effort = Effort(value=60, k=10, items=100_000, recall=0.98)
    assert tuned(hnsw, 100_000, 26, effort) == {"ef": 60}
    assert tuned(hnsw, 100_000, 17, effort) == {"ef": 60}
    assert tuned(hnsw, 100_000, 27, effort) == {"ef": 120}
    assert tuned(hnsw, 100_000, 100, effort) == {"ef": 240}
    assert tuned(hnsw, 100_000, 16_384, effort) == {"ef": 32_768}
    assert tuned(hnsw, 100, 26, Effort(200, 10, 100, 1.0)) == {"ef": 100}


@pytest.mark.parametrize("name", [name for name, profile in PROFILES.items() if profile.effort])
def test_an_effort_is_never_less_than_the_hits_need(name: str) -> None:
    profile = PROFILES[name]
    for items in (1, 50, 10_000, 1_000_000):
        for k in (1, 10, 100):
            for depth in (17, 26, 400, 16_384):
                params = tuned(profile, items, depth, Effort(1, k, items, 1.0))
                assert params.keys() == profile.search(items, depth).keys()
                assert params[profile.effort] >= least(profile, depth)
        assert usual(profile, items, 10) >= 1
        assert most(profile, items) >= 1
    if profile.effort == "nprobe":
        assert tuned(profile, 10_000, 416, Effort(3, 10, 10_000, 1.0))["nprobe"] <= most(
            profile, 10_000
        )
        assert least(profile, 400) == 1


def test_an_effort_is_outgrown_when_the_side_has_doubled() -> None:
    assert not outgrown(Effort(1, 1, 100, 1.0), 200)
    assert outgrown(Effort(1, 1, 100, 1.0), 201)


def test_labels_of_other_versions_are_read() -> None:
    label = naming.label_of(spec_of("a"), "HNSW")
    text = naming.write_label(label)[naming.PROPERTY]
    values: dict[str, Any] = json.loads(text)
    assert values["effort"] is None
    for effort, expected in (
        (None, None),
        ({"value": 60, "k": 10, "items": 400, "recall": 0.981}, MEASURED),
        ({"value": 60, "k": 10, "items": 400, "recall": 0.981, "later": 1}, None),
        ({"value": 60}, None),
    ):
        written = json.dumps({**values, "effort": effort})
        read = naming.read_label({"properties": {naming.PROPERTY: written}})
        assert read is not None
        assert read.effort == expected
    del values["effort"]
    assert naming.read_label({"properties": {naming.PROPERTY: json.dumps(values)}}) == label


@pytest.fixture(params=["lite", "server"])
def tuned_store(
    request: pytest.FixtureRequest, address_of: Callable[[str], str], corpus_name: str
) -> Iterator[tuple[Store, str]]:
    """A store and its address, with 400 items indexed by HNSW."""
    address = address_of(request.param)
    store = open_store(address, mirror_mb=0)
    side = Side(corpus_name, "image")
    store.ensure(spec_of(corpus_name, profile="hnsw"))
    store.upsert(side, rows_of(400))
    store.settle(side)
    yield store, address
    drop_quietly(store, corpus_name)
    store.close()


def spied(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return a list that fills with what the database is asked for at each search."""
    assert isinstance(store, MilvusStore)
    call, asked = store._connection.call, []

    def spy(method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "search":
            asked.append(
                {**kwargs["search_params"]["params"], "consistency": kwargs["consistency_level"]}
            )
        return call(method, *args, **kwargs)

    monkeypatch.setattr(store._connection, "call", spy)
    return asked


def test_an_effort_is_kept_and_used(
    tuned_store: tuple[Store, str], corpus_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, address = tuned_store
    side = Side(corpus_name, "image")
    query = unit(np.ones(DIM))
    asked = spied(store, monkeypatch)
    assert store.search(side, query, limit=10)
    assert asked[-1] == {"ef": 256, "consistency": "Strong"}

    assert store.set_effort(side, MEASURED).effort == MEASURED
    exact = [hit.id for hit in store.search(side, query, limit=10)[0]]
    assert asked[-1]["ef"] == 60
    store.search(side, query, limit=50)
    assert asked[-1]["ef"] == 240
    store.search(side, query, limit=10, where=parse_filter("size < 300"))
    assert asked[-1]["ef"] >= 400
    found = store.search(side, query, limit=10, effort=77, fresh=False)
    assert asked[-1] == {"ef": 77, "consistency": "Eventually"}
    assert [hit.id for hit in found[0]] == exact
    store.search(side, query, limit=30, effort=5)
    assert asked[-1]["ef"] == 46  # what 30 hits need

    # Another process sees it; so does this one after a restart.
    other = open_store(address)
    info = other.describe(side)
    assert info is not None
    assert info.effort == MEASURED
    other.close()

    # The same index again keeps it, so does growing a little; another index does not.
    assert store.reindex(side, "hnsw").effort == MEASURED
    assert store.settle(side).effort == MEASURED
    assert store.reindex(side, "ivf_flat").effort is None
    store.search(side, query, limit=10)
    assert "nprobe" in asked[-1]
    store.set_effort(side, Effort(value=2, k=10, items=400, recall=0.9))
    store.search(side, query, limit=10)
    assert asked[-1]["nprobe"] == 2
    assert store.set_effort(side, None).effort is None
    store.search(side, query, limit=10)
    assert asked[-1]["nprobe"] > 2


def test_a_side_that_has_doubled_gives_its_effort_up(
    address_of: Callable[[str], str], corpus_name: str
) -> None:
    store = open_store(address_of("lite"))
    side = Side(corpus_name, "image")
    store.ensure(spec_of(corpus_name, profile="hnsw"))
    store.upsert(side, rows_of(100))
    store.settle(side)
    store.set_effort(side, Effort(value=60, k=10, items=100, recall=0.98))
    store.upsert(side, rows_of(200))
    assert store.settle(side).effort is not None
    store.upsert(side, rows_of(201))
    assert store.settle(side).effort is None
    store.drop(corpus_name)
    store.close()


@pytest.mark.parametrize("backend_", ["memory", "lite"])
def test_exact_search_has_nothing_to_tune(
    address_of: Callable[[str], str], corpus_name: str, backend_: str
) -> None:
    store = open_store(address_of(backend_))
    side = Side(corpus_name, "image")
    store.ensure(spec_of(corpus_name, profile="flat"))
    store.upsert(side, rows_of(20))
    with pytest.raises(UnsupportedError, match="nothing to tune") as caught:
        store.set_effort(side, MEASURED)
    assert "reindex" in caught.value.hint
    with pytest.raises(UnsupportedError, match="nothing to tune"):
        store.search(side, unit(np.ones(DIM)), limit=5, effort=10)
    assert store.set_effort(side, None).effort is None
    assert len(store.search(side, unit(np.ones(DIM)), limit=5, fresh=False)[0]) == 5
    if backend_ == "lite":
        store.reindex(side, "hnsw")
        with pytest.raises(UnsupportedError, match="is none"):
            store.set_effort(side, Effort(value=0, k=10, items=20, recall=1.0))
    store.drop(corpus_name)
    store.close()
