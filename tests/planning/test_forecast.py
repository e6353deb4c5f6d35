"""Whole plans: what grows with what, what is recommended, what is refused; the verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.errors import SearchEngineError, SettingsError, UnsupportedError
from searchengine.planning.advice import first
from searchengine.planning.forecast import Plan, alternatives, make_plan
from searchengine.planning.hardware import Node
from searchengine.planning.measured import calibrate, loaded_bytes
from searchengine.planning.report import COMPARED, plan_json, plan_table
from searchengine.planning.wishes import Wishes
from searchengine.store.profiles import PROFILES
from tests.cli.pages import run_page, same

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = Path(__file__).parents[2] / "bench" / "results"
GIB = 2**30
BILLION = 10**9


def plan_of(items: int, index: str = "HNSW", model: str = "ViT-B-32", **wishes: object) -> Plan:
    return make_plan(Wishes(items, model, index, **wishes))  # type: ignore[arg-type]


def part(plan: Plan, name: str) -> float:
    return next((one.size for one in plan.memory if one.name == name), 0.0)


def test_everything_grows_with_the_items() -> None:
    small, large = plan_of(10**7), plan_of(10**9)
    assert part(large, "index") == pytest.approx(100 * part(small, "index"))
    assert part(large, "index") == pytest.approx(BILLION * 2192.5, rel=0.001)
    assert large.stored_total > 50 * small.stored_total
    assert large.query_nodes > 10 * small.query_nodes
    assert large.pace.gpu_hours == pytest.approx(100 * small.pace.gpu_hours)
    assert large.segments > 90 * small.segments


def test_dimensions_replicas_and_nodes_count() -> None:
    base = plan_of(10**8)
    wide = plan_of(10**8, model="ViT-L-14")
    assert part(wide, "index") / part(base, "index") == pytest.approx(1.47, abs=0.01)
    twice = plan_of(10**8, replicas=2)
    assert twice.memory_total == pytest.approx(2 * base.memory_total)
    assert twice.stored_total == base.stored_total, "copies in memory are no copies on disk"
    larger = plan_of(10**8, node=Node(memory_gb=256, cores=64))
    assert larger.query_nodes < base.query_nodes / 2
    room = 0.9 * 64 * GIB
    assert base.memory_total / room < base.query_nodes <= base.memory_total / room + 2.5


def test_questions_need_cores_where_memory_does_not_need_nodes() -> None:
    idle = plan_of(10**8, "DISKANN", queries_a_s=0)
    busy = plan_of(10**8, "DISKANN", queries_a_s=500)
    assert busy.query_nodes > 2 * idle.query_nodes
    assert busy.memory_total == idle.memory_total


def test_what_is_mapped_lies_on_disk() -> None:
    held, mapped = plan_of(BILLION, "HNSW"), plan_of(BILLION, "HNSW_MMAP")
    assert mapped.memory_total < 0.3 * held.memory_total
    assert held.local == 0
    assert mapped.local > BILLION * 2192
    disk = plan_of(BILLION, "DISKANN")
    assert disk.local > BILLION * 4096
    pods = {one.name: one for one in disk.components}
    assert pods["queryNode"].disk_gb * pods["queryNode"].replicas * GIB > disk.local


@pytest.mark.parametrize(
    ("wishes", "index"),
    [
        ({"items": 10_000}, "FLAT"),
        ({"items": 10**6}, "HNSW"),
        ({"items": 10**8}, "HNSW"),
        ({"items": 3 * 10**8}, "HNSW_SQ"),
        ({"items": 10**10}, "DISKANN"),
        ({"items": 10**8, "memory_gb": 150}, "HNSW_SQ"),
        ({"items": 10**8, "memory_gb": 70}, "DISKANN"),
        ({"items": 10**8, "memory_gb": 70, "latency_ms": 5}, "IVF_RABITQ"),
        ({"items": 10**8, "memory_gb": 55}, "HNSW_MMAP"),
        ({"items": 10**9, "latency_ms": 10}, "HNSW_SQ"),
    ],
)
def test_what_is_recommended(wishes: dict[str, int], index: str) -> None:
    plan = make_plan(Wishes(model="ViT-B-32", index="auto", **wishes))  # type: ignore[arg-type]
    assert plan.profile.name == index
    assert plan.recommended.reason


@pytest.mark.parametrize(
    ("wishes", "limit"),
    [
        ({"gpus": 1, "gpu": "t4"}, "encode"),
        ({"network_gbit": 1.0}, "read"),
        ({"image_mb": 0.01, "gpus": 10, "network_gbit": 100.0}, "write"),
    ],
)
def test_the_slowest_stage_sets_the_time(wishes: dict[str, float], limit: str) -> None:
    plan = plan_of(BILLION, **wishes)
    assert plan.pace.limit == limit
    slowest = plan.pace.rates[limit]
    assert plan.pace.hours == pytest.approx(BILLION / slowest / 3600)
    assert plan.pace.decode_cores == pytest.approx(slowest * plan.pace.decode_ms / 1e3, abs=1)


def test_as_many_gpus_as_finish_in_time() -> None:
    plan = plan_of(BILLION, gpu="l4", hours=12, network_gbit=400)
    assert (plan.pace.gpus - 1) * 12 < plan.pace.gpu_hours <= plan.pace.gpus * 12
    measured = plan_of(BILLION, gpu="l4", images_per_gpu_s=1_000, gpus=10)
    assert measured.pace.rates["encode"] == 10_000
    assert plan_of(10**6, gpu="cpu").pace.a_gpu_s == pytest.approx(39.5, rel=0.02)


@pytest.mark.parametrize(
    ("wishes", "step"),
    [
        ({"items": 200_000}, "no server is needed"),
        ({"items": 5_000_000}, "one server will do"),
        ({"items": 10**8}, "deploy/milvus"),
        ({"items": 10**9, "index": "HNSW"}, "take --index DISKANN"),
        ({"items": 10**9, "index": "HNSW"}, "dataCoord.segment.maxSize to 8192"),
        ({"items": 10**8, "network_gbit": 1.0}, "read pictures of 0.1 MB"),
        ({"items": 10**9, "gpu": "t4", "gpus": 1}, "x t4 finish in time"),
        ({"items": 10**9, "image_mb": 0.01, "gpus": 9, "hours": 1.0}, "import in bulk"),
        ({"items": 10**7, "tenants": 40_000}, "one Milvus holds 32,768 tenants"),
        ({"items": 10**8, "index": "GPU_CAGRA"}, "query nodes need 3 x h200"),
        ({"items": 10**8, "index": "HNSW", "memory_gb": 8.0}, "more memory"),
        ({"items": 10**9, "index": "DISKANN", "node": Node(1024, 64, disk_gb=500)}, "of NVMe"),
    ],
)
def test_what_to_do_first(wishes: dict[str, object], step: str) -> None:
    plan = make_plan(Wishes(model="ViT-B-32", **wishes))  # type: ignore[arg-type]
    assert any(step in one for one in first(plan)), first(plan)


def test_many_tenants_are_many_collections() -> None:
    one, many = plan_of(10**8), plan_of(10**8, tenants=2_000)
    assert many.tenancy.collections == 4_000
    assert many.segments > one.segments
    assert many.core_ms < one.core_ms, "a question goes to one tenant's"
    assert part(many, "collections") > GIB


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no index 'HNWS'") as caught:
        plan_of(10, "HNWS")
    assert "HNSW_MMAP" in caught.value.hint
    for wrong in ({"image_mb": 0.0}, {"hours": -1.0}, {"gpus": 0}, {"queries_a_s": -1.0}):
        with pytest.raises(SettingsError, match="cannot be"):
            plan_of(10, **wrong)
    with pytest.raises(SettingsError, match="is none"):
        plan_of(10, node=Node(memory_gb=0))
    with pytest.raises(SettingsError, match="how much work a picture is"):
        plan_of(10, model="RN50")
    assert plan_of(10, model="RN50", images_per_gpu_s=900).tower.dim == 1024
    unknown = plan_of(10, model="hf-hub:a/b", dim=640, images_per_gpu_s=900)
    assert unknown.tower.dim == 640
    with pytest.raises(SearchEngineError, match="asks no network"):
        plan_of(10, model="hf-hub:a/b", dim=640)


@pytest.mark.parametrize("index", [*PROFILES, "auto"])
def test_every_plan_can_be_read(index: str) -> None:
    plan = plan_of(10**8, index, tenants=3)
    text = plan_table(plan)
    for title in ("memory", "query nodes", "limits it", "to do first", "taken for granted"):
        assert title in text
    said = json.loads(json.dumps(plan_json(plan), allow_nan=False))
    assert said["memory_bytes"]["total"] == pytest.approx(plan.memory_total, abs=10)
    assert said["milvus"]["components"]["queryNode"]["replicas"] == plan.query_nodes
    names = {one["profile"] for one in said["alternatives"]}
    assert names == set(COMPARED) - {plan.profile.name}
    assert [other.profile.name for other in alternatives(plan, ("DISKANN",))] != [index]


def test_the_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    run = CliRunner().invoke
    done = run(app, ["plan", "--items", "1_000_000", "--model", "fast", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["wishes"]["items"], said["model"]["dim"]) == (10**6, 512)
    assert said["index"]["profile"] == "HNSW"
    by_mp = run(app, ["plan", "--items", "1e6", "--megapixels", "12", "--json"])
    assert json.loads(by_mp.stdout)["wishes"]["image_mb"] == pytest.approx(2.76)
    both = run(app, ["plan", "--items", "5", "--megapixels", "12", "--image-mb", "1"])
    assert isinstance(both.exception, SettingsError)
    wrong = run(app, ["plan", "--items", "lots"])
    assert isinstance(wrong.exception, SettingsError)


def test_the_page_tells_of_every_option() -> None:
    page = (DOCS / "planning.md").read_text(encoding="utf-8")
    parameters = get_command(app).commands["plan"].params  # type: ignore[attr-defined]
    for name in [max(one.opts, key=len) for one in parameters]:
        assert f"`{name}`" in page or name == "--help", name


def test_the_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    wrong = [
        f"$ {step.command}\n{printed}"
        for step, printed in run_page(DOCS / "planning.md", tmp_path)
        if not same(step.shown, printed)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_line_through_two_sizes_tells_base_and_factor() -> None:
    found = calibrate([(10.0, 120.0), (100.0, 210.0)])
    assert (found.base, found.factor) == pytest.approx((110.0, 1.0))
    assert found.of(1_000) == pytest.approx(1_110)
    with pytest.raises(SettingsError, match="two sizes"):
        calibrate([(10.0, 120.0), (10.0, 121.0)])
    assert loaded_bytes("HNSW", 10, 512, 50, words=True) > loaded_bytes(
        "HNSW", 10, 512, 50, words=False
    )
