from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders.preprocess import Preprocess, preprocess_of

MODES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear")


def open_clip_pixels(image: Image.Image, preprocess: Preprocess) -> Any:
    """OpenCLIP's own transform, stopped before ``ToTensor``."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    settings = preprocess.as_open_clip()
    size = settings["size"]
    settings["size"] = size[0] if size[0] == size[1] else tuple(size)
    for step in image_transform_v2(PreprocessCfg(**settings), is_train=False).transforms:
        if type(step).__name__ == "MaybeToTensor":
            break
        image = step(image)
    return np.asarray(image)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 10007 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize(("mode", "interpolation"), itertools.product(MODES, INTERPOLATIONS))
@pytest.mark.parametrize("size", [(32, 32), (63, 63), (32, 48), (48, 32)])
def test_bit_equal_to_open_clip(size: tuple[int, int], mode: Any, interpolation: Any) -> None:
    preprocess = Preprocess(size, mode, interpolation, fill=77)
    widths = (1, 2, 31, 32, 33, 47, 63, 64, 100, 255)
    for width, height in itertools.product(widths, widths):
        if mode == "longest" and max(width / height, height / width) > 60:
            continue  # OpenCLIP itself fails where a side would vanish
        ours = preprocess(noise(width, height))
        assert ours.shape == (*size, 3)
        assert ours.dtype == np.uint8
        theirs = open_clip_pixels(noise(width, height), preprocess)
        np.testing.assert_array_equal(ours, theirs, f"{width}x{height}")


@pytest.mark.parametrize("mode", MODES)
def test_bit_equal_on_photos(mode: Any, photos: Path) -> None:
    preprocess = Preprocess((224, 224), mode)
    files = sorted((photos / "coco-cc").glob("*.jpg"))[::6]
    assert len(files) > 10
    for file in files:
        with Image.open(file) as image:
            image = image.convert("RGB")
        np.testing.assert_array_equal(preprocess(image), open_clip_pixels(image, preprocess))


@pytest.mark.parametrize("shape", [(3000, 2), (2, 3000), (1, 1500), (4001, 3)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_of_very_long_pictures_only_the_middle_is_computed(
    shape: tuple[int, int], interpolation: Any
) -> None:
    preprocess = Preprocess((224, 224), "shortest", interpolation)
    image = noise(*shape)
    theirs = open_clip_pixels(image, preprocess)
    difference = np.abs(preprocess(image).astype(int) - theirs.astype(int))
    assert difference.max() <= 1


def test_a_line_of_a_picture_takes_no_memory_worth_mentioning() -> None:
    # Resized whole it would be 224 x 14,560,000.
    assert Preprocess((224, 224))(noise(65000, 1)).shape == (224, 224, 3)
    assert Preprocess((224, 224), "longest")(noise(65000, 1)).shape == (224, 224, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16", "LA"])
def test_other_modes_are_read_as_rgb(mode: str) -> None:
    image = noise(40, 30).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = image.convert("I").convert("I;16")
    preprocess = Preprocess((16, 16))
    np.testing.assert_array_equal(preprocess(image), preprocess(image.convert("RGB")))


def test_it_travels_to_a_worker() -> None:
    preprocess = Preprocess((32, 32), "longest", "bilinear", 3)
    data = pickle.dumps(preprocess)
    assert pickle.loads(data) == preprocess
    assert len(data) < 1000


def test_settings_are_read_as_open_clip_reads_them() -> None:
    model = {"vision_cfg": {"image_size": [10, 20]}}
    settings = {
        "size": 99,  # the tower's size counts
        "mean": 0.5,
        "std": [0.1, 0.2, 0.3],
        "interpolation": "random",
        "resize_mode": "longest",
        "fill_color": 7,
    }
    assert preprocess_of(model, settings) == Preprocess(
        (10, 20), "longest", "bicubic", 7, (0.5, 0.5, 0.5), (0.1, 0.2, 0.3)
    )
    from open_clip.transform import PreprocessCfg

    default = PreprocessCfg()
    ours = preprocess_of({"vision_cfg": {}}, {}).as_open_clip()
    assert ours["size"] == [default.size, default.size]
    assert tuple(ours["mean"]) == default.mean
    assert tuple(ours["std"]) == default.std
    assert (ours["interpolation"], ours["resize_mode"], ours["fill_color"]) == (
        default.interpolation,
        default.resize_mode,
        default.fill_color,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize_mode": "stretch"}, "stretch"),
        ({"interpolation": "lanczos"}, "lanczos"),
        ({"mean": [1, 2]}, "expected 3"),
    ],
)
def test_unknown_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preprocess_of({"vision_cfg": {}}, settings)


# -- pictures reduced while they are decoded ------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "mode", "factor"),
    [
        (335, 335, "shortest", 1),
        (671, 2000, "shortest", 1),
        (672, 2000, "shortest", 2),
        (1000, 750, "shortest", 2),
        (1791, 1791, "shortest", 2),
        (1792, 5000, "shortest", 4),
        (4000, 3000, "shortest", 4),
        (3584, 3584, "shortest", 8),
        (60_000, 60_000, "shortest", 8),
        (4000, 300, "shortest", 1),
        (4000, 300, "squash", 1),
        (4000, 300, "longest", 8),
        (4000, 100, "longest", 4),  # of an eighth, the short side would be 13 pixels
        (4000, 1, "longest", 1),
        (1, 1, "squash", 1),
    ],
)
def test_how_far_a_picture_may_be_reduced(width: int, height: int, mode: Any, factor: int) -> None:
    preprocess = Preprocess((224, 224), mode)
    assert preprocess.reduction(width, height) == factor
    assert preprocess.reduction(height, width) == factor


def test_of_an_oblong_input_the_tighter_side_counts() -> None:
    preprocess = Preprocess((224, 448), "squash")
    assert preprocess.reduction(4000, 1000) == 2
    assert preprocess.reduction(1000, 4000) == 1


def gradient(width: int, height: int) -> Image.Image:
    """A picture without fine detail, of which nothing is lost when it is reduced."""
    x = np.linspace(0, 1, width)[None, :] + 0.5 / width
    y = np.linspace(0, 1, height)[:, None] + 0.5 / height
    planes = [255 * x + 0 * y, 255 * y + 0 * x, 127.5 + 100 * np.sin(9 * x) * np.cos(7 * y)]
    return Image.fromarray(np.rint(np.stack(planes, axis=-1)).astype(np.uint8))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(32, 32), (32, 48), (63, 63)])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_picture_has_every_pixel_where_the_whole_one_has_it(
    size: tuple[int, int], mode: Any, factor: int
) -> None:
    preprocess = Preprocess(size, mode, fill=77)
    # One pixel more or less shifts OpenCLIP's crop; the sides are no multiples of the factor.
    for width, height in ((1001, 750), (1007, 751), (601, 1399), (800, 800), (1600, 601)):
        image = gradient(width, height)
        reduced = image.reduce(factor)  # rounds sides up, as a decoder does
        ours = preprocess(reduced, (width, height)).astype(int)
        assert ours.shape == (*size, 3)
        difference = np.abs(ours - preprocess(image))
        assert np.sqrt((difference**2).mean()) < 0.6, (width, height)
        assert difference.max() <= 6, (width, height)


@pytest.mark.parametrize("size", [(1200, 900), (900, 1200), (6000, 4000)])
def test_rounding_does_not_take_the_box_out_of_the_picture(size: tuple[int, int]) -> None:
    preprocess = Preprocess((240, 240) if size[0] > 1200 else (224, 224))
    factor = preprocess.reduction(*size)
    reduced = Image.new("RGB", (size[0] // factor, size[1] // factor), (10, 200, 30))
    pixels = preprocess(reduced, size)
    assert pixels.shape == (*preprocess.size, 3)
    assert (pixels == [10, 200, 30]).all()


@pytest.mark.parametrize("mode", MODES)
def test_pixels_are_taken_as_the_image_of_them(mode: Any) -> None:
    preprocess = Preprocess((48, 48), mode, fill=77)
    image = noise(200, 151)
    pixels = np.asarray(image)
    np.testing.assert_array_equal(preprocess(pixels), preprocess(image))
    whole = (799, 602)
    np.testing.assert_array_equal(preprocess(pixels, whole), preprocess(image, whole))


def test_an_image_of_the_whole_size_is_the_whole_picture() -> None:
    preprocess = Preprocess((32, 32))
    image = noise(200, 100)
    np.testing.assert_array_equal(preprocess(image, (200, 100)), preprocess(image))
