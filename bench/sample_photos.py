"""JPEGs of a given size for the benches: photos enlarged, or pictures made of nothing.

What a JPEG costs to decode follows its bytes, so fine grain is laid over, as a camera's sensor
does: at quality 90 a picture of 12 MP takes 3 to 5 MB, one of 0.75 MP about 0.25 MB.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

_GRAIN = 5.0
"""Standard deviation of the grain, in grey levels."""
_QUALITY = 90


def make_photos(
    folder: Path, count: int, megapixels: float, photos: Path | None = None, seed: int = 0
) -> Path:
    """Have ``count`` JPEGs of 4:3 in ``folder``, made where they are missing; return the folder.

    ``photos`` is a folder of JPEGs to enlarge; without one, pictures are made of coloured shapes.
    The same arguments give the same pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources: list[Path | None] = [None]
    if photos is not None:
        sources = sorted(photos.rglob("*.jpg"))
        if not sources:
            raise SystemExit(f"there are no *.jpg in {photos}")
    wanted = {folder / f"{n:05d}.jpg": (sources[n % len(sources)], seed + n) for n in range(count)}
    for path in folder.glob("*.jpg"):
        if path not in wanted:
            path.unlink()
    missing = [(path, *how) for path, how in wanted.items() if not path.is_file()]
    if missing:
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(missing))) as pool:
            list(pool.map(partial(_make, size_of(megapixels)), missing))
    return folder


def size_of(megapixels: float) -> tuple[int, int]:
    """Return width and height of 4:3: 0.75 is 1000 x 750, 12 is 4000 x 3000."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    return round(height * 4 / 3), height


def _make(size: tuple[int, int], job: tuple[Path, Path | None, int]) -> None:
    from PIL import Image

    path, source, seed = job
    rng = np.random.default_rng(seed)
    picture = _shapes(rng) if source is None else Image.open(source).convert("RGB")
    pixels = np.asarray(_filled(picture, size), np.float32)
    grain = rng.normal(0, _GRAIN, (*pixels.shape[:2], 1)).astype(np.float32)
    grained = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    half = path.with_suffix(".part")
    grained.save(half, "JPEG", quality=_QUALITY)
    half.rename(path)  # a run that is stopped leaves no half picture


def _filled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a picture so that it covers the size, and cut what is too much."""
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, size, Image.Resampling.BICUBIC)


def _shapes(rng: np.random.Generator) -> Image.Image:
    from PIL import Image, ImageDraw

    ground = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = Image.fromarray(ground).resize((800, 600), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        left, top = int(rng.integers(0, 760)), int(rng.integers(0, 560))
        right, bottom = left + int(rng.integers(5, 200)), top + int(rng.integers(5, 200))
        colour = tuple(int(level) for level in rng.integers(0, 256, 3))
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((left, top, right, bottom), fill=colour)
    return picture
