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
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import torch
from open_clip.factory import load_checkpoint
from open_clip.loss import ClipLoss
from open_clip.model import CLIP
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from searchengine.demo.captions import Language, caption, glimpse, query, restate
from searchengine.demo.network import (
    CONTEXT_LENGTH,
    build_model,
    encode_tokens,
    save_model,
)
from searchengine.demo.pool import Pool, draw_pool, look, training_scenes
from searchengine.demo.scenes import COLOURS, KINDS

log = logging.getLogger(__name__)

_LANGUAGES: Final[tuple[Language, Language]] = ("en", "zh")

# Every kind, then every kind in every colour.
_QUERIES: Final[dict[Language, list[str]]] = {
    language: [query(kind, None, language) for kind in KINDS]
    + [query(kind, colour, language) for kind in KINDS for colour in COLOURS]
    for language in _LANGUAGES
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a training run depends on; equal settings give equal weights on one machine."""

    steps: int = 1500
    batch: int = 256
    second_views: int = 32
    pool: int = 30_000
    rate: float = 2e-3
    warmup: int = 200
    weight_decay: float = 0.05
    threads: int = 2
    seed: int = 0


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


def shared_contrast(scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """InfoNCE both ways where a row may have several right columns, and a column several rows.

    Both are float32 [rows, columns], ``truth`` of zeros and ones; its empty columns are left
    out of the way back.
    """
    wanted = truth.sum(dim=0) > 0
    back, right = scores[:, wanted].T, truth[:, wanted].T
    there = functional.cross_entropy(scores, truth / truth.sum(dim=1, keepdim=True))
    return 0.5 * (there + functional.cross_entropy(back, right / right.sum(dim=1, keepdim=True)))


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
        asked = self._asked(rows, seen[:count], short)
        loss: torch.Tensor = wholes + glimpses + asked + 0.2 * looks
        return loss

    def _asked(self, rows: list[int], seen: torch.Tensor, language: Language) -> torch.Tensor:
        """Contrastive loss of a batch against every short query there is.

        Half of it asks for kinds ("a boat"), half for kinds in a colour ("a red boat"). All
        right pictures of a query count as right, so nothing true is pushed away.
        """
        told = functional.normalize(
            encode_tokens(self.model, self.tokenizer(_QUERIES[language])), dim=-1
        )
        truth = torch.zeros(len(rows), len(told))
        for line, row in enumerate(rows):
            for group in self.pool.scenes[row].groups:
                kind = KINDS.index(group.kind)
                colour = COLOURS.index(group.colour)
                truth[line, kind] = 1
                truth[line, len(KINDS) + kind * len(COLOURS) + colour] = 1
        scores = self.model.logit_scale.exp() * seen @ told.T
        cut = len(KINDS)
        loss = shared_contrast(scores[:, :cut], truth[:, :cut])
        return 0.5 * (loss + shared_contrast(scores[:, cut:], truth[:, cut:]))

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
    pool: Pool,
    settings: Settings,
    keep: Callable[[CLIP], None] | None = None,
    start: Path | None = None,
) -> tuple[CLIP, list[float]]:
    """Fit a fresh model to the pool; the model (in evaluation mode) and the loss of each step.

    ``keep`` is given the unfinished model every 100 steps. ``start`` is a folder
    whose weights to go on from.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    tokenizer = SimpleTokenizer(context_length=CONTEXT_LENGTH)
    model = build_model()
    silence_unused_tokens(model, pool, tokenizer)
    if start is not None:
        load_checkpoint(model, str(start / "open_clip_model.safetensors"))
    model.visual.to(memory_format=torch.channels_last)
    model.train()
    optimizer = make_optimizer(model, settings)
    teacher = Teacher(model, pool, settings, rng, generator, tokenizer, ClipLoss())
    losses: list[float] = []
    started = time.perf_counter()
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        firsts = rng.sample(range(0, len(pool.scenes), 2), settings.batch // 2)
        rows = [row for first in firsts for row in (first, first + 1)]
        full, short = _LANGUAGES[step % 2], _LANGUAGES[1 - step % 2]
        loss = teacher.loss(rows, full, short)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        losses.append(loss.item())
        if step % 25 == 24:
            recent = sum(losses[-25:]) / 25
            spent = time.perf_counter() - started
            log.info("step %d  loss %.4f  %.0f s", step + 1, recent, spent)
        if keep is not None and step % 100 == 99:
            keep(model)
    return model.eval(), losses


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m searchengine.demo.train", description=__doc__)
    defaults = Settings()
    home = Path(__file__).parent / "drawn_scenes"
    parser.add_argument("--out", type=Path, default=home, help="folder the model is written to")
    for name in ("steps", "batch", "pool", "warmup", "threads", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    parser.add_argument("--from", dest="start", type=Path, help="folder to go on from")
    parser.add_argument("--rate", type=float, default=defaults.rate)
    return parser.parse_args()


def main() -> None:
    """Train as the command line asks and write the model and a ``figures.json`` beside it."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asked = vars(_arguments())
    out: Path = asked.pop("out")
    start: Path | None = asked.pop("start")
    settings = Settings(**asked)
    started = time.perf_counter()
    pool = draw_pool(training_scenes(settings.pool, settings.seed), settings.threads)
    drawn = time.perf_counter() - started
    log.info("drew %d scenes in %.0f s", settings.pool, drawn)
    model, losses = train(pool, settings, partial(save_model, folder=out), start)
    save_model(model, out)
    report = {
        "command": " ".join(["python -m searchengine.demo.train", *sys.argv[1:]]),
        "steps": settings.steps,
        "batch": settings.batch,
        "pool": settings.pool,
        "seed": settings.seed,
        "threads": settings.threads,
        "torch": torch.__version__,
        "drawing_seconds": round(drawn),
        "seconds": round(time.perf_counter() - started),
        "last_loss": round(sum(losses[-50:]) / len(losses[-50:]), 4),
    }
    figures = json.dumps({"training": report}, indent=2) + "\n"
    (out / "figures.json").write_text(figures, encoding="utf-8")
    log.info("%s", figures)


if __name__ == "__main__":
    main()
