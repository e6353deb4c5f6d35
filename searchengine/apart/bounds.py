"""What one piece of work may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a worker. ``*_setting`` are the names that error messages give them."""

    time_s: float = 30.0
    """Seconds of the clock without a sign of life: for a picture, all it may take."""
    memory_mb: int = 2048
    """Megabytes beyond what the idle worker has. Twelve bytes a pixel decode anything."""
    time_setting: str = "ingest.decode_s"
    memory_setting: str = "ingest.decode_mb"
