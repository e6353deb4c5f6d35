"""A Ray cluster of several nodes on this machine: raylets and workers of their own, to be killed.

For tests and benches. Everything Ray leaves behind lies in a folder that goes with the cluster.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS": "0",
}
_STORE_BYTES = 120 * 1024 * 1024


class RayCluster:
    """Some nodes; the first is the head, where drivers connect. A context manager."""

    def __init__(self, nodes: int = 3, cpus: int = 2, *, client_port: int | None = None) -> None:
        # Short: sockets lie in it, whose paths have 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
        self._before = {name: os.environ.get(name) for name in (*_SETTINGS, "RAY_TMPDIR")}
        self._count = nodes
        self._cpus = cpus
        self._client_port = client_port
        self._cluster: Any = None
        self._workers: list[Any] = []
        self._raylets: set[str] = set()

    def __enter__(self) -> RayCluster:
        os.environ.update(_SETTINGS, RAY_TMPDIR=str(self._folder))
        (self._folder / "ray").mkdir()
        from ray.cluster_utils import Cluster

        head: dict[str, Any] = {
            "num_cpus": self._cpus,
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
            # A dead node is told after seconds, not after half a minute.
            "_system_config": {
                "health_check_initial_delay_ms": 2000,
                "health_check_period_ms": 1000,
                "health_check_failure_threshold": 5,
            },
        }
        if self._client_port is not None:
            head["ray_client_server_port"] = self._client_port
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._note(self._cluster.head_node)
        for _ in range(self._count - 1):
            self.add_node()
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()
        _kill_workers_of(self._raylets)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def address(self) -> str:
        """Where drivers connect."""
        return str(self._cluster.address)

    def add_node(self) -> None:
        """Add a node, and wait until it is there."""
        node = self._cluster.add_node(num_cpus=self._cpus, object_store_memory=_STORE_BYTES)
        self._workers.append(node)
        self._note(node)

    def _note(self, node: Any) -> None:
        self._raylets |= {str(one.process.pid) for one in node.all_processes["raylet"]}

    def kill_node(self) -> int:
        """Kill the node that is busiest, the head apart, as a power cut would: raylet and workers,
        by SIGKILL. Return how many actors of stages have gone with it; there must be some."""
        import psutil

        doomed = {node: _processes(node) for node in self._workers}
        node = max(doomed, key=lambda one: _stages(doomed[one]))
        count = _stages(doomed[node])
        if not count:
            every = [_processes(self._cluster.head_node), *doomed.values()]
            raise AssertionError(f"no actor but on the head: {[*map(_titles, every)]}")
        self._workers.remove(node)
        for process in doomed[node]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        return count


def _kill_workers_of(raylets: set[str]) -> None:
    """On a busy machine a worker may outlive its raylet, waiting for ever."""
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("RAY_RAYLET_PID") in raylets:
                process.kill()


def _processes(node: Any) -> list[Any]:
    import psutil

    found: dict[int, psutil.Process] = {}
    for several in node.all_processes.values():
        for one in several:
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(one.process.pid)
                every = (process, *process.children(recursive=True))
                found |= {each.pid: each for each in every}
    return list(found.values())


def _stages(processes: list[Any]) -> int:
    return sum(title.startswith("ray::MapWorker") for title in _titles(processes))


def _titles(processes: list[Any]) -> list[str]:
    import psutil

    titles = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            titles.append("".join(process.cmdline()[:1]))
    return titles
