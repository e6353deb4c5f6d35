"""A Ray cluster runs the pipeline: readers, decoders, encoders and writers, each sized apart."""

from __future__ import annotations

from ingest.runners.ray.cluster import Cluster
from ingest.runners.ray.runner import RayRunner

__all__ = ["Cluster", "RayRunner"]
