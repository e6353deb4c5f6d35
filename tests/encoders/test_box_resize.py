from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders import box_resize
from searchengine.encoders.box_resize import Box, Kernel, resize_box


def noisy(width: int, height: int) -> Image.Image:
    """A smooth picture with grain."""
    random = np.random.default_rng(11)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return Image.fromarray(np.clip(smooth + random.normal(0, 8, smooth.shape), 0, 255).astype("u1"))


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("size", "box"),
    [((500, 375), (62.5, 0.0, 437.5, 375.0)), ((401, 337), (0.0, 10.25, 400.125, 336.5))],
)
def test_both_ways_give_nearly_the_same(
    kernel: Kernel, size: tuple[int, int], box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noisy(*size)
    pixels = np.asarray(picture)
    quick = resize_box(pixels, (224, 224), kernel, box).astype(np.float64)
    monkeypatch.setattr(box_resize, "_fast", lambda: None)
    plain = resize_box(pixels, (224, 224), kernel, box).astype(np.float64)
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    pillow = picture.resize((224, 224), filters[kernel], box=box)
    np.testing.assert_array_equal(plain, np.asarray(pillow))
    assert np.abs(quick - plain).max() <= 3
    assert 10 * np.log10(255**2 / max(((quick - plain) ** 2).mean(), 1e-9)) >= 53


def test_a_box_may_end_an_ulp_beyond_the_picture() -> None:
    pixels = np.asarray(noisy(464, 450))
    beyond = (6.496644295302019, 0.0, 457.50335570469804, 450.00000000000006)
    found = resize_box(pixels, (224, 224), "bicubic", beyond).astype(int)
    inside = resize_box(pixels, (224, 224), "bicubic", (*beyond[:3], 450.0))
    assert np.abs(found - inside).max() <= 1


def test_a_part_of_an_array_is_resized_as_a_copy_of_it() -> None:
    pixels = np.asarray(noisy(300, 200))
    part, box = pixels[7:150, 20:260], (0.5, 1.0, 239.5, 142.0)
    kernels: tuple[Kernel, ...] = ("bicubic", "bilinear")
    for kernel in kernels:
        np.testing.assert_array_equal(
            resize_box(part, (64, 48), kernel, box), resize_box(part.copy(), (64, 48), kernel, box)
        )
