"""The pool of drawings a training run looks at, and the random looks it takes at them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from searchengine.demo.captions import split_of
from searchengine.demo.draw import draw
from searchengine.demo.network import IMAGE_SIZE, MEAN, STD
from searchengine.demo.scenes import KINDS, Scene, sample_scene

POOL_SIZE: Final = 112
"""Side in pixels of the pool's drawings; random crops of them are scaled to the model's size."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Training scenes and their drawings, uint8 [n, 3, POOL_SIZE, POOL_SIZE]."""

    scenes: list[Scene]
    pictures: torch.Tensor


def training_scenes(count: int, seed: int) -> list[Scene]:
    """An even number of scenes of the training split: each at an even place, its twin behind it."""
    rng = random.Random(seed)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_scene(rng)
        other = twin(scene, rng)
        if split_of(scene) == split_of(other) == "train":
            scenes += [scene, other]
    return scenes


def twin(scene: Scene, rng: random.Random) -> Scene:
    """The scene with every kind exchanged for another and nothing else changed.

    Colours, places and numbers are so easy to see that a model tells scenes apart by them alone
    and never learns what a boat looks like; between twins only that helps.
    """
    old = {group.kind for group in scene.groups}
    kinds = rng.sample([kind for kind in KINDS if kind not in old], len(scene.groups))
    groups = tuple(
        replace(group, kind=kind) for group, kind in zip(scene.groups, kinds, strict=True)
    )
    return replace(scene, groups=groups)


def draw_pool(scenes: list[Scene], workers: int = 2) -> Pool:
    """Draw every scene at the pool's size, in as many processes as asked."""
    pictures = torch.empty((len(scenes), 3, POOL_SIZE, POOL_SIZE), dtype=torch.uint8)
    chunks = [scenes[start : start + 250] for start in range(0, len(scenes), 250)]
    if workers <= 1:
        done: Iterator[np.ndarray] = map(_draw_chunk, chunks)
        _fill(pictures, done)
    else:
        with ProcessPoolExecutor(workers) as executor:
            _fill(pictures, executor.map(_draw_chunk, chunks))
    return Pool(scenes, pictures)


def _fill(pictures: torch.Tensor, chunks: Iterator[np.ndarray]) -> None:
    start = 0
    for chunk in chunks:
        pictures[start : start + len(chunk)] = torch.from_numpy(chunk)
        start += len(chunk)


def _draw_chunk(scenes: list[Scene]) -> np.ndarray:
    """Drawings of some scenes, uint8 [n, 3, POOL_SIZE, POOL_SIZE]."""
    drawings = [np.asarray(draw(scene, POOL_SIZE, POOL_SIZE)) for scene in scenes]
    stacked: np.ndarray = np.stack(drawings).transpose(0, 3, 1, 2)
    return stacked


def look(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A fresh random view of each picture: uint8 [n, 3, s, s] -> float [n, 3, 96, 96].

    A crop that keeps 83 to 100% of each side (never mirrored: left and right have names), some
    of them blurred as by a smaller picture, with a little noise and light change; normalised.
    """
    count = len(pictures)
    views = pictures.float().div_(255)
    # Half of the looks are whole, as the pictures in a collection mostly are.
    keep = 1 - 0.17 * torch.rand((count, 2), generator=generator)
    keep[torch.rand(count, generator=generator) < 0.4] = 1.0
    shift = (1 - keep) * (2 * torch.rand((count, 2), generator=generator) - 1)
    matrix = torch.zeros((count, 2, 3))
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :, 2] = keep[:, 0], keep[:, 1], shift
    grid = functional.affine_grid(matrix, [count, 3, IMAGE_SIZE, IMAGE_SIZE], align_corners=False)
    views = functional.grid_sample(views, grid, padding_mode="border", align_corners=False)
    blurred = int(0.25 * count)
    half = functional.avg_pool2d(views[:blurred], 2)
    views[:blurred] = functional.interpolate(half, scale_factor=2.0, mode="bilinear")
    light = 1 + 0.1 * (2 * torch.rand((count, 1, 1, 1), generator=generator) - 1)
    noise = 0.03 * torch.rand((count, 1, 1, 1), generator=generator)
    views = views * light + noise * torch.randn(views.shape, generator=generator)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    shown: torch.Tensor = (views.clamp_(0, 1) - mean) / std
    return shown.contiguous(memory_format=torch.channels_last)
