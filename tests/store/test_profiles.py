"""Index profiles: all that a backend can build are built, over the same vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchengine.errors import UnsupportedError
from searchengine.records import Side
from searchengine.store import open_store, vector_index
from searchengine.store.capabilities import capabilities_of, memory_capabilities
from searchengine.store.index_params import SEGMENT_ROWS, lists, probes
from searchengine.store.profiles import AUTO_THRESHOLD, PROFILES, named, profile_name, resolve
from tests.store.cases import allow_all, drop_quietly, rows_of, spec_of

LITE = capabilities_of("milvus_lite-3.2.2")
OLD = capabilities_of("v2.3.5")
WHEEL = capabilities_of("v2.3.5-lite")
NEW = capabilities_of("v2.6.4")
GPU = capabilities_of("v2.6.4-gpu")
TRIED_BY_RECALL = ("FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8")


def test_what_each_backend_can_build() -> None:
    assert LITE.profiles == {"FLAT", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "AUTOINDEX"}
    gpu = {name for name in PROFILES if name.startswith("GPU_")}
    mapped = {"HNSW_MMAP", "IVF_FLAT_MMAP"}
    assert len(gpu) == 4
    assert OLD.profiles == set(PROFILES) - {"HNSW_SQ", "IVF_RABITQ"} - gpu - mapped
    assert WHEEL.profiles == {"FLAT", "HNSW", "IVF_FLAT", "SCANN", "AUTOINDEX"}
    assert NEW.profiles == set(PROFILES) - gpu
    assert GPU.profiles == set(PROFILES)
    assert memory_capabilities().profiles == {"FLAT"}
    assert (LITE.backend, WHEEL.backend) == ("lite", "server")
    assert (LITE.bm25, OLD.bm25, NEW.bm25) == (True, False, True)


def test_names_are_read_in_any_case() -> None:
    assert profile_name("ivf_flat", LITE) == "IVF_FLAT"
    assert profile_name("Auto", LITE) == "auto"
    with pytest.raises(UnsupportedError, match=r"milvus_lite-3\.2\.2 cannot build .* IVF_PQ"):
        profile_name("ivf_pq", LITE)
    with pytest.raises(UnsupportedError, match="knows no index") as caught:
        profile_name("faiss", OLD)
    assert "auto, AUTOINDEX, DISKANN" in caught.value.hint


def test_auto_is_exact_until_measured_otherwise() -> None:
    assert resolve("auto", AUTO_THRESHOLD - 1) == "FLAT"
    assert resolve("auto", AUTO_THRESHOLD) == "HNSW"
    assert resolve("IVF_FLAT", 10**9) == "IVF_FLAT"


@pytest.mark.parametrize("count", [0, 1, 76, 600, 10_000, 1_000_000, 10**9])
def test_parameters_are_within_what_milvus_takes(count: int) -> None:
    assert 1 <= probes(count) <= lists(count) <= 65_536
    assert count < 128 * 39 or lists(count) * 39 <= min(count, SEGMENT_ROWS)
    for profile in PROFILES.values():
        assert profile.when, f"{profile.name} does not say when to choose it"
        for dim in (32, 100, 512, 1152):
            build = profile.build(count, dim)
            assert dim % build.get("m", 1) == 0
        for wanted in (26, 1_000, 16_384):
            for params in (profile.search(count, wanted), profile.filtered(count, wanted)):
                assert params.get("ef", wanted) >= wanted
                assert params.get("ef", 1) <= 32_768
                assert params.get("search_list", wanted) >= wanted


@pytest.mark.parametrize("backend_", ["lite", "server"])
def test_reindexing_over_all_profiles(address_of: Callable[[str], str], backend_: str) -> None:
    store = allow_all(open_store(address_of(backend_), mirror_mb=0))
    corpus = "all profiles"
    side = Side(corpus, "image")
    drop_quietly(store, corpus)
    rows = rows_of(1_500, dim=32)
    store.ensure(spec_of(corpus))
    store.upsert(side, rows)
    queries = np.stack([row.vector for row in rows[:20]])
    profiles = sorted(store.capabilities.profiles - {"AUTOINDEX", *TRIED_BY_RECALL})
    for profile in [*profiles, "AUTOINDEX"]:
        info = store.reindex(side, profile)
        assert info.count == len(rows)
        assert (info.profile, info.index) == (profile, profile)
        assert store.describe(side) == info
        answers = store.search(side, queries, limit=3, fields=("revision",))
        firsts = [hits[0].id for hits in answers]
        assert firsts == [row.item.id for row in rows[:20]], profile
        np.testing.assert_allclose([hits[0].score for hits in answers], 1, atol=2e-3)
    found = store.fetch(side, [row.item.id for row in rows], ("vector",))
    for row in rows:  # no vector was touched, whatever index lay over them
        np.testing.assert_allclose(found[row.item.id]["vector"], row.vector, atol=1e-6)
    store.drop(corpus)
    store.close()


def test_an_index_on_the_server_is_known_by_type_and_by_where_it_lies() -> None:
    assert (named("HNSW", False), named("HNSW", True)) == ("HNSW", "HNSW_MMAP")
    assert (named("IVF_FLAT", False), named("IVF_FLAT", True)) == ("IVF_FLAT", "IVF_FLAT_MMAP")
    assert named("GPU_CAGRA", False) == "GPU_CAGRA"
    assert named("DISKANN", True) == "DISKANN", "mapped by the operator: no profile of its own"
    assert named("SOMETHING", False) is None
    for name, profile in PROFILES.items():
        assert named(profile.index_type, profile.mapped) == name


class Recorder:
    """What a server 2.6 is asked, and what it would say; there is none to try it on."""

    is_lite = False

    def __init__(self, version: str, properties: dict[str, str]) -> None:
        self.capabilities = capabilities_of(version)
        self.properties = properties
        self.asked: list[tuple[str, Any]] = []

    def call(self, method: str, *args: Any, doing: str, **kwargs: Any) -> Any:
        if method == "describe_collection":
            return {"properties": self.properties}
        self.asked.append((method, kwargs.get("properties") or next(iter(args[1])).to_dict()))
        return None


@pytest.mark.parametrize(
    ("index", "before", "after"),
    [
        ("HNSW_MMAP", {}, "true"),
        ("DISKANN", {}, "true"),
        ("HNSW", {"mmap.enabled": "true"}, "false"),
        ("HNSW", {}, None),
    ],
)
def test_a_mapped_profile_maps_index_and_columns(
    index: str, before: dict[str, str], after: str | None
) -> None:
    server: Any = Recorder("v2.6.4", before)
    vector_index.build(server, "somewhere", index, 1_000, 64)
    if after is not None:
        assert server.asked.pop(0) == ("alter_collection_properties", {"mmap.enabled": after})
    [(method, asked)] = server.asked
    assert method == "create_index"
    assert asked["index_type"] == PROFILES[index].index_type
    assert asked.get("mmap.enabled") == ("true" if index == "HNSW_MMAP" else None)


def test_no_profile_is_mapped_where_the_server_cannot(address_of: Callable[[str], str]) -> None:
    store = allow_all(open_store(address_of("server")))
    with pytest.raises(UnsupportedError, match="cannot build the index HNSW_MMAP"):
        store.ensure(spec_of("mapped", profile="hnsw_mmap"))
    store.close()


def test_a_profile_may_compare_by_product_and_give_few_hits(
    address_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As GPU indexes do: the same scores, and all hits that are wanted, from a real server."""
    store = allow_all(open_store(address_of("server")))
    side, rows = Side("by product", "image"), rows_of(600, dim=32)
    queries = np.stack([row.vector for row in rows[:5]])
    drop_quietly(store, "by product")
    store.ensure(spec_of("by product", profile="FLAT"))
    store.upsert(side, rows)
    store.settle(side)
    exact = store.search(side, queries, limit=200)
    monkeypatch.setitem(PROFILES, "HNSW", replace(PROFILES["HNSW"], metric="IP", most_hits=64))
    assert store.reindex(side, "HNSW").index == "HNSW"
    for limit in (10, 200):
        found = store.search(side, queries, limit=limit)
        assert [[hit.id for hit in hits] for hits in found] == [
            [hit.id for hit in hits[:limit]] for hits in exact
        ]
        for mine, true in zip(found, exact, strict=True):
            scores = [hit.score for hit in true[:limit]]
            np.testing.assert_allclose([hit.score for hit in mine], scores, atol=1e-5)
    store.drop("by product")
    store.close()


def test_every_profile_is_told_of() -> None:
    text = (Path(__file__).parents[2] / "docs" / "indexes.md").read_text(encoding="utf-8")
    for name, profile in PROFILES.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[1] == ("yes" if profile.needs.lite else "no"), name
        assert cells[3] == profile.when, name


def test_new_collections_have_so_many_shards(address_of: Callable[[str], str]) -> None:
    store = allow_all(open_store(address_of("server"), shards=2))
    drop_quietly(store, "sharded")
    info = store.ensure(spec_of("sharded"))
    store.upsert(info.side, rows_of(50))
    client = store._connection._client
    assert client.describe_collection(info.collection)["num_shards"] == 2
    assert store.count(info.side) == 50
    store.drop("sharded")
    store.close()
