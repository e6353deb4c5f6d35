"""Decode and resize on one core, against Pillow's full decode and OpenCLIP's own preprocessing.

::

    python bench/decode.py [--photos DIR] [--model NAME] [--rounds 9] [--out FILE]

The files are made of the photos given: what a camera writes (4000 x 3000, a sensor's noise, about
3 MB), the same at the highest quality people choose (5 MB and more), and what is put on a page
(1000 x 750, some grain). In every round each file goes through each way once, all in this thread on
one core, and its time is the thread's CPU time; medians. ``floor`` is reading the bytes alone:
Huffman decoding, and one pixel for each block of 64. The larger a file is for its pixels, the more
of the time that is, on both sides. OpenCLIP's transform ends in a normalised float tensor, ours in
bytes, which are normalised on the device, a batch at a time: that is part of what is saved.

How far the pixels (PSNR in dB) and the model's vectors (cosine) are from OpenCLIP's is told for the
same files and for the photos as they are.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from open_clip.transform import image_transform
from PIL import Image
from surroundings import commit, machine

from searchengine.decode import Decoded, decode_image
from searchengine.encoders import load_encoder
from searchengine.encoders.preprocess import Preprocess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HERE = Path(__file__).parent
LIMIT = 200_000_000
PREPROCESS = Preprocess((224, 224))
GOALS = {"12 MP": 4.5, "0.75 MP": 4.0}
KINDS = {
    "12 MP": ((4000, 3000), 90, 4.5),
    "12 MP, highest quality": ((4000, 3000), 95, 4.5),
    "0.75 MP": ((1000, 750), 85, 1.5),
}
"""Width and height, quality, standard deviation of the noise in grey levels."""


def made(photo: Path, size: tuple[int, int], quality: int, noise: float) -> bytes:
    """Return a photo enlarged to a JPEG of that size, with noise of its own."""
    width, height = size
    with Image.open(photo) as image:
        side = min(image.width / width, image.height / height)
        left, top = (image.width - side * width) / 2, (image.height - side * height) / 2
        box = (left, top, left + side * width, top + side * height)
        large = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC, box=box))
    random = np.random.default_rng(len(photo.name))
    grain = random.normal(0, noise, (height, width, 1)) + random.normal(0, noise / 3, large.shape)
    file = io.BytesIO()
    noisy = Image.fromarray((large + grain).round().clip(0, 255).astype(np.uint8))
    noisy.save(file, "JPEG", quality=quality)
    return file.getvalue()


def decode(data: bytes) -> Decoded:
    return decode_image(data, max_pixels=LIMIT, reduction=PREPROCESS.reduction)


def ours(data: bytes) -> Any:
    decoded = decode(data)
    return PREPROCESS(decoded.seen, decoded.reduced_from)


def open_clip_way() -> Callable[[bytes], Any]:
    transform = image_transform(224, is_train=False)

    def theirs(data: bytes) -> Any:
        return transform(Image.open(io.BytesIO(data)).convert("RGB"))

    return theirs


def floor(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    image.draft("L", (image.width // 8, image.height // 8))
    image.load()


def timed(files: Sequence[bytes], rounds: int) -> dict[str, Any]:
    """Return medians in milliseconds a file, and what they come to."""
    ways = {"open_clip": open_clip_way(), "ours": ours, "decode": decode, "floor": floor}
    took: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(files[0])  # what is imported and allocated once
    for _ in range(rounds):
        for data in files:
            for name, way in ways.items():
                began = time.thread_time()
                way(data)
                took[name].append((time.thread_time() - began) * 1e3)
    ms = {name: statistics.median(values) for name, values in took.items()}
    size = statistics.mean(map(len, files))
    return {
        "files": len(files),
        "mean_kb": round(size / 1e3),
        "ms": {name: round(value, 3) for name, value in ms.items()},
        "ratio": round(ms["open_clip"] / ms["ours"], 2),
        "ratio_of_decode_alone": round(ms["open_clip"] / ms["decode"], 2),
        "ratio_at_the_floor": round(ms["open_clip"] / ms["floor"], 2),
        "floor_mb_s": round(size / 1e3 / ms["floor"]),
    }


def likeness(files: Sequence[bytes], encoder: Any | None) -> dict[str, Any]:
    """Return how near our pixels and vectors are to those of OpenCLIP's transform."""
    mine, others, factors = [], [], set()
    *steps, _, _ = image_transform(224, is_train=False).transforms  # without tensor, normalise
    for data in files:
        decoded = decode(data)
        factors.add(round(max(decoded.size) / max(decoded.image.size)))
        mine.append(PREPROCESS(decoded.seen, decoded.reduced_from))
        image: Any = decode_image(data, max_pixels=LIMIT).image
        for step in steps:
            image = step(image)
        others.append(np.asarray(image))
    ratios = [psnr(*pair) for pair in zip(mine, others, strict=True)]
    found: dict[str, Any] = {
        "files": len(files),
        "reduced_by": sorted(factors),
        "psnr": {"min": round(min(ratios), 2), "median": round(statistics.median(ratios), 2)},
    }
    if encoder is not None:
        cosines = (
            encoder.encode_images(np.stack(mine)) * encoder.encode_images(np.stack(others))
        ).sum(axis=1)
        found["cosine"] = {
            "min": round(float(cosines.min()), 5),
            "median": round(float(np.median(cosines)), 5),
        }
    return found


def psnr(one: Any, other: Any) -> float:
    """Return the peak signal-to-noise ratio of uint8 arrays in dB, 99 for equal ones."""
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return 99.0 if error == 0 else min(99.0, 10 * float(np.log10(255**2 / error)))


def sets_of(photos: Path, most: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the photos folder by folder, evenly thinned out to ``most``."""
    folders = [path for path in sorted(photos.iterdir()) if path.is_dir()] or [photos]
    for folder in folders:
        files = sorted(folder.rglob("*.jpg"))
        if files:
            step = max(1, len(files) // most)
            yield folder.name, [path.read_bytes() for path in files[::step]]


def one_core() -> None:
    """Keep to one core where the system lets us, and to one thread everywhere."""
    torch.set_num_threads(1)
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, default=os.environ.get("SEARCHENGINE_TEST_PHOTOS"))
    parser.add_argument("--model", help="for the cosines (default: SEARCHENGINE_TEST_MODEL)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--files", type=int, default=6, help="of each kind")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "decode.json")
    chosen = parser.parse_args()
    if chosen.photos is None:
        parser.error("say where photos are: --photos DIR")
    found = sorted(path for path in Path(chosen.photos).rglob("*.jpg"))
    if len(found) < chosen.files:
        parser.error(f"{chosen.photos} has {len(found)} .jpg files, {chosen.files} are needed")
    local = os.environ.get("SEARCHENGINE_TEST_MODEL")
    model = chosen.model or (f"local-dir:{local}" if local else None)
    one_core()
    spread = found[:: len(found) // chosen.files][: chosen.files]
    report: dict[str, Any] = {
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("pillow", "simplejpeg", "open_clip_torch")},
        "goals": GOALS,
        "speed": {},
        "likeness": {},
    }
    encoder = load_encoder(model) if model else None
    for kind, (size, quality, noise) in KINDS.items():
        files = [made(photo, size, quality, noise) for photo in spread]
        speed = report["speed"][kind] = timed(files, chosen.rounds)
        report["likeness"][kind] = likeness(files, encoder)
        goal = f" (goal {GOALS[kind]}x)" if kind in GOALS else ""
        print(f"{kind}, {speed['mean_kb']} kB: {speed['ratio']}x{goal}  {speed['ms']} ms")
    for name, files in sets_of(Path(chosen.photos), 100):
        report["likeness"][name] = likeness(files, encoder)
    for name, near in report["likeness"].items():
        print(f"{name}: {near}")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(chosen.out)


if __name__ == "__main__":
    main()
