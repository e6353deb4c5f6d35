"""Resizing on a device, on the one device that is everywhere: held against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders.preprocess import Preprocess
from searchengine.encoders.towers.device_resize import DeviceResize


def textured(width: int, height: int, seed: int) -> Image.Image:
    """A picture with edges, slopes and noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (max(2, height // 16), max(2, width // 16), 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noise = random.normal(0, 6, smooth.shape)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess((64, 64)),
        Preprocess((64, 64), interpolation="bilinear"),
        Preprocess((64, 64), resize_mode="squash"),
        Preprocess((48, 64), resize_mode="squash", interpolation="bilinear"),
    ],
    ids=lambda one: f"{one.resize_mode}-{one.interpolation}-{one.size[0]}",
)
def test_it_gives_what_pillow_gives(preprocess: Preprocess) -> None:
    import torch

    sizes = [(300, 200), (200, 300), (64, 64), (101, 97), (50, 40), (300, 200), (640, 65)]
    pictures = [textured(*size, seed) for seed, size in enumerate(sizes)]
    resize = DeviceResize(preprocess, torch.device("cpu"))
    ours = resize.mixed([torch.from_numpy(np.array(one)) for one in pictures]).numpy()
    assert ours.dtype == np.uint8
    assert ours.shape == (len(pictures), *preprocess.size, 3)
    for mine, picture in zip(ours, pictures, strict=True):
        theirs = preprocess(picture).astype(np.float64)
        error = float(((mine - theirs) ** 2).mean())
        assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 46


@pytest.mark.parametrize("size", [(640, 480), (1001, 667), (333, 999)])
def test_reduced_pictures_lie_where_the_host_puts_them(size: tuple[int, int]) -> None:
    import torch

    preprocess = Preprocess((64, 64))
    picture = textured(*size, 5)
    factor = preprocess.reduction(*size)
    assert factor > 1
    reduced = picture.reduce(factor)
    theirs = preprocess(reduced, size).astype(np.float64)
    resize = DeviceResize(preprocess, torch.device("cpu"))
    ours = resize.mixed([torch.from_numpy(np.array(reduced))], [size]).numpy()[0]
    error = float(((ours - theirs) ** 2).mean())
    assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 46


def test_padded_models_are_not_covered() -> None:
    assert not DeviceResize.covers(Preprocess((64, 64), resize_mode="longest"))
    assert DeviceResize.covers(Preprocess((64, 64)))
