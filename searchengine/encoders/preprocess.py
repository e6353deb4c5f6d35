"""From a picture to the model's pixels, as OpenCLIP does it, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from searchengine.encoders.box_resize import Box, resize_box
from searchengine.encoders.contract import Picture, Pixels

if TYPE_CHECKING:
    from PIL import Image

ResizeMode = Literal["shortest", "longest", "squash"]
Interpolation = Literal["bicubic", "bilinear"]

# OpenAI's CLIP statistics, OpenCLIP's default where a model says nothing.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)

_MARGINS = {8: 2.0, 4: 2.0, 2: 1.5}
"""By how much to reduce, and how many pixels must be left for each one of the result, along
either side. Twice as many cost a camera's original little, most of its time being the reading of
its bytes; of smaller pictures they would mean no reduction at all. ``bench/decode.py`` measures
what is gained and lost, ``docs/decisions`` tells why."""
_LEAST_SIDE = 16
"""Pixels of the short side of a reduced picture. Its edges are the padding of JPEG's blocks."""
_MAX_RESIZED = 16_000_000
"""Pixels of the resized picture beyond which only the part that is kept is computed."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the model's input lies in the picture resized as a whole, in pixels of that."""

    height: int
    width: int
    """Of the picture resized as a whole."""
    top: int
    left: int


@dataclass(frozen=True, slots=True)
class Preprocess:
    """OpenCLIP's inference transform up to ``ToTensor`` (``open_clip.transform.image_transform``).

    A few numbers, so it is cheap to pickle into a worker. ``mean`` and ``std``
    belong to the model's input but are applied on the device.
    """

    size: tuple[int, int]
    """Height and width of the result."""
    resize_mode: ResizeMode = "shortest"
    interpolation: Interpolation = "bicubic"
    fill: int = 0
    """Grey level of the border that ``longest`` adds."""
    mean: tuple[float, float, float] = _MEAN
    std: tuple[float, float, float] = _STD

    def reduction(self, width: int, height: int) -> int:
        """Return by which power of two a picture may be reduced while it is decoded.

        The largest of 8, 4, 2 and 1 that leaves both sides as many times longer
        than the resize makes them as ``_MARGINS`` asks for.
        """
        resized_h, resized_w = self._whole_size(height, width)
        for factor, margin in _MARGINS.items():
            least = margin * factor
            enough = width >= least * resized_w and height >= least * resized_h
            if enough and min(width, height) >= _LEAST_SIDE * factor:
                return factor
        return 1

    def __call__(self, image: Picture, whole: tuple[int, int] | None = None) -> Pixels:
        """Return uint8 (h, w, 3), bit-equal to OpenCLIP's own where the image is the whole picture.

        One exception: of a picture so long that its resized form would exceed
        16 million pixels (3000 x 2 at 224), only the middle is computed, equal
        to within one grey level.

        ``whole`` is the width and height of the picture that the image is a half,
        a quarter or an eighth of, sides rounded up. The result then has every
        pixel where it would be without.
        """
        if isinstance(image, np.ndarray):
            if whole is not None and whole != image.shape[1::-1]:
                return self._from_reduced(image, *whole)
            image = _image_of(image)
        if image.mode != "RGB":
            image = image.convert("RGB")
        if whole is not None and whole != image.size:
            return self._from_reduced(np.asarray(image), *whole)
        height, width = self.size
        if self.resize_mode == "squash":
            image = self._resize(image, self.size)
        else:
            resized = self._resized_size(image.height, image.width)
            if resized[0] * resized[1] > _MAX_RESIZED:
                return self._resize_middle(image, resized)
            image = _pad(self._resize(image, resized), self.size, self._border)
            left = _round_half(image.width - width)
            top = _round_half(image.height - height)
            image = image.crop((left, top, left + width, top + height))
        return np.asarray(image)

    def placement(self, height: int, width: int) -> Placement:
        """Return what a picture of that size is resized to, and the part of it that is kept.

        For models that pad (``longest``) ``top`` and ``left`` are negative where the border is.
        """
        resized_h, resized_w = self._whole_size(height, width)
        top, left = _round_half(resized_h - self.size[0]), _round_half(resized_w - self.size[1])
        return Placement(resized_h, resized_w, top, left)

    @property
    def kernel(self) -> Interpolation:
        """The filter that OpenCLIP really resizes with."""
        # OpenCLIP forgets the interpolation for oblong inputs resized by their shortest side.
        oblong = self.resize_mode == "shortest" and self.size[0] != self.size[1]
        return "bicubic" if oblong else self.interpolation

    def as_open_clip(self) -> dict[str, Any]:
        """Return the settings in OpenCLIP's words (``open_clip.transform.PreprocessCfg``)."""
        return {
            "size": list(self.size),
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "resize_mode": self.resize_mode,
            "fill_color": self.fill,
        }

    @property
    def _border(self) -> int:
        return self.fill if self.resize_mode == "longest" else 0

    def _filter(self) -> Image.Resampling:
        from PIL import Image

        return getattr(Image.Resampling, self.kernel.upper())  # type: ignore[no-any-return]

    def _resize(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        if (image.height, image.width) == size:
            return image
        return image.resize((size[1], size[0]), self._filter())

    def _resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after the resize that keeps the aspect ratio."""
        target_h, target_w = self.size
        if self.resize_mode == "shortest" and target_h == target_w:
            # torchvision.transforms.Resize(int): the long side is truncated
            if width <= height:
                return int(target_w * height / width), target_w
            return target_h, int(target_h * width / height)
        ratios = (height / target_h, width / target_w)
        ratio = max(ratios) if self.resize_mode == "longest" else min(ratios)
        return max(1, round(height / ratio)), max(1, round(width / ratio))

    def _whole_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width after the resize, before anything is cut off or added."""
        return self.size if self.resize_mode == "squash" else self._resized_size(height, width)

    def _from_reduced(self, pixels: Pixels, width: int, height: int) -> Pixels:
        """Resize what a picture of that width and height was reduced to.

        A side of n pixels became n / factor, rounded up: the last pixel may reach
        beyond the picture's edge. The box that is resized ends at the edge.
        """
        rows, columns = pixels.shape[:2]
        factor = 1 << math.ceil(math.log2(max(width / columns, height / rows)))
        extent = (width / factor, height / factor)
        part = self._kept_part((columns, rows), extent, self._whole_size(height, width))
        left, top, right, bottom = part.cut
        resized = resize_box(pixels[top:bottom, left:right], part.size, self.kernel, part.box)
        if resized.shape[:2] == self.size:
            return resized
        return np.asarray(_pad(_image_of(resized), self.size, self._border))

    def _resize_middle(self, image: Image.Image, resized: tuple[int, int]) -> Pixels:
        """Resize just the part of a whole picture that the centre crop keeps."""
        part = self._kept_part(image.size, image.size, resized)
        return np.asarray(image.crop(part.cut).resize(part.size, self._filter(), box=part.box))

    def _kept_part(
        self, source: tuple[int, int], extent: tuple[float, float], resized: tuple[int, int]
    ) -> _Part:
        """Return what of a source (width, height) the centre crop keeps.

        ``extent`` is the width and height of the picture in the source's pixels, ``resized`` the
        height and width that it would have. The cut has a margin as wide as the filter reaches;
        it lets the box be given in small numbers: Pillow keeps it in single precision.
        """
        cuts, starts, ends, sizes = [], [], [], []
        for side, length, large, most in zip(
            source, extent, resized[::-1], self.size[::-1], strict=True
        ):
            scale = length / large
            kept = min(most, large)
            first = _round_half(large - kept)
            start, end = first * scale, (first + kept) * scale
            margin = math.ceil(2 * max(1.0, scale)) + 1
            cut = max(0, math.floor(start) - margin)
            cuts.append((cut, min(side, math.ceil(end) + margin)))
            starts.append(start - cut)
            ends.append(end - cut)
            sizes.append(kept)
        (left, right), (top, bottom) = cuts
        box = (starts[0], starts[1], ends[0], ends[1])
        return _Part((left, top, right, bottom), box, (sizes[0], sizes[1]))


class _Part(NamedTuple):
    """A part of a picture, and what becomes of it."""

    cut: tuple[int, int, int, int]
    """Left, top, right, bottom, in the picture's pixels."""
    box: Box
    """What is resized, in the cut's pixels."""
    size: tuple[int, int]
    """Width and height of the result."""


def preprocess_of(model_cfg: Mapping[str, Any], preprocess_cfg: Mapping[str, Any]) -> Preprocess:
    """Return the preprocessing of a model from OpenCLIP's two configurations.

    As in OpenCLIP, the size is the vision tower's, whatever ``preprocess_cfg``
    says. Raises ``ValueError`` for settings OpenCLIP does not know.
    """
    height, width = _pair(model_cfg["vision_cfg"].get("image_size", 224))
    mode = preprocess_cfg.get("resize_mode") or "shortest"
    if mode not in ("shortest", "longest", "squash"):
        raise ValueError(f"resize_mode {mode!r} is not shortest, longest or squash")
    interpolation = preprocess_cfg.get("interpolation") or "bicubic"
    if interpolation not in ("bicubic", "bilinear", "random"):
        raise ValueError(f"interpolation {interpolation!r} is not bicubic or bilinear")
    return Preprocess(
        size=(height, width),
        resize_mode=cast("ResizeMode", mode),
        interpolation="bilinear" if interpolation == "bilinear" else "bicubic",
        fill=int(preprocess_cfg.get("fill_color") or 0),
        mean=_triple(preprocess_cfg.get("mean") or _MEAN),
        std=_triple(preprocess_cfg.get("std") or _STD),
    )


def _image_of(pixels: Pixels) -> Image.Image:
    from PIL.Image import fromarray

    return fromarray(pixels)


def _pad(image: Image.Image, size: tuple[int, int], fill: int) -> Image.Image:
    from PIL import ImageOps

    missing_h, missing_w = max(0, size[0] - image.height), max(0, size[1] - image.width)
    if not missing_h and not missing_w:
        return image
    border = (missing_w // 2, missing_h // 2, (missing_w + 1) // 2, (missing_h + 1) // 2)
    return ImageOps.expand(image, border=border, fill=(fill, fill, fill))


def _round_half(surplus: int) -> int:
    return round(surplus / 2.0)  # half to even, as torchvision's centre crop rounds


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int | float):
        return int(value), int(value)
    height, width = value if len(value) == 2 else (value[0], value[0])
    return int(height), int(width)


def _triple(value: Any) -> tuple[float, float, float]:
    if isinstance(value, int | float):
        return (float(value),) * 3
    red, green, blue = value
    return float(red), float(green), float(blue)
