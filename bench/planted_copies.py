"""Pictures with altered copies among them, and which of them belong together.

Five kinds of change, each in the ways in which people make it: the amounts and styles below are
drawn at random for each copy.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Pair = tuple[str, str]


def plant(folder: Path, copies: int, seed: int) -> dict[Pair, str]:
    """Add altered copies of the JPEGs of a folder to it; return the kind of every pair made.

    No original is used twice unless there are fewer originals than copies.
    """
    originals = sorted(path for path in folder.iterdir() if path.suffix == ".jpg")
    rng = random.Random(seed)
    chosen = rng.sample(originals, min(copies, len(originals)))
    planted: dict[Pair, str] = {}
    for number in range(copies):
        source, kind = chosen[number % len(chosen)], list(CHANGES)[number % len(CHANGES)]
        name = f"copy-{number:04d}-{kind}.jpg"
        with Image.open(source) as opened:
            picture = opened.convert("RGB")
        quality = rng.randint(15, 60) if kind == "recompressed" else rng.randint(75, 95)
        CHANGES[kind](picture, rng).save(folder / name, quality=quality)
        planted[(source.name, name)] = kind
    return planted


def resized(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Between 0.4 and 1.6 times as large."""
    factor = math.exp(rng.uniform(math.log(0.4), math.log(1.6)))
    size = (round(picture.width * factor), round(picture.height * factor))
    filters = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return picture.resize(size, rng.choice(filters))


def recompressed(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Saved again, with a JPEG quality of 15 to 60 (chosen where it is saved)."""
    return picture


def cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
    """5 % of width and height gone, wherever, or 5 % on every side; sometimes at the old size."""
    width, height = picture.size
    if rng.random() < 0.5:
        left, top = rng.uniform(0, 0.05), rng.uniform(0, 0.05)
        box = (left, top, left + 0.95, top + 0.95)
    else:
        box = (0.05, 0.05, 0.95, 0.95)
    part = picture.crop(
        tuple(round(at * side) for at, side in zip(box, (width, height) * 2, strict=True))
    )
    return part.resize(picture.size, Image.Resampling.BICUBIC) if rng.random() < 0.5 else part


def rotated(picture: Image.Image, rng: random.Random) -> Image.Image:
    """By 2 degrees either way: corners filled, frame grown, or the largest upright part."""
    angle, style = rng.choice((-2.0, 2.0)), rng.choice(("filled", "grown", "inner"))
    fill = rng.choice(("black", "white"))
    turned = picture.rotate(
        angle, Image.Resampling.BICUBIC, expand=style == "grown", fillcolor=fill
    )
    if style != "inner":
        return turned
    lost = math.tan(math.radians(abs(angle)))
    across, down = math.ceil(picture.height * lost / 2), math.ceil(picture.width * lost / 2)
    return turned.crop((across, down, turned.width - across, turned.height - down))


def watermarked(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A translucent name, large across the picture or all over it, or a small one in a corner."""
    style = rng.choice(("across", "tiled", "corner"))
    shade = rng.choice((0, 255))
    alpha = rng.randint(190, 255) if style == "corner" else rng.randint(70, 150)
    share = {"across": 0.15, "tiled": 0.07, "corner": 0.05}[style]
    font = ImageFont.load_default(max(9, round(share * min(picture.size))))
    layer = Image.new("RGBA", picture.size, (shade, shade, shade, 0))
    pen, ink = ImageDraw.Draw(layer), (shade, shade, shade, alpha)
    text = rng.choice(("© A. Painter", "SAMPLE", "my photos 2024", "DO NOT COPY"))
    width, height = picture.size
    long, tall = pen.textlength(text, font), max(9.0, share * min(picture.size))
    if style == "corner":
        place = (width - long - tall / 2, height - 1.7 * tall)
        pen.text(place, text, ink, font)
    elif style == "across":
        pen.text(((width - long) / 2, height * rng.uniform(0.3, 0.6)), text, ink, font)
    else:
        for row in range(int(height / (3 * tall)) + 1):
            for column in range(int(width / (long + tall)) + 2):
                pen.text((column * (long + tall) - row * tall, row * 3 * tall), text, ink, font)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "resized": resized,
    "recompressed": recompressed,
    "cropped": cropped,
    "rotated": rotated,
    "watermarked": watermarked,
}
