"""The containers' files: well formed, pinned, closed to the network, and in step with the code.

``compose-spec.json`` is the Compose Specification's own schema (Apache-2.0,
https://github.com/compose-spec/compose-spec), as check-jsonschema 0.39 carries it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from searchengine.service.guard.keys import make_key
from searchengine.service.meters import Meters, Now, Timed
from searchengine.settings import load_settings

ROOT = Path(__file__).parent.parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "searchengine.json"
REQUIRED = re.compile(r"\$\{(\w+):\?")


def compose() -> dict[str, Any]:
    read = yaml.safe_load(COMPOSE)
    assert isinstance(read, dict)
    return read


SERVICES: dict[str, Any] = compose()["services"]


def test_compose_follows_its_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    assert [error.message for error in validator.iter_errors(compose())] == []
    broken = compose()
    broken["services"]["milvus"]["prots"] = []
    assert list(validator.iter_errors(broken)), "the schema finds what is wrong"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_watched_and_local(name: str) -> None:
    service = SERVICES[name]
    assert (
        re.search(r":(v?\d+\.\d+\.\d+|RELEASE\.[\dTZ-]+)$", service["image"]) or "build" in service
    )
    assert service["restart"] == "unless-stopped"
    # Ours is checked by its image.
    assert "healthcheck" in service or "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), f"{name} can be reached from elsewhere"
    assert "privileged" not in service
    assert service.get("network_mode") != "host"


def test_what_keeps_the_data_is_on_a_network_without_a_way_out() -> None:
    assert compose()["networks"]["storage"]["internal"] is True
    for name in ("etcd", "minio"):
        assert SERVICES[name]["networks"] == ["storage"]
        assert "ports" not in SERVICES[name]


def test_no_secret_has_a_default() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|_USER$", key) and key != "SEARCHENGINE_STORE__USER":
                assert REQUIRED.match(str(value)), f"{name}: {key} may be empty or known to all"
    assert "minioadmin" not in COMPOSE
    example = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")
    for variable in set(REQUIRED.findall(COMPOSE)):
        assert re.search(rf"^{variable}=$", example, flags=re.MULTILINE), variable


def test_every_volume_and_file_is_there() -> None:
    named = set(compose()["volumes"])
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists()
            elif not source.startswith("$"):
                assert source in named
    ignored = (ROOT / "deploy" / "secrets" / ".gitignore").read_text().split()
    assert ignored[0] == "*", "secrets are never committed"


@pytest.mark.parametrize("name", ["searchengine", "searchengine-gpu"])
def test_the_service_reads_its_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = make_key("prometheus", "read")[1].entry
    given = {
        "MILVUS_ROOT_PASSWORD": "secret",
        "SEARCHENGINE_KEYS": entry,
        "SEARCHENGINE_CORPUS": "holidays",
    }
    for key, value in SERVICES[name]["environment"].items():
        filled = re.sub(r"\$\{(\w+)(:[^}]*)?\}", lambda found: given[found[1]], str(value))
        monkeypatch.setenv(key, filled)
    settings = load_settings()
    assert settings.store_uri == "http://milvus:19530"
    assert settings.store.password.get_secret_value() == "secret"
    assert settings.corpus == "holidays"
    assert settings.service.keys.get_secret_value() == entry


def test_the_image_is_built_from_what_is_sent_to_the_builder() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, flags=re.MULTILINE)
    assert {name for line in copied for name in line.split()} == sent
    assert all((ROOT / name).exists() for name in sent)
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", text, flags=re.MULTILINE))
    assert {
        service["build"]["target"] for service in SERVICES.values() if "build" in service
    } <= targets
    runtime = text[text.index("AS runtime") :]
    assert re.search(r"^USER 10001", runtime, flags=re.MULTILINE), "not as root"
    assert "HEALTHCHECK" in runtime


def test_prometheus_asks_what_is_there() -> None:
    read = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in read["scrape_configs"]}
    assert jobs["searchengine"]["authorization"]["credentials_file"] == "/run/secrets/metrics_key"
    known = {*SERVICES, "localhost", *SERVICES["searchengine"]["networks"]["default"]["aliases"]}
    for job in jobs.values():
        for target in job["static_configs"][0]["targets"]:
            assert target.partition(":")[0] in known


def test_the_dashboard_draws_metrics_that_there_are() -> None:
    meters = Meters()
    meters.request("/v1/x", "GET", 200, Timed(0.1, {"encode": 0.05}))
    meters.batch("text", 3)
    now = Now({"requests": 0}, cache_hits=1, cache_misses=1, cache_bytes=10, sides=())
    told = meters.exposition(now).decode()
    known = set(re.findall(r"^# TYPE (\w+)", told, flags=re.MULTILINE))
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked.append(dashboard["templating"]["list"][0]["query"]["query"])
    used = {name for one in asked for name in re.findall(r"(?:searchengine|process)_\w+", one)}
    assert len(used) > 8
    for name in used - known:
        base = re.sub(r"_(count|sum|bucket)$", "", name)
        assert base in known, f"there is no metric {name}"
    source = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    uid = source["datasources"][0]["uid"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {uid}
