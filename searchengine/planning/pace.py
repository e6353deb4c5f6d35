"""How fast a corpus fills, stage by stage, and which stage limits the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchengine.errors import SettingsError
from searchengine.planning import segments, work

if TYPE_CHECKING:
    from searchengine.planning.hardware import Accelerator
    from searchengine.planning.towers import Tower
    from searchengine.planning.wishes import Wishes


@dataclass(frozen=True, slots=True)
class Pace:
    """What filling the corpus takes."""

    a_gpu_s: float
    """Pictures a second that one accelerator encodes."""
    gpu_hours: float
    gpus: int
    decode_ms: float
    """Of one core, a picture."""
    decode_cores: int
    """That keep up with the accelerators."""
    network_gbit: float
    """To keep up with them."""
    read_bytes: float
    """Of all pictures."""
    rates: dict[str, float]
    """Pictures a second that each stage takes: ``encode``, ``read``, ``write``."""
    hours: float
    """Until the corpus is filled."""
    wanted_a_s: float
    """Pictures a second that the hours wished for, or the accelerators given, come to."""

    @property
    def limit(self) -> str:
        """The stage that limits the others."""
        return min(self.rates, key=lambda stage: self.rates[stage])


def pace(wishes: Wishes, tower: Tower, device: Accelerator) -> Pace:
    """Return how fast the corpus fills.

    As many accelerators as finish in time, or those that were given; cores to decode for them; the
    slowest of encoding, reading and writing sets the time. Indexing goes on beside it.
    """
    a_gpu_s = wishes.images_per_gpu_s
    if a_gpu_s is None:
        if not tower.gflop:
            raise SettingsError(
                f"how much work a picture is for {tower.name} is not known",
                hint="measure it (searchengine index --profile), and give --images-per-gpu-s",
            )
        a_gpu_s = work.images_a_s(tower.gflop, device)
    gpu_hours = wishes.items / a_gpu_s / 3600
    gpus = wishes.gpus or math.ceil(gpu_hours / wishes.hours)
    encode = gpus * a_gpu_s
    image_bytes = wishes.image_mb * 1e6
    shards = segments.shards_for(encode)
    rates = {
        "encode": encode,
        "read": wishes.network_gbit * 1e9 / 8 / image_bytes,
        "write": segments.shard_rows_a_s(shards),
    }
    slowest = min(rates.values())
    ms = work.decode_ms(wishes.image_mb)
    return Pace(
        a_gpu_s=a_gpu_s,
        gpu_hours=gpu_hours,
        gpus=gpus,
        decode_ms=ms,
        decode_cores=math.ceil(slowest * ms / 1e3),
        network_gbit=encode * image_bytes * 8 / 1e9,
        read_bytes=wishes.items * image_bytes,
        rates=rates,
        hours=wishes.items / slowest / 3600,
        wanted_a_s=encode,
    )
