"""Machines as data: what an accelerator can do, and what a node of a cluster has."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from searchengine.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Accelerator:
    """What runs the model."""

    name: str
    tflops: float
    """Dense half-precision (bf16, or fp16 where there is no bf16) by its maker's data sheet."""
    memory_gb: float
    share: float = 0.3
    """Of ``tflops`` that a model's image tower reaches. 0.3 is an assumption, not a measurement:
    timm publishes 12,645 images/s for ViT-B-32 on an RTX 4090, which would be 0.67."""
    unit: str = "GPU"


ACCELERATORS: dict[str, Accelerator] = {
    one.name: one
    for one in (
        Accelerator("b200", 2250, 180),
        Accelerator("h200", 989, 141),
        Accelerator("h100", 989, 80),
        Accelerator("a100", 312, 80),
        Accelerator("l40s", 362, 48),
        Accelerator("rtx4090", 165, 24),
        Accelerator("a10", 125, 24),
        Accelerator("l4", 121, 24),
        Accelerator("v100", 125, 32),
        Accelerator("t4", 65, 16),
        # One core of an AMD EPYC (Zen 4), bf16 by OpenVINO: 39.5 images/s of ViT-B-32, 8.8 GFLOP
        # each (bench/results/encode.json).
        Accelerator("cpu", 0.348, 0, share=1.0, unit="core"),
    )
}
"""What ``--gpu`` takes. ``cpu``: one core."""


def accelerator(name: str) -> Accelerator:
    """Return the accelerator of that name. Raises ``SettingsError`` naming those that are known."""
    found = ACCELERATORS.get(name.lower().replace(" ", "").replace("-", ""))
    if found is not None:
        return found
    near = difflib.get_close_matches(name.lower(), ACCELERATORS, n=1)
    raise SettingsError(
        f"the planner knows no accelerator {name!r}" + (f"; {near[0]}?" if near else ""),
        hint=f"known: {', '.join(ACCELERATORS)}. For another one measure it, and give "
        "--images-per-gpu-s with the name of the one nearest to it",
    )


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the cluster that searches."""

    memory_gb: float = 64.0
    cores: int = 16
    disk_gb: float = 1_000.0
    """Its own, fast one (NVMe): for what is mapped, and for DiskANN."""

    @property
    def memory(self) -> float:
        """Bytes."""
        return self.memory_gb * 2**30
