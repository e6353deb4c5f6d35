"""Index profiles: all that a backend can build are built, over the same vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from searchengine.errors import UnsupportedError
from searchengine.records import Side
from searchengine.store import open_store
from searchengine.store.capabilities import capabilities_of, memory_capabilities
from searchengine.store.profiles import (
    AUTO_THRESHOLD,
    PROFILES,
    lists,
    probes,
    profile_name,
    resolve,
)
from tests.store.cases import allow_all, drop_quietly, rows_of, spec_of

LITE = capabilities_of("milvus_lite-3.2.2")
OLD = capabilities_of("v2.3.5")
WHEEL = capabilities_of("v2.3.5-lite")
NEW = capabilities_of("v2.6.4")
GPU = capabilities_of("v2.6.4-gpu")
TRIED_BY_RECALL = ("FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8")


def test_what_each_backend_can_build() -> None:
    assert LITE.profiles == {"FLAT", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "AUTOINDEX"}
    assert OLD.profiles == set(PROFILES) - {"HNSW_SQ", "IVF_RABITQ", "GPU_CAGRA"}
    assert WHEEL.profiles == {"FLAT", "HNSW", "IVF_FLAT", "SCANN", "AUTOINDEX"}
    assert NEW.profiles == set(PROFILES) - {"GPU_CAGRA"}
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
    assert count < 128 * 39 or lists(count) * 39 <= count
    for profile in PROFILES.values():
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
