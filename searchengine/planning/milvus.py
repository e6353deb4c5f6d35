"""A plan as settings of Milvus: what goes into the operator's ``Milvus`` resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchengine.planning.cluster import Component
    from searchengine.planning.forecast import Plan


def milvus_settings(plan: Plan) -> dict[str, Any]:
    """Return ``components`` and ``config`` as they stand under ``spec`` of a ``Milvus`` resource
    (milvus.io/v1beta1)."""
    config: dict[str, Any] = {
        "dataCoord": {
            "segment": {
                "maxSize": plan.wishes.segment_mb,
                "diskSegmentMaxSize": 2 * plan.wishes.segment_mb,
            }
        },
        "queryNode": {"enableDisk": plan.local > 0},
    }
    if plan.wishes.replicas > 1:  # of every collection that is loaded
        config["queryCoord"] = {"clusterLevelLoadReplicaNumber": plan.wishes.replicas}
    return {
        "components": {one.name: _component(one) for one in plan.components},
        "config": config,
    }


def _component(one: Component) -> dict[str, Any]:
    given = {"cpu": f"{one.cores:g}", "memory": f"{one.memory_gb:g}Gi"}
    if one.disk_gb:
        given["ephemeral-storage"] = f"{one.disk_gb:.0f}G"
    return {
        "replicas": one.replicas,
        "resources": {"requests": dict(given), "limits": dict(given)},
    }
