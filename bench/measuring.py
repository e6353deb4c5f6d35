"""What ``composed.py`` and ``prompts.py`` share: vectors kept between runs, ranks made figures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from PIL import Image

    from searchengine.encoders.contract import Encoder, Vectors

_BATCH = 64
_ROUNDS = 10_000


class Kept:
    """Vectors by name, kept in a folder between runs where one is given."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def __call__(self, name: str, make: Callable[[], Vectors]) -> Vectors:
        if self._folder is None:
            return make()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / (hashlib.sha256(name.encode()).hexdigest()[:16] + ".npy")
        if not path.is_file():
            np.save(path, make())
        return np.asarray(np.load(path), np.float32)


def encode_pictures(encoder: Encoder, pictures: Iterable[Image.Image]) -> Vectors:
    """Encode pictures in batches, float32 (n, dim)."""
    rows, batch = [], []
    for picture in pictures:
        batch.append(encoder.preprocess(picture))
        if len(batch) == _BATCH:
            rows.append(encoder.encode_images(np.stack(batch)))
            batch = []
    if batch:
        rows.append(encoder.encode_images(np.stack(batch)))
    return np.concatenate(rows)


def encode_texts(encoder: Encoder, texts: list[str]) -> Vectors:
    """Encode texts in batches, float32 (n, dim)."""
    batches = [texts[start : start + 128] for start in range(0, len(texts), 128)]
    return np.concatenate([encoder.encode_texts(batch) for batch in batches])


def figures(found: npt.NDArray[np.int64]) -> dict[str, float]:
    """R@1, R@5 and mean reciprocal rank of ranks that begin at 1."""
    return {
        "R@1": round(float((found <= 1).mean()), 4),
        "R@5": round(float((found <= 5).mean()), 4),
        "MRR": round(float((1 / found).mean()), 4),
    }


def interval(values: npt.NDArray[np.float64]) -> list[float]:
    """95% bootstrap interval of a mean."""
    rng = np.random.default_rng(0)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(_ROUNDS)]
    return [round(float(bound), 4) for bound in np.quantile(means, (0.025, 0.975))]
