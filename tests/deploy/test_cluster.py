"""The cluster's manifests: well formed, pinned, bounded, closed, and what the planner says."""

from __future__ import annotations

import ast
import copy
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.main import get_command
from typer.testing import CliRunner

from searchengine.cli.app import app
from searchengine.planning.amounts import parse_count
from searchengine.planning.forecast import make_plan
from searchengine.planning.milvus import milvus_settings
from searchengine.planning.wishes import Wishes
from searchengine.settings import load_settings
from tests.deploy.kubernetes import CONFIG_MAP, MILVUS, NETWORK_POLICY, RAY_JOB

ROOT = Path(__file__).parent.parent.parent
MILVUS_FILE = ROOT / "deploy" / "milvus" / "milvus.yaml"
RAY_FILE = ROOT / "deploy" / "ray" / "rayjob.yaml"
SCHEMAS = {
    "Milvus": MILVUS,
    "RayJob": RAY_JOB,
    "ConfigMap": CONFIG_MAP,
    "NetworkPolicy": NETWORK_POLICY,
}


def manifests(path: Path) -> dict[str, dict[str, Any]]:
    found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    return {one["kind"]: one for one in found}


EVERY = [
    pytest.param(manifest, id=f"{path.name}-{kind}")
    for path in (MILVUS_FILE, RAY_FILE)
    for kind, manifest in manifests(path).items()
]
CLUSTER = manifests(MILVUS_FILE)["Milvus"]["spec"]
JOB = manifests(RAY_FILE)["RayJob"]["spec"]
GROUPS = [JOB["rayClusterSpec"]["headGroupSpec"], *JOB["rayClusterSpec"]["workerGroupSpecs"]]
CONTAINERS = [one for group in GROUPS for one in group["template"]["spec"]["containers"]]


def errors(manifest: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[manifest["kind"]])
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a manifest with its value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


@pytest.mark.parametrize("manifest", EVERY)
def test_manifests_are_well_formed(manifest: dict[str, Any]) -> None:
    assert errors(manifest) == []
    assert manifest["metadata"]["namespace"] == "searchengine"


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda m: m["spec"].update(modus="cluster"), "modus"),
        (lambda m: m["spec"]["components"]["queryNode"].update(replica=3), "replica"),
        (lambda m: m["spec"]["components"].update(image="milvusdb/milvus:latest"), "latest"),
        (lambda m: m["spec"]["components"]["proxy"]["resources"].pop("limits"), "limits"),
        (
            lambda m: m["spec"]["components"]["probes"]["livenessProbe"].pop("httpGet"),
            "livenessProbe",
        ),
    ],
)
def test_the_schemas_find_what_is_wrong(
    break_it: Callable[[dict[str, Any]], Any], named: str
) -> None:
    broken = copy.deepcopy(manifests(MILVUS_FILE)["Milvus"])
    break_it(broken)
    assert any(named in error for error in errors(broken)), errors(broken)


@pytest.mark.parametrize("manifest", EVERY)
def test_no_secret_is_written_down(manifest: dict[str, Any]) -> None:
    for key, value in walk(manifest):
        if re.search(r"password|secretkey|accesskey|token", key, re.IGNORECASE):
            assert not isinstance(value, str), f"{key} is in the manifest"
        if key == "env":
            for one in value:
                if re.search(r"PASSWORD|SECRET|KEY|TOKEN", one["name"]):
                    assert "secretKeyRef" in one["valueFrom"], one["name"]
    assert "minioadmin" not in str(manifest)


def test_milvus_is_as_large_as_the_planner_says() -> None:
    """The command stands at the top of the manifest."""
    text = MILVUS_FILE.read_text(encoding="utf-8")
    command = re.search(r"searchengine (plan .+)", text)
    assert command
    done = CliRunner().invoke(app, [*shlex.split(command[1]), "--json"])
    assert done.exit_code == 0
    said = yaml.safe_load(done.stdout)["milvus"]
    for name, wanted in said["components"].items():
        here = CLUSTER["components"][name]
        assert {key: here[key] for key in wanted} == wanted, name
    for name, wanted in said["config"].items():
        assert CLUSTER["config"][name] == wanted, name


def test_more_replicas_are_a_setting_of_the_server() -> None:
    plan = make_plan(Wishes(parse_count("10M"), "ViT-B-32", "HNSW", replicas=2))
    config = milvus_settings(plan)["config"]
    assert config["queryCoord"] == {"clusterLevelLoadReplicaNumber": 2}


def test_milvus_is_closed() -> None:
    security = CLUSTER["config"]["common"]["security"]
    assert security == {"authorizationEnabled": True, "tlsMode": 1}
    components = CLUSTER["components"]
    assert components["runAsNonRoot"] is True
    assert components["securityContext"]["allowPrivilegeEscalation"] is False
    assert components["proxy"]["serviceType"] == "ClusterIP"
    mounted = {mount["mountPath"] for mount in components["volumeMounts"]}
    assert Path(CLUSTER["config"]["tls"]["serverPemPath"]).parent.as_posix() in mounted
    assert CLUSTER["config"]["localStorage"]["path"] in mounted
    assert CLUSTER["dependencies"]["etcd"]["inCluster"]["deletionPolicy"] == "Retain"


def test_the_same_milvus_everywhere() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert CLUSTER["components"]["image"] in compose


@pytest.mark.parametrize("group", GROUPS, ids=["head", "gpu", "cpu"])
def test_ray_runs_bounded_and_without_rights(group: dict[str, Any]) -> None:
    pod = group["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        ast.parse(container["livenessProbe"]["exec"]["command"][2])


def test_only_its_own_pods_reach_ray() -> None:
    policy = manifests(RAY_FILE)["NetworkPolicy"]["spec"]
    labels = policy["podSelector"]["matchLabels"]
    for group in GROUPS:
        assert labels.items() <= group["template"]["metadata"]["labels"].items()


def test_the_job_reads_its_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = shlex.split(JOB["entrypoint"])
    assert words[:2] == ["searchengine", "index"]
    known = {
        name
        for parameter in get_command(app).commands["index"].params  # type: ignore[attr-defined]
        for name in parameter.opts
    }
    assert {word for word in words if word.startswith("--")} <= known
    mounts = {mount["mountPath"] for mount in CONTAINERS[0]["volumeMounts"]}
    config = Path(words[words.index("--config") + 1])
    assert config.parent.as_posix() in mounts
    settings_file = tmp_path / config.name
    settings_file.write_text(manifests(RAY_FILE)["ConfigMap"]["data"][config.name])
    monkeypatch.setenv("SEARCHENGINE_STORE__PASSWORD", "secret")
    settings = load_settings(str(settings_file))
    assert settings.store.uri.startswith("https://milvus-milvus.searchengine.svc")
    assert settings.store.tls_ca is not None
    assert settings.store.tls_ca.parent.as_posix() in mounts
    assert settings.corpus == words[words.index("--corpus") + 1]
    given = {one["name"] for one in CONTAINERS[0]["env"]}
    assert "SEARCHENGINE_STORE__PASSWORD" in given


def test_the_image_is_one_that_is_built() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    target = re.search(
        r"docker build --target (\w+) -t (\S+)", RAY_FILE.read_text(encoding="utf-8")
    )
    assert target
    assert f"AS {target[1]}\n" in dockerfile
    assert {container["image"] for container in CONTAINERS} == {target[2]}
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    version = re.search(r"^ray(?:\[\w+\])?==(\S+)", lock, flags=re.MULTILINE)
    assert version, "requirements.lock pins Ray"
    assert JOB["rayClusterSpec"]["rayVersion"] == version[1]


def test_the_image_has_extras_that_there_are() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for extras in re.findall(r"'\.\[([\w,]+)\]'", dockerfile):
        for extra in extras.split(","):
            assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE), extra


def test_the_cluster_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCHENGINE_STORE__PASSWORD", "secret")
    settings = load_settings("cluster")
    assert settings.store.uri.startswith("https://")
    assert settings.store.shards == 2
    assert settings.ingest.write_rows == 5000
    text = (ROOT / "configs" / "cluster.yaml").read_text(encoding="utf-8")
    assert "password:" not in text
