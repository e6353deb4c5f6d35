"""What a plan is made for."""

from __future__ import annotations

from dataclasses import dataclass, field

from searchengine.errors import SettingsError
from searchengine.planning.hardware import Node
from searchengine.planning.rows import USUAL
from searchengine.planning.segments import SEGMENT_MB

RECOMMENDED = "auto"
"""The profile that the plan itself recommends."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wants, and what is taken for granted where they do not say."""

    items: int
    model: str
    index: str = RECOMMENDED
    """A profile's name, or ``auto``."""
    dim: int | None = None
    """Numbers in a vector, for models that the planner does not know."""
    image_mb: float = 0.5
    """Of a picture's file, 10**6 bytes."""
    caption_bytes: int = USUAL["caption"]
    gpu: str = "h200"
    gpus: int | None = None
    """None: as many as finish in ``hours``."""
    images_per_gpu_s: float | None = None
    """Measured, in place of what the data sheet promises."""
    hours: float = 24.0
    """In which the corpus is to be filled."""
    network_gbit: float = 25.0
    """To where the pictures are."""
    queries_a_s: float = 10.0
    latency_ms: float | None = None
    """That half of the questions may take inside the database."""
    memory_gb: float | None = None
    """All that the query nodes may have together; ``None``: as much as it takes."""
    replicas: int = 1
    """Copies of the corpus in memory."""
    daily: float = 0.01
    """The part of the corpus that is new or changed on a day."""
    tenants: int = 1
    node: Node = field(default_factory=Node)
    """A query node."""
    segment_mb: int = SEGMENT_MB

    def __post_init__(self) -> None:
        """Raise ``SettingsError`` for what cannot be."""
        for name in _ABOVE_ZERO:
            _check(name, getattr(self, name), above=True)
        for name in _NOT_BELOW_ZERO:
            _check(name, getattr(self, name), above=False)
        if not 0 < self.node.memory_gb < _MOST or not 0 < self.node.cores < _MOST:
            raise SettingsError(
                f"a node of {self.node.memory_gb:g} GiB and {self.node.cores} cores is none",
                hint="for example --node-memory-gb 64 --node-cores 16",
            )


_MOST = 1e12
_ABOVE_ZERO = (
    *("dim", "gpus", "images_per_gpu_s", "latency_ms", "memory_gb", "image_mb", "hours"),
    *("network_gbit", "replicas", "tenants", "segment_mb"),
)
_NOT_BELOW_ZERO = ("queries_a_s", "daily", "caption_bytes")
_FLAGS = {"queries_a_s": "--qps"}


def _check(name: str, value: float | None, *, above: bool) -> None:
    if value is None or (value < _MOST and (value > 0 or (value == 0 and not above))):
        return
    flag = _FLAGS.get(name, "--" + name.replace("_", "-"))
    least = "above 0" if above else "0 or more"
    raise SettingsError(f"{flag} {value:g} cannot be", hint=f"it has to be {least}")
