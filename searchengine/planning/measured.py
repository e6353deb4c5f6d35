"""A forecast set right by what was measured at smaller sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import SettingsError
from searchengine.planning import rows, segments, vectors
from searchengine.store.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a server takes beside its data, bytes, and what becomes of a byte of the forecast."""

    base: float
    factor: float

    def of(self, forecast: float) -> float:
        """Return what a forecast comes to, measured in the same way."""
        return self.base + self.factor * forecast


def calibrate(pairs: Sequence[tuple[float, float]]) -> Calibration:
    """Return the line through (forecast, measured) pairs, by least squares.

    Raises ``SettingsError`` for fewer than two sizes: base and factor cannot be told apart.
    """
    if len({forecast for forecast, _ in pairs}) < 2:
        raise SettingsError("a forecast is set right by two sizes or more", hint="measure another")
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    factor = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread
    return Calibration(mean_y - factor * mean_x, factor)


def loaded_bytes(
    profile: str,
    items: int,
    dim: int,
    caption: int,
    *,
    words: bool,
    segment_mb: int = segments.SEGMENT_MB,
) -> float:
    """Return what a server's memory holds of a side at rest; ``words``: of searchable captions."""
    chosen = PROFILES[profile]
    size = vectors.index_bytes(chosen, items, dim)
    more = rows.terms_memory(caption) if words else 0
    once = segments.segment_count(items, dim, segment_mb) * size.a_segment
    return items * (size.memory + rows.row_memory(caption) + more) + once


def stored_bytes(
    profile: str, items: int, dim: int, caption: int, *, segment_mb: int = segments.SEGMENT_MB
) -> float:
    """Return what the files of a side at rest take, without what merging left behind."""
    size = vectors.index_bytes(PROFILES[profile], items, dim)
    raw = vectors.vector_bytes(dim) * rows.PACKED_VECTORS
    once = segments.segment_count(items, dim, segment_mb) * size.a_segment
    index = rows.PACKED_VECTORS * (items * size.stored + (once if size.stored else 0))
    return items * (raw + rows.row_stored(caption)) + index
