"""Which Ray a run uses, and how many actors of each stage it has there."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from searchengine.errors import NotFoundError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_log = logging.getLogger(__name__)

READER_CPUS = 0.25
"""Readers wait for disks and networks most of their time."""
WRITER_CPUS = 0.1
_MOST_WRITERS = 8
_LEAST_CPUS = 0.05


@dataclass(frozen=True)
class Cluster:
    """What the user asks for. 0: by the size of the cluster."""

    address: str = ""
    """``auto``, ``host:port`` or ``ray://host:port``; empty: a Ray started here for this run."""
    gpus_per_worker: float | None = None
    """GPUs of an encoder, a part of one allowed; ``None``: 1 where the cluster has any, else 0."""
    readers: int = 0
    decoders: int = 0
    encoders: int = 0
    writers: int = 0
    runtime_env: Mapping[str, Any] | None = None
    """What Ray is to set up on its nodes first."""
    shard_items: int = 0
    init: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of ``ray.init``."""

    @property
    def is_far(self) -> bool:
        """Whether it is spoken to from outside, by Ray's client."""
        return self.address.startswith("ray://")


@dataclass(frozen=True, slots=True)
class Node:
    """What a node of the cluster offers."""

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Pool:
    """The actors of a stage."""

    count: int
    cpus: float
    """Of each."""
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Pools:
    """The actors of all stages."""

    readers: Pool
    decoders: Pool
    encoders: Pool
    writers: Pool


def size_pools(nodes: Sequence[Node], cluster: Cluster) -> Pools:
    """Return what fits on the nodes: a reader a node, encoders on the GPUs, decoders on the rest.

    Without GPUs a node has one encoder, which takes half of its cores. Raises
    ``UnsupportedError`` where an encoder fits nowhere.
    """
    able = [node for node in nodes if node.cpus > 0]
    if not able:
        raise UnsupportedError("the Ray cluster has no CPUs", hint="start nodes with --num-cpus")
    cpus = sum(node.cpus for node in able)
    gpus = cluster.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if any(node.gpus >= 1 for node in able) else 0.0
    if gpus:
        room = sum(int(node.gpus / gpus + 1e-6) for node in able)
        if not room:
            most = max(node.gpus for node in able)
            raise UnsupportedError(
                f"an encoder wants {gpus:g} GPUs, and the largest node of the cluster has {most:g}",
                hint="ask for fewer with --gpus-per-worker; 0 encodes on CPUs",
            )
        encoders = Pool(min(cluster.encoders, room) or room, min(1.0, cpus / 4 / room), gpus)
    else:
        count = cluster.encoders or len(able)
        encoders = Pool(count, _part(min(node.cpus for node in able) / 2, cpus / 2 / count))
    readers = _pool(cluster.readers or len(able), READER_CPUS, cpus / 8)
    writers = _pool(cluster.writers or min(_MOST_WRITERS, len(able)), WRITER_CPUS, cpus / 16)
    used = sum(pool.count * pool.cpus for pool in (encoders, readers, writers))
    left = max(cpus - used, _LEAST_CPUS)
    decoders = _pool(cluster.decoders or max(1, int(left)), 1.0, left)
    return Pools(readers, decoders, encoders, writers)


def _pool(count: int, cpus: float, room: float) -> Pool:
    return Pool(count, _part(cpus, room / count))


def _part(cpus: float, most: float) -> float:
    """Return so many CPUs, or what there is; whole ones where it is more than one."""
    given = min(cpus, most)
    return float(int(given)) if given >= 1 else max(_LEAST_CPUS, int(given * 100) / 100)


def import_ray() -> Any:
    """Return the module ``ray``. Raises ``UnsupportedError`` where it is not installed.

    To be called before a database is opened: for its sake, the command line leaves out pandas
    (``searchengine.store.lean_import``), which Ray Data wants.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no network unless asked
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it would talk on our stderr
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UnsupportedError(
            f"the runner ray needs a package that is not here ({error})",
            hint="pip install 'crossmodal-searchengine[ray]'",
        ) from error
    return ray


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Give the module ``ray``, connected; what was started here is shut down at the end.

    A process that is connected already stays so. Raises ``NotFoundError`` where there is no
    cluster, and as ``import_ray``.
    """
    ray = import_ray()
    with _quiet():
        if ray.is_initialized():
            yield ray
            return
        _connect(ray, cluster)
        try:
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: Any, cluster: Cluster) -> None:
    given: dict[str, Any] = {
        "address": cluster.address or "local",
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        **({"runtime_env": dict(cluster.runtime_env)} if cluster.runtime_env else {}),
        **cluster.init,
    }
    if not cluster.address:
        given.setdefault("include_dashboard", False)
    try:
        ray.init(**given)
    except ConnectionError as error:
        raise NotFoundError(
            f"there is no Ray cluster at {cluster.address}: {' '.join(str(error).split())[:200]}",
            hint="`ray start --head` makes one; without --address one is started for this run",
        ) from error
    except ValueError as error:
        raise UsageError(f"Ray does not take that: {' '.join(str(error).split())[:300]}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Ray's own threads log what they would print: stdout is data."""
    before = sys.stdout
    with redirect_stdout(_Talk(before)):
        yield


class _Talk(io.TextIOBase):
    """Standard output for all threads but Ray's."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> int:
        if not threading.current_thread().name.startswith("ray_"):
            return self._out.write(text)
        if text.strip():
            _log.info("%s", text.strip())
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()

    def fileno(self) -> int:
        return self._out.fileno()


def alive_nodes(ray: Any) -> dict[str, Node]:
    """Return the nodes of the cluster that live, by their ids."""
    return {
        node["NodeID"]: Node(
            float(node["Resources"].get("CPU", 0)), float(node["Resources"].get("GPU", 0))
        )
        for node in ray.nodes()
        if node["Alive"]
    }
