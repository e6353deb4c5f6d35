"""A bank of ordinary captions, and of pictures drawn by this package: what models are tried on."""

from __future__ import annotations

import hashlib
import io
import random
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from searchengine.demo.captions import split_of
from searchengine.demo.scenes import sample_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from PIL import Image

CAPTIONS_FILE: Final = Path(__file__).with_name("bank_captions.txt")
PICTURES: Final = 128
"""How many pictures are drawn. 64 to 512 of them measured the same (docs/relevance.md)."""

COPIES: Final = 32
"""How many of them are shown to the model a second time, worn."""

_SEED: Final = 77
_SIZE: Final = (320, 240)


@cache
def bank_captions() -> tuple[str, ...]:
    """Return the captions, some 1,000, all different (``query/relevance/words.py`` made them)."""
    return tuple(CAPTIONS_FILE.read_text(encoding="utf-8").splitlines())


def bank_pictures() -> Iterator[Image.Image]:
    """Draw the ``PICTURES`` pictures, RGB: scenes of the split that no test draws from."""
    from searchengine.demo.draw import draw

    rng = random.Random(_SEED)
    drawn = 0
    while drawn < PICTURES:
        scene = sample_scene(rng)
        if split_of(scene) == "train":
            drawn += 1
            yield draw(scene, *_SIZE)


def worn_copies(pictures: Sequence[Image.Image]) -> Iterator[Image.Image]:
    """Return the first ``COPIES`` cropped, shrunk and hard compressed: the same, for any person."""
    from PIL import Image

    for picture in pictures[:COPIES]:
        width, height = picture.size
        cut = picture.crop((width // 16, height // 20, width - width // 20, height - height // 16))
        small = cut.resize((cut.width * 2 // 3, cut.height * 2 // 3))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=35)
        yield Image.open(out).convert("RGB")


@cache
def bank_digest() -> str:
    """Return 16 hex digits that change with the bank."""
    recipe = f"{PICTURES} {COPIES} {_SEED} {_SIZE}\n"
    text = recipe + "\n".join(bank_captions())
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
