"""Measures a model on scenes it never saw: ``python -m searchengine.demo.evaluate``.

Everything is exact cosine search. Text to image: every scene's canonical caption must find its
picture among all of them. Image to image: an altered picture must find the unaltered one.
Short queries: how many of the first five pictures for "a red boat" do hold red boats.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from PIL import Image
from torch.nn import functional

from searchengine.demo.captions import Language, caption, query
from searchengine.demo.collection import held_out_scenes
from searchengine.demo.draw import draw
from searchengine.demo.scenes import Scene

MODEL_FOLDER: Final = Path(__file__).parent / "drawn_scenes"
"""Where the model that is shipped lies."""

_BATCH: Final = 100
_SHORT_DEPTH: Final = 5


@dataclass(frozen=True, slots=True)
class Encoder:
    """A model with what it needs to take in pictures and words."""

    model: Any
    preprocess: Callable[[Image.Image], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """The model of an OpenCLIP ``local-dir:`` folder, in float32 on the processor."""
        name = f"local-dir:{folder}"
        model, _, preprocess = open_clip.create_model_and_transforms(name)
        return cls(model.eval(), preprocess, open_clip.get_tokenizer(name))

    def pictures(self, pictures: Iterable[Image.Image]) -> torch.Tensor:
        """Unit vectors of pictures, float32 [n, embed_dim]."""
        rows, source = [], iter(pictures)
        with torch.inference_mode():
            while batch := list(islice(source, _BATCH)):
                pixels = torch.stack([self.preprocess(picture) for picture in batch])
                rows.append(functional.normalize(self.model.encode_image(pixels), dim=-1))
        return torch.cat(rows)

    def texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Unit vectors of texts, float32 [n, embed_dim]."""
        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                tokens = self.tokenizer(list(texts[start : start + _BATCH]))
                rows.append(functional.normalize(self.model.encode_text(tokens), dim=-1))
        return torch.cat(rows)


def ranks(queries: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """How many rows of ``index`` are at least as near as the right one: int64 [n], 0 is best.

    Row i of ``index`` is the answer to row i of ``queries``; a tie counts against the query.
    """
    scores = queries @ index.T
    right = scores.diagonal().unsqueeze(1)
    return (scores >= right).sum(dim=1) - 1


def recalls(found: torch.Tensor, depths: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Share of ranks better than each depth."""
    return {f"R@{k}": round((found < k).float().mean().item(), 4) for k in depths}


def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture with 5 to 15% of its width and of its height cut off, anywhere."""
    width, height = picture.size
    wide = round(width * (1 - rng.uniform(0.05, 0.15)))
    high = round(height * (1 - rng.uniform(0.05, 0.15)))
    left, top = rng.randint(0, width - wide), rng.randint(0, height - high)
    return picture.crop((left, top, left + wide, top + high))


def compressed(picture: Image.Image, quality: int = 30) -> Image.Image:
    """The picture after a coarse JPEG."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def resized(picture: Image.Image, factor: float) -> Image.Image:
    """The picture scaled by a factor."""
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def image_to_image(
    encoder: Encoder, pictures: Sequence[Image.Image], index: torch.Tensor, seed: int
) -> dict[str, float]:
    """R@1 of finding each picture by an altered copy, for each alteration and overall."""
    rng = random.Random(seed)
    alterations: dict[str, Callable[[Image.Image], Image.Image]] = {
        "crop": lambda picture: cropped(picture, rng),
        "jpeg": compressed,
        "half_size": lambda picture: resized(picture, 0.5),
        "double_size": lambda picture: resized(picture, 2.0),
    }
    figures: dict[str, float] = {}
    for name, alter in alterations.items():
        queries = encoder.pictures(alter(picture) for picture in pictures)
        figures[name] = recalls(ranks(queries, index), (1,))["R@1"]
    figures["overall"] = round(sum(figures.values()) / len(figures), 4)
    return figures


def text_to_image(encoder: Encoder, scenes: Sequence[Scene], index: torch.Tensor) -> dict[str, Any]:
    """Recalls of canonical captions, for each language."""
    languages: tuple[Language, ...] = ("en", "zh")
    return {
        language: recalls(
            ranks(encoder.texts([caption(scene, language) for scene in scenes]), index)
        )
        for language in languages
    }


def short_queries(
    encoder: Encoder, scenes: Sequence[Scene], index: torch.Tensor
) -> dict[str, float]:
    """Precision at 5 of queries such as "a red boat", for each language, averaged.

    Asked are all the colours and kinds that at least five of the scenes hold; a picture is right
    when it holds a thing of that kind in that colour. Beside it the mean reciprocal rank of the
    first right picture over every colour and kind that any scene holds.
    """
    holders: dict[tuple[str, str], set[int]] = {}
    for row, scene in enumerate(scenes):
        for group in scene.groups:
            holders.setdefault((group.kind, group.colour), set()).add(row)
    names = sorted(holders)
    figures: dict[str, float] = {}
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        texts = [query(kind, colour, language) for kind, colour in names]
        order = (encoder.texts(texts) @ index.T).argsort(dim=1, descending=True).tolist()
        precisions, firsts = [], []
        for name, best in zip(names, order, strict=True):
            right = [row in holders[name] for row in best]
            firsts.append(1 / (1 + right.index(True)))
            if len(holders[name]) >= _SHORT_DEPTH:
                precisions.append(sum(right[:_SHORT_DEPTH]) / _SHORT_DEPTH)
        figures[f"{language}_queries"] = len(precisions)
        figures[f"{language}_precision@5"] = round(sum(precisions) / max(1, len(precisions)), 4)
        figures[f"{language}_first_hit_mrr"] = round(sum(firsts) / len(firsts), 4)
    return figures


def evaluate(
    folder: Path = MODEL_FOLDER,
    count: int = 1000,
    seed: int = 1,
    size: tuple[int, int] = (320, 240),
) -> dict[str, Any]:
    """All figures of a model on ``count`` held-out scenes of ``size`` (width, height) pixels."""
    encoder = Encoder.load(folder)
    scenes = list(islice(held_out_scenes(seed), count))
    pictures = [draw(scene, *size) for scene in scenes]
    index = encoder.pictures(pictures)
    return {
        "scenes": count,
        "seed": seed,
        "text_to_image": text_to_image(encoder, scenes, index),
        "image_to_image_R@1": image_to_image(encoder, pictures, index, seed),
        "short_queries": short_queries(encoder, scenes, index),
    }


def main() -> None:
    """Print the figures as JSON, and keep them beside the model when asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m searchengine.demo.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="local-dir: folder")
    parser.add_argument("--count", type=int, default=1000, help="held-out scenes")
    parser.add_argument("--seed", type=int, default=1, help="which held-out scenes")
    parser.add_argument("--write", action="store_true", help="keep them in its figures.json")
    asked = parser.parse_args()
    figures = evaluate(asked.model, asked.count, asked.seed)
    if asked.write:
        file = asked.model / "figures.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        file.write_text(json.dumps({**known, **figures}, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
