"""Resizing a part of a picture: by SIMD where that package is installed, else by Pillow.

The two differ by at most a few grey levels (both hold weights in fixed point), so this is for
pictures that have been reduced while they were decoded, and are near the whole picture's pixels
rather than equal to them. A picture that was decoded whole is resized by Pillow everywhere, as
OpenCLIP does it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL import Image

Kernel = Literal["bicubic", "bilinear"]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


def resize_box(image: Image.Image, size: tuple[int, int], kernel: Kernel, box: Box) -> Image.Image:
    """Return the box of an RGB image resized to width and height, antialiased."""
    fast = _fast()
    if fast is None:
        from PIL.Image import Resampling

        return image.resize(size, getattr(Resampling, kernel.upper()), box=box)
    return _resize_by_simd(fast, image, size, kernel, box)


def _resize_by_simd(
    fast: Any, image: Image.Image, size: tuple[int, int], kernel: Kernel, box: Box
) -> Image.Image:
    from PIL import Image

    left, top, right, bottom = box
    filters = {"bicubic": fast.FilterType.catmull_rom, "bilinear": fast.FilterType.bilinear}
    options = fast.ResizeOptions(
        resize_alg=fast.ResizeAlg.convolution(filters[kernel]),
        use_alpha=False,
        crop_box=fast.CropBox(left, top, right - left, bottom - top),
    )
    resized = Image.new("RGB", size)
    fast.Resizer().resize_pil(image, resized, options)
    return resized


@lru_cache(maxsize=1)
def _fast() -> Any:
    try:
        import cykooz_resizer
    except ImportError:
        return None
    return cykooz_resizer
