"""The formulas against their sources: FAISS's own indexes, published sizes, measurements."""

from __future__ import annotations

import json
from pathlib import Path

import faiss
import numpy as np
import pytest

from searchengine.errors import ModelUnavailableError, SettingsError, UnknownModelError
from searchengine.planning import rows, segments, vectors, work
from searchengine.planning.amounts import bytes_text, count_text, hours_text, parse_count
from searchengine.planning.hardware import ACCELERATORS, accelerator
from searchengine.planning.tenants import MOST_COLLECTIONS, tenancy
from searchengine.planning.towers import tower_of
from searchengine.store.fields import COLUMNS, Kind
from searchengine.store.profiles import PROFILES

RESULTS = Path(__file__).parents[2] / "bench" / "results"
ITEMS, DIM = 4_000, 64


def faiss_bytes(factory: str, dim: int = DIM, items: int = ITEMS) -> int:
    """The size of FAISS's own index, as it is written."""
    faiss.omp_set_num_threads(1)
    data = np.random.default_rng(0).normal(size=(items, dim)).astype(np.float32)
    index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(data)
    index.add(data)
    return int(faiss.serialize_index(index).nbytes)


@pytest.mark.parametrize(
    ("factory", "a_vector", "once"),
    [
        ("Flat", vectors.vector_bytes(DIM), 0),
        ("HNSW16,Flat", vectors.hnsw_bytes(DIM, 16), 0),
        ("HNSW32,Flat", vectors.hnsw_bytes(DIM, 32), 0),
        ("HNSW16,SQ8", DIM + vectors.graph_bytes(16), 0),
        ("IVF50,Flat", vectors.ivf_flat_bytes(DIM), vectors.centroid_bytes(50, DIM)),
        ("IVF50,SQ8", vectors.ivf_sq8_bytes(DIM), vectors.centroid_bytes(50, DIM)),
    ],
)
def test_an_index_is_as_large_as_faiss_makes_it(factory: str, a_vector: float, once: int) -> None:
    assert ITEMS * a_vector + once == pytest.approx(faiss_bytes(factory), rel=0.02)


@pytest.mark.parametrize("dim", [64, 512])
def test_codes_are_as_long_as_faiss_makes_them(dim: int) -> None:
    """Beside each of them lies its id, 8 bytes."""
    pq = faiss.index_factory(dim, "IVF50,PQ32x8")
    assert vectors.ivf_pq_bytes(32, 8) == pq.code_size + 8
    bits = faiss.index_factory(dim, "IVF50,RaBitQ")
    assert vectors.rabitq_bytes(dim) == bits.code_size + 8
    assert faiss.vector_to_array(pq.pq.centroids).nbytes == vectors.codebook_bytes(dim)


def test_a_million_in_a_graph() -> None:
    """FAISS wrote 2,192,258,362 bytes for 1,000,000 x 512 with M 16 (bench/server_world.py)."""
    assert 1_000_000 * vectors.hnsw_bytes(512, 16) == pytest.approx(2_192_258_362, rel=0.001)


def test_diskann_by_the_sector() -> None:
    assert vectors.diskann_disk(512) == 4096  # 2,276 bytes a node: one a sector
    assert vectors.diskann_disk(128) == 4096 / 5  # 740 bytes: five
    assert vectors.diskann_disk(1024) == 2 * 4096  # 4,324 bytes: two sectors
    assert vectors.diskann_memory(512) == pytest.approx(0.225 * 2048)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_a_size(name: str) -> None:
    profile = PROFILES[name]
    size = vectors.index_bytes(profile, 10**6, 512)
    assert size.memory + size.gpu > 0
    assert (size.stored > 0) == (name not in ("FLAT", "GPU_BRUTE_FORCE"))
    assert (size.gpu > 0) == profile.needs.gpu
    if profile.mapped:
        base = vectors.index_bytes(PROFILES[profile.index_type], 10**6, 512)
        assert size.memory < base.memory
        assert size.local >= base.memory


def test_every_column_has_a_usual_length() -> None:
    texts = {column.name for column in COLUMNS if column.kind not in (Kind.INT, Kind.FLOAT)}
    assert set(rows.USUAL) == texts
    assert rows.row_memory(160) - rows.row_memory(60) == 100


def test_segments_hold_what_milvus_lets_in() -> None:
    """Of 2.3.5, whose segments have 512 MB."""
    assert rows.counted_by_milvus(512) == 2048 + 72 + 16 + 1951 + 512 - 16
    assert segments.segment_rows(512, 512) == pytest.approx(117_000, rel=0.01)
    assert segments.segment_count(10**9, 512) > 8 * segments.segment_count(10**8, 512)
    assert segments.segment_count(1, 512) == 1
    few = segments.growing_bytes(1, 512, 500, rows=1_000)
    assert few == pytest.approx(1_000 * (2048 * 1.15 + 500))
    assert segments.growing_bytes(4, 512, 500, 10**9) < 5e9


def test_decoding_as_measured() -> None:
    found = json.loads((RESULTS / "decode.json").read_text(encoding="utf-8"))["speed"]
    for one in found.values():
        assert work.decode_ms(one["mean_kb"] / 1e3) == pytest.approx(one["ms"]["ours"], rel=0.2)


def test_a_core_encodes_as_measured() -> None:
    found = json.loads((RESULTS / "encode.json").read_text(encoding="utf-8"))
    [measured] = [row for row in found["rows"] if row["run"] == "openvino bf16"]
    gflop = tower_of(found["architecture"]).gflop
    assert gflop is not None
    rate = work.images_a_s(gflop, ACCELERATORS["cpu"])
    assert rate == pytest.approx(measured["images_per_core_s"], rel=0.2)


def test_graphs_take_longer_the_larger_they_are() -> None:
    small, large = (work.hnsw_ms(rows_, 512, 200) for rows_ in (100_000, 1_000_000))
    assert 0.66 < small < large < 2.0  # FAISS, one core: 0.66 ms at 100,000, 2.0 at a million
    assert work.hnsw_ms(10**5, 1024, 200) == 2 * small
    assert work.index_ms("FLAT", 10**5, 512, {}) < work.index_ms(
        "IVF_FLAT", 10**5, 512, {"nlist": 1265}
    )


@pytest.mark.parametrize(
    ("model", "dim", "size", "gflop"),
    [
        # Published (open_clip, docs/model_profile.csv): image GMACs, two operations each.
        ("ViT-B-32", 512, 224, 2 * 4.41),
        ("vit-b-16/laion2b_s34b_b88k", 512, 224, 2 * 17.58),
        ("ViT-L/14@336px", 768, 336, 2 * 191.1),
        ("ViT-H-14", 1024, 224, 2 * 167.4),
        ("balanced", 512, 256, 2 * 5.75),
        ("multilingual", 768, 256, 2 * 23.2),
    ],
)
def test_models_are_known_by_any_name(model: str, dim: int, size: int, gflop: float) -> None:
    tower = tower_of(model)
    assert (tower.dim, tower.image_size) == (dim, size)
    assert tower.gflop == pytest.approx(gflop, rel=0.03)


def test_models_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="did you mean ViT-B-32"):
        tower_of("ViT-B-33")
    with pytest.raises(UnknownModelError, match="asks no network"):
        tower_of("hf-hub:someone/something")
    with pytest.raises(ModelUnavailableError, match=r"open_clip_config\.json"):
        tower_of(f"local-dir:{tmp_path}")
    assert tower_of("convnext_base_w").gflop is None
    config = {"embed_dim": 96, "vision_cfg": {"image_size": 64, "layers": 2, "width": 64,
              "patch_size": 16}}  # fmt: skip
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    assert tower_of(f"local-dir:{tmp_path}").dim == 96


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1e9", 10**9),
        ("10M", 10**7),
        ("1_000_000", 10**6),
        ("2.5k", 2_500),
        ("1,234,567", 1_234_567),
    ],
)
def test_counts_are_read_as_people_write_them(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "0", "-3", "1.5", "many", "1e99", "10 M x", "nan", "1,23"])
def test_what_is_no_count_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="is no number of items"):
        parse_count(text)


def test_amounts_are_short() -> None:
    assert [bytes_text(one) for one in (0, 512, 1536, 2.75 * 2**40, 2**60)] == [
        "0 B", "512 B", "1.5 KiB", "2.8 TiB", "1,024 PiB",
    ]  # fmt: skip
    assert [hours_text(one) for one in (0.001, 0.5, 7.5, 100)] == [
        "3.6 s",
        "30 min",
        "7.5 h",
        "4.2 days",
    ]
    assert [count_text(one) for one in (7, 1_234, 33_652, 123_456_789)] == [
        "7", "1,234", "33,652", "123,000,000",
    ]  # fmt: skip


def test_accelerators_by_name() -> None:
    assert accelerator("H200").name == "h200"
    with pytest.raises(SettingsError, match="no accelerator 'h20'; h200") as caught:
        accelerator("h20")
    assert "l4" in caught.value.hint


def test_a_corpus_a_tenant_goes_so_far() -> None:
    assert tenancy(1, 1).memory == 0
    assert tenancy(400, 1).advice == "a corpus a tenant"
    assert "slows down" in tenancy(5_000, 1).advice
    too_many = tenancy(MOST_COLLECTIONS, 1)
    assert not too_many.fits
    assert "32,768 tenants at most" in too_many.advice
