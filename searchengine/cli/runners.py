"""Who runs ``index``: the options, and the runner made of them."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ingest.runners.contract import Runner


class RunnerChoice(str, Enum):
    """Where the stages run."""

    local = "local"
    ray = "ray"


RunnerName = Annotated[
    RunnerChoice,
    typer.Option("--runner", help="Run in this process, or on a Ray cluster (docs/cluster.md)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="The Ray cluster: auto, HOST:PORT, ray://HOST:PORT. Default: one started here.",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        metavar="N",
        min=0.0,
        help="With Ray: GPUs of an encoder, 0.5 for two to a GPU. Default: 1 where there are any.",
    ),
]
Readers = Annotated[
    int | None, typer.Option("--readers", metavar="N", min=1, help="With Ray: one a node.")
]
Decoders = Annotated[
    int | None,
    typer.Option("--decoders", metavar="N", min=1, help="With Ray: as many as CPUs are left."),
]
Encoders = Annotated[
    int | None,
    typer.Option("--encoders", metavar="N", min=1, help="With Ray: as many as GPUs, or nodes."),
]
Writers = Annotated[
    int | None, typer.Option("--writers", metavar="N", min=1, help="With Ray: one a node, to 8.")
]
RuntimeEnv = Annotated[
    Path | None,
    typer.Option(
        "--runtime-env",
        metavar="FILE",
        help="With Ray: what its nodes set up first, as YAML or JSON.",
    ),
]


def choose_runner(
    name: RunnerChoice,
    address: str | None,
    gpus_per_worker: float | None,
    counts: dict[str, int | None],
    runtime_env: Path | None,
) -> Runner:
    """Return the runner that was asked for. Raises ``UsageError`` for options of another one."""
    from searchengine.errors import UsageError

    if name is RunnerChoice.ray:
        from ingest.runners.ray import Cluster, RayRunner

        cluster = Cluster(
            address=address or "",
            gpus_per_worker=gpus_per_worker,
            runtime_env=None if runtime_env is None else _read(runtime_env),
        )
        asked: dict[str, Any] = {stage: count for stage, count in counts.items() if count}
        return RayRunner(replace(cluster, **asked))
    given = {
        "address": address,
        "gpus-per-worker": gpus_per_worker,
        "runtime-env": runtime_env,
        **counts,
    }
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"--{option} belongs to a Ray cluster", hint="add --runner ray")
    from ingest.runners.local import LocalRunner

    return LocalRunner()


def _read(path: Path) -> dict[str, Any]:
    import yaml

    from searchengine.errors import SettingsError

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        raise SettingsError(f"--runtime-env {path} cannot be read: {said}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"--runtime-env {path} is no mapping", hint="for example: {pip: [...]}")
    return found
