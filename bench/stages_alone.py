"""What the stages of ``index`` cost when nothing else is done, as one line of JSON.

::

    python bench/stages_alone.py PHOTOS --model local-dir:PATH [--precision bf16]
        [--runtime openvino]

Seconds of a core that an image costs: decoding files that lie in memory to the model's pixels, and
encoding those. Their sum is work that nothing can overlap away: with c cores, no more than
c / (decode + encode) images a second are possible, and that is what ``index_speed.py`` compares
``index`` with. Reading, hashing and writing are not in it.

All cores are at it at once, a process of one thread on each, first all decoding, then all encoding:
beside a core that works, the same work takes longer, for the two share caches and memory. The same
on one core while the others idle is told, too (``one_core``); a bound made of that is one that the
machine cannot reach. A figure is the mean over the pictures, the median over several passes, and
the mean over the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surroundings import cores

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH = 16
_PICTURES = 64
"""As many are taken, from all over the folder."""
_LEAST_S = 4.0
_LEAST_PASSES = 3

_together: Any = None
"""Where the processes wait for one another."""


@dataclass(frozen=True)
class Work:
    """What each core does."""

    photos: Path
    model: str
    precision: str
    runtime: str


def measure(work: Work, core_numbers: list[int]) -> dict[str, float]:
    """Return the seconds of decoding and encoding an image, with these cores at it at once."""
    context = get_context("spawn")
    together = context.Barrier(len(core_numbers))
    with ProcessPoolExecutor(
        len(core_numbers), context, initializer=_join, initargs=(together,)
    ) as pool:
        rows = list(pool.map(_on_core, core_numbers, [work] * len(core_numbers)))
    return {stage: statistics.fmean(row[stage] for row in rows) for stage in rows[0]}


def _join(together: Any) -> None:
    global _together
    _together = together


def _on_core(core: int, work: Work) -> dict[str, float]:
    if hasattr(os, "sched_setaffinity"):  # before anything counts the cores
        os.sched_setaffinity(0, {core})

    import numpy as np

    from ingest.job import job_for
    from searchengine.encoders.pictures import prepare_picture
    from searchengine.settings import load_settings

    settings = load_settings(
        flags={"model.precision": work.precision, "model.runtime": work.runtime}
    )
    job = job_for([work.photos], settings)
    encoder = job.build_encoder(work.model)
    paths = sorted(work.photos.glob("*.jpg"))
    files = [path.read_bytes() for path in paths[:: max(1, len(paths) // _PICTURES)][:_PICTURES]]

    def decode() -> list[Any]:
        return [prepare_picture(encoder, data, max_pixels=job.max_pixels)[1] for data in files]

    pixels = decode()
    batches = [np.stack(pixels[at : at + _BATCH]) for at in range(0, len(pixels), _BATCH)]

    def encode() -> None:
        for batch in batches:
            encoder.encode_images(batch)

    encode()
    return {"decode_s": _cost(decode, len(files)), "encode_s": _cost(encode, len(files))}


def _cost(run: Callable[[], Any], images: int) -> float:
    """Return seconds of processor time an image, while all others run the same."""
    _together.wait()
    passes, until = [], time.perf_counter() + _LEAST_S
    while time.perf_counter() < until or len(passes) < _LEAST_PASSES:
        began = time.process_time()
        run()
        passes.append((time.process_time() - began) / images)
    return statistics.median(passes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--runtime", default="auto")
    chosen = parser.parse_args()
    work = Work(chosen.photos, chosen.model, chosen.precision, chosen.runtime)
    if hasattr(os, "sched_getaffinity"):
        numbers = sorted(os.sched_getaffinity(0))
    else:
        numbers = list(range(cores()))
    row = {**measure(work, numbers), "one_core": measure(work, numbers[-1:])}
    print(json.dumps(row))


if __name__ == "__main__":
    main()
