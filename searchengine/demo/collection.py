"""Writes a folder of drawn scenes to search in, with what is on each picture beside them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image

from searchengine.demo.captions import caption, split_of
from searchengine.demo.draw import draw
from searchengine.demo.scenes import Scene, sample_scene, scene_key

FIRST_DAY: Final = datetime(2024, 1, 1)
"""Pictures are dated between this day and the end of 2025 (local time, as EXIF has it)."""

_SECONDS: Final = int((datetime(2026, 1, 1) - FIRST_DAY).total_seconds())
_QUALITY: Final = 90

# EXIF tag numbers (CIPA DC-008): Make, Model, DateTime; the EXIF directory; DateTimeOriginal.
_MAKE, _MODEL, _DATE, _EXIF_DIRECTORY, _DATE_ORIGINAL = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003


def held_out_scenes(seed: int) -> Iterator[Scene]:
    """Endless scenes that training never saw, no two of which one caption is true of alike.

    Only the held-out split is drawn from (see ``captions.split_of``), so whatever the seed, none
    of them was in the training pool.
    """
    rng = random.Random(seed)
    seen: set[str] = set()
    while True:
        scene = sample_scene(rng)
        key = scene_key(scene)
        if key not in seen and split_of(scene) == "held-out":
            seen.add(key)
            yield scene


def describe(scene: Scene, file: str) -> dict[str, object]:
    """One line of ``captions.jsonl``: file, captions (English, Chinese), objects, background."""
    return {
        "file": file,
        "captions": [caption(scene, "en"), caption(scene, "zh")],
        "objects": [asdict(group) for group in scene.groups],
        "background": scene.background,
    }


def write_collection(
    folder: Path, count: int, seed: int, size: tuple[int, int] = (320, 240)
) -> None:
    """Write ``count`` held-out scenes as ``scene-00000.jpg`` and so on, and ``captions.jsonl``.

    ``size`` is (width, height) in pixels. The same arguments always give the same files. All
    captions differ. Every JPEG carries EXIF with a date in 2024 or 2025, a maker and a model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dates = random.Random(f"dates of {seed}")
    scenes = held_out_scenes(seed)
    with (folder / "captions.jsonl").open("w", encoding="utf-8") as lines:
        for index in range(count):
            scene = next(scenes)
            file = f"scene-{index:05d}.jpg"
            taken = FIRST_DAY + timedelta(seconds=dates.randrange(_SECONDS))
            picture = draw(scene, *size)
            picture.save(folder / file, quality=_QUALITY, exif=_exif(taken))
            lines.write(json.dumps(describe(scene, file), ensure_ascii=False) + "\n")


def _exif(taken: datetime) -> Image.Exif:
    """EXIF as a camera called Drawing Board would have written it at that time."""
    stamp = taken.strftime("%Y:%m:%d %H:%M:%S")
    exif = Image.Exif()
    exif[_MAKE] = "Drawing Board"
    exif[_MODEL] = "Sticker Sheet 1"
    exif[_DATE] = stamp
    exif.get_ifd(_EXIF_DIRECTORY)[_DATE_ORIGINAL] = stamp
    return exif
