"""Resizing a part of a picture: by SIMD where that package is installed, else by Pillow.

The two differ by at most a few grey levels (both hold weights in fixed point), so this is for
pictures that have been reduced while they were decoded, and are near the whole picture's pixels
rather than equal to them. A picture that was decoded whole is resized by Pillow everywhere, as
OpenCLIP does it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from searchengine.encoders.contract import Pixels

Kernel = Literal["bicubic", "bilinear"]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


def resize_box(pixels: Pixels, size: tuple[int, int], kernel: Kernel, box: Box) -> Pixels:
    """Return the box of uint8 (h, w, 3) resized to width and height, antialiased."""
    fast = _fast()
    if fast is not None:
        return _resize_by_simd(fast, pixels, size, kernel, box)
    from PIL.Image import Resampling, fromarray

    image = fromarray(pixels).resize(size, getattr(Resampling, kernel.upper()), box=box)
    return np.asarray(image)


def _resize_by_simd(
    fast: Any, pixels: Pixels, size: tuple[int, int], kernel: Kernel, box: Box
) -> Pixels:
    left, top, right, bottom = box
    rows, columns = pixels.shape[:2]
    width, height = size
    filters = {"bicubic": fast.FilterType.catmull_rom, "bilinear": fast.FilterType.bilinear}
    options = fast.ResizeOptions(
        resize_alg=fast.ResizeAlg.convolution(filters[kernel]),
        crop_box=fast.CropBox(left, top, _length(left, right, columns), _length(top, bottom, rows)),
    )
    kind = fast.PixelType.U8x3
    source = fast.ImageData(columns, rows, kind, pixels.tobytes())
    resized = fast.ImageData(width, height, kind)
    fast.Resizer().resize(source, resized, options)
    return np.frombuffer(resized.get_buffer(), np.uint8).reshape(height, width, 3)


def _length(start: float, end: float, most: int) -> float:
    """Return how long a side of the box is; by rounding it could end an ulp beyond the picture."""
    length = min(end, most) - start
    return length if start + length <= most else math.nextafter(length, 0)


def resized_by() -> str:
    """Return the name of what resizes here."""
    return "Pillow" if _fast() is None else "cykooz-resizer"


@lru_cache(maxsize=1)
def _fast() -> Any:
    try:
        import cykooz_resizer
    except ImportError:
        return None
    return cykooz_resizer
