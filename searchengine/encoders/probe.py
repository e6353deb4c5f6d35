"""The short measured probe: what runs this model fastest here, and in the same space.

About half a minute for a ViT-B-32 on two cores, most of it exporting: done once a model and
machine, and only when a process has already encoded for as long (see ``towers/adaptive.py``).
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from typing import Final

from searchengine.encoders.choose import Choice, Runtime
from searchengine.encoders.fingerprint import Precision
from searchengine.encoders.interchange import Sample, compare_rows, encode_sample
from searchengine.encoders.towers.contract import Towers
from searchengine.errors import SearchEngineError

_log = logging.getLogger(__name__)

Open = Callable[[Runtime, Precision], Towers]
Candidate = tuple[Runtime, Precision]

_IMAGES: Final = 16
_ROUNDS: Final = 3
_WORTH: Final = 1.2
"""A gain below this is noise, or not worth another runtime."""


def probe(
    reference: Towers, candidates: list[Candidate], sample: Sample, open_towers: Open
) -> tuple[Choice, Towers]:
    """Return the fastest of ``reference`` (torch fp32) and the interchangeable candidates.

    A candidate that cannot be opened, or fails, is left out, and the log says why.
    """
    expected = encode_sample(reference, sample)
    fit: list[tuple[Choice, Towers]] = []
    for runtime, precision in candidates:
        try:
            towers = open_towers(runtime, precision)
            verdict = compare_rows(expected, encode_sample(towers, sample))
        except SearchEngineError as error:
            _log.warning("%s %s is left out: %s", runtime, precision, error)
            continue
        if not verdict.interchangeable:
            _log.info(
                "%s %s is another space (%s): not taken by itself", runtime, precision, verdict
            )  # fmt: skip
            continue
        choice = Choice(runtime, precision, True, verdict.cosine, verdict.overlap)
        fit.append((choice, towers))
    return _fastest(reference, fit, sample)


def _fastest(
    reference: Towers, fit: list[tuple[Choice, Towers]], sample: Sample
) -> tuple[Choice, Towers]:
    best: tuple[Choice, Towers] = (Choice("torch", "fp32", True), reference)
    if not fit:
        return best
    pixels = sample.pixels[:_IMAGES]
    times: list[list[float]] = [[] for _ in range(len(fit) + 1)]
    for _ in range(_ROUNDS):  # interleaved: whatever else runs here slows all of them
        for towers, taken in zip([reference, *(one for _, one in fit)], times, strict=True):
            began = time.perf_counter()
            towers.images(pixels)
            taken.append(time.perf_counter() - began)
    base, *others = (statistics.median(taken) for taken in times)
    for (choice, towers), taken_s in zip(fit, others, strict=True):
        speedup = base / taken_s
        if speedup >= _WORTH and speedup > best[0].speedup:
            best = (
                Choice(
                    choice.runtime, choice.precision, True, choice.cosine, choice.overlap,
                    round(speedup, 2),
                ),
                towers,
            )  # fmt: skip
    return best
