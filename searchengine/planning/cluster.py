"""Nodes, and what Milvus's components should be given."""

from __future__ import annotations

import math
from dataclasses import dataclass

from searchengine.planning.hardware import Node

OVERLOADED = 0.9
"""``queryCoord.overloadedMemoryThresholdPercentage``: what a query node is filled to."""
BESIDE = 2 * 2**30
"""Bytes of a query node that are no data: the process, caches, answers under way. An assumption."""
BUSY = 0.6
"""Of a core's time that may be planned with, so that questions that come together do not queue."""
_MERGES_AT_A_TIME = 2
_PROXY_QUERIES_A_S = 500.0
_SEGMENTS_A_COORDINATOR_GB = 10_000
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Component:
    """One of Milvus's components: so many pods, each with so much. Requests are limits."""

    name: str
    replicas: int
    cores: float
    memory_gb: float
    disk_gb: float = 0.0
    why: str = ""


def room_of(node: Node, segment: float) -> float:
    """Return the bytes of data that a query node takes: nine tenths of its memory, less what is no
    data, less a segment on its way in (it is read before the one it replaces is let go).

    Never less than a tenth of the node: so small a node is a matter of many.
    """
    return max(OVERLOADED * node.memory - BESIDE - segment, 0.1 * node.memory)


def query_nodes(data: float, segment: float, core_ms: float, queries_a_s: float, node: Node) -> int:
    """Return query nodes for ``data`` bytes and so many questions a second, and one to spare where
    there is more than one: a node that is replaced leaves its segments to the others."""
    by_memory = math.ceil(data / room_of(node, segment))
    by_cores = math.ceil(queries_a_s * core_ms / 1e3 / (node.cores * BUSY))
    needed = max(1, by_memory, by_cores)
    return needed + (1 if needed > 1 else 0)


def index_nodes(core_hours: float, hours: float, cores: int) -> int:
    """Return the nodes that index in so many hours what takes so many core-hours."""
    return max(1, math.ceil(core_hours / hours / cores))


def components(
    nodes: int,
    node: Node,
    *,
    local: float,
    growing: float,
    shards: int,
    segments: int,
    segment: float,
    builders: int,
    queries_a_s: float,
) -> tuple[Component, ...]:
    """Return what the components of a Milvus 2.6 cluster should be given.

    Milvus's sizing gives proxies and the coordinator little; a data node merges two segments at a
    time, each read whole and written anew, and builds their indexes (2.6 has no index nodes). Open
    segments lie in the streaming nodes.
    """
    pods = max(1, nodes)
    proxies = max(2, math.ceil(queries_a_s / _PROXY_QUERIES_A_S))
    merging = 2 * _MERGES_AT_A_TIME * 2 * segment / GIB
    streaming = max(1, min(shards, 4))
    return (
        Component("proxy", proxies, 2, 4, why="questions and writes in and out"),
        Component(
            "mixCoord",
            1,
            4,
            8 + 8 * (segments // _SEGMENTS_A_COORDINATOR_GB),
            why="knows every segment and file",
        ),
        Component(
            "queryNode",
            pods,
            node.cores,
            node.memory_gb,
            disk_gb=math.ceil(1.2 * local / pods / GIB) if local else 0,
            why="holds the index and answers",
        ),
        Component(
            "dataNode",
            builders,
            node.cores,
            max(8, math.ceil(4 + merging)),
            disk_gb=math.ceil(4 * segment / GIB),
            why="merges segments and builds their indexes",
        ),
        Component(
            "streamingNode",
            streaming,
            4,
            max(8, math.ceil(4 + growing / streaming / GIB)),
            why="takes rows in and holds what is not sealed yet",
        ),
    )
