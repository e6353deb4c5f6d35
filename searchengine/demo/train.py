"""Trains the ``drawn-scenes`` model from nothing: ``python -m searchengine.demo.train``.

A pool of training scenes is drawn once; every step then takes a batch of them, looks at each
through a fresh random crop, and pulls pictures and captions together with OpenCLIP's own
contrastive loss: once with full captions in one language and once with short ones in the other,
the languages changing places every step. A second look at part of the batch is pulled to the
first the same way, so that a picture is found again after cropping, resizing or compression.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from open_clip.loss import ClipLoss
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from searchengine.demo.captions import Language, caption, glimpse, restate, split_of
from searchengine.demo.draw import draw
from searchengine.demo.network import (
    CONTEXT_LENGTH,
    IMAGE_SIZE,
    MEAN,
    STD,
    build_model,
    encode_tokens,
    save_model,
)
from searchengine.demo.scenes import Scene, sample_scene

log = logging.getLogger(__name__)

POOL_SIZE: Final = 112
"""Side in pixels of the pool's drawings; random crops of them are scaled to the model's size."""

_LANGUAGES: Final[tuple[Language, Language]] = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a training run depends on; equal settings give equal weights on one machine."""

    steps: int = 1600
    batch: int = 256
    second_views: int = 64
    pool: int = 40_000
    rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 0.05
    threads: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """Training scenes and their drawings, uint8 [n, 3, POOL_SIZE, POOL_SIZE]."""

    scenes: list[Scene]
    pictures: torch.Tensor


def training_scenes(count: int, seed: int) -> list[Scene]:
    """That many scenes of the training split."""
    rng = random.Random(seed)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scene = sample_scene(rng)
        if split_of(scene) == "train":
            scenes.append(scene)
    return scenes


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


def learning_rate(step: int, settings: Settings) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    if step < settings.warmup:
        return settings.rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.rate * 0.5 * (1 + math.cos(math.pi * done))


def make_optimizer(model: CLIP, settings: Settings) -> torch.optim.AdamW:
    """AdamW that leaves gains, biases, positions and the token table undecayed."""
    decayed: list[torch.nn.Parameter] = []
    free: list[torch.nn.Parameter] = []
    for name, weight in model.named_parameters():
        plain = weight.ndim < 2 or "embedding" in name
        (free if plain else decayed).append(weight)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), eps=1e-6)


def silence_unused_tokens(model: CLIP, pool: Pool, tokenizer: SimpleTokenizer) -> None:
    """Zero the rows of tokens that no training caption holds.

    They would keep their random start for ever; at zero, a word the model has never met adds
    nothing to a query instead of noise.
    """
    rng = random.Random(0)
    used = torch.zeros(model.token_embedding.num_embeddings, dtype=torch.bool)
    for scene in pool.scenes[:4000]:
        lines = [caption(scene, language, rng) for language in ("en", "zh") for _ in range(4)]
        used[tokenizer(lines, context_length=CONTEXT_LENGTH).flatten()] = True
    with torch.no_grad():
        model.token_embedding.weight[~used] = 0


@dataclass(frozen=True, slots=True)
class Teacher:
    """What turns rows of the pool into a loss; all its chances come from two generators."""

    model: CLIP
    pool: Pool
    settings: Settings
    rng: random.Random
    generator: torch.Generator
    tokenizer: SimpleTokenizer
    criterion: ClipLoss

    def loss(self, rows: list[int], full: Language, short: Language) -> torch.Tensor:
        """Loss of a batch: full captions, short ones, and a second look at part of it."""
        count, again = len(rows), self.settings.second_views
        pictures = self.pool.pictures[rows]
        views = [look(part, self.generator) for part in (pictures, pictures[:again])]
        seen = functional.normalize(self.model.encode_image(torch.cat(views)), dim=-1)
        scale = self.model.logit_scale.exp()
        looks = self.criterion(seen[:again], seen[count:], scale)
        # Several pictures of a batch may fit a short caption, so full captions, of which each
        # fits one picture, are contrasted apart from them.
        wholes = self.criterion(seen[:count], self._told(rows, full, whole=True), scale)
        glimpses = self.criterion(seen[:count], self._told(rows, short, whole=False), scale)
        loss: torch.Tensor = wholes + 0.7 * glimpses + 0.2 * looks
        return loss

    def _told(self, rows: list[int], language: Language, *, whole: bool) -> torch.Tensor:
        """Unit vectors of the rows' captions, float32 [n, embed_dim]."""
        lines = []
        for row in rows:
            scene = self.pool.scenes[row]
            if not whole:
                lines.append(glimpse(scene, language, self.rng))
            elif self.rng.random() < 0.7:
                lines.append(caption(scene, language))
            else:
                lines.append(restate(scene, language, self.rng))
        return functional.normalize(encode_tokens(self.model, self.tokenizer(lines)), dim=-1)


def train(
    pool: Pool, settings: Settings, keep: Callable[[CLIP], None] | None = None
) -> tuple[CLIP, list[float]]:
    """Fit a fresh model to the pool; the model (in evaluation mode) and the loss of each step.

    ``keep`` is given the unfinished model every 250 steps.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    tokenizer = SimpleTokenizer(context_length=CONTEXT_LENGTH)
    model = build_model()
    silence_unused_tokens(model, pool, tokenizer)
    model.visual.to(memory_format=torch.channels_last)
    model.train()
    optimizer = make_optimizer(model, settings)
    teacher = Teacher(model, pool, settings, rng, generator, tokenizer, ClipLoss())
    losses: list[float] = []
    started = time.perf_counter()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        rows = rng.sample(range(len(pool.scenes)), settings.batch)
        full, short = _LANGUAGES[step % 2], _LANGUAGES[1 - step % 2]
        loss = teacher.loss(rows, full, short)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        losses.append(loss.item())
        if step % 50 == 49:
            recent = sum(losses[-50:]) / 50
            spent = time.perf_counter() - started
            log.info("step %d  loss %.4f  %.0f s", step + 1, recent, spent)
        if keep is not None and step % 250 == 249:
            keep(model)
    return model.eval(), losses


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m searchengine.demo.train", description=__doc__)
    defaults = Settings()
    home = Path(__file__).parent / "drawn_scenes"
    parser.add_argument("--out", type=Path, default=home, help="folder the model is written to")
    for name in ("steps", "batch", "pool", "threads", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--rate", type=float, default=defaults.rate)
    return parser.parse_args()


def main() -> None:
    """Train as the command line asks and write the model with a ``training.json`` beside it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = vars(_arguments())
    out: Path = asked.pop("out")
    settings = Settings(**asked)
    started = time.perf_counter()
    pool = draw_pool(training_scenes(settings.pool, settings.seed), settings.threads)
    drawn = time.perf_counter() - started
    log.info("drew %d scenes in %.0f s", settings.pool, drawn)
    model, losses = train(pool, settings, partial(save_model, folder=out))
    save_model(model, out)
    report = {
        "steps": settings.steps,
        "batch": settings.batch,
        "pool": settings.pool,
        "seed": settings.seed,
        "drawing_seconds": round(drawn),
        "seconds": round(time.perf_counter() - started),
        "last_loss": round(sum(losses[-100:]) / len(losses[-100:]), 4),
    }
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    log.info("%s", json.dumps(report))


if __name__ == "__main__":
    main()
