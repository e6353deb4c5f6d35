from __future__ import annotations

import io
import re
import struct
import sys
import types
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from searchengine import jpeg
from searchengine.decode import IMAGE_SUFFIXES, decode_image
from searchengine.errors import DecodeError, ItemError, LimitError
from tests.ingest.hostile import (
    animation,
    encode,
    exif_with,
    palette_with_alpha,
    photo,
    png_bomb,
    sixteen_bits,
)

LIMIT = 1_000_000
KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")


def decoded(data: bytes) -> np.ndarray:
    """Decode, check what always holds, and return uint8 (h, w, 3)."""
    result = decode_image(data, max_pixels=LIMIT)
    assert result.image.mode == "RGB"
    assert (result.width, result.height) == result.image.size
    return np.asarray(result.image)


def plainly(data: bytes) -> np.ndarray:
    """What everybody else's loop does."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 80}),
        ("JPEG", {"quality": 80, "progressive": True, "subsampling": 0}),
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_ordinary_pictures_are_equal_to_convert_rgb(mode: Any, kind: Any, options: Any) -> None:
    data = encode(photo().convert(mode), kind, **options)
    np.testing.assert_array_equal(decoded(data), plainly(data))


@pytest.mark.parametrize("kind", KINDS)
def test_the_media_type_comes_from_the_content(kind: Any) -> None:
    result = decode_image(encode(photo(), kind), max_pixels=LIMIT)
    assert result.mime == f"image/{kind.lower()}"
    assert (result.width, result.height) == (64, 48)


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(s == s.lower() and s.startswith(".") for s in IMAGE_SUFFIXES)
    assert {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".tif", ".bmp"} <= IMAGE_SUFFIXES


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: Any) -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = decoded(encode(red, kind))
    assert abs(pixels.astype(int) - [255, 0, 0]).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: Any) -> None:
    pixels = decoded(encode(sixteen_bits(), kind))
    np.testing.assert_array_equal(pixels[0, :, 0], np.arange(256))


def test_sixteen_bits_are_rounded() -> None:
    values = np.array([[0, 128, 129, 65_406, 65_407, 65_535]], dtype=np.uint16)
    pixels = decoded(encode(Image.fromarray(values), "PNG"))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 0, 1, 254, 255, 255])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[0.0, 128.0, 255.0]], dtype=np.float32), [0, 128, 255]),
        (np.array([[-5.0, np.nan, np.inf, 2.0e9]], dtype=np.float32), [0, 0, 0, 255]),
        (np.array([[0, 128, 255]], dtype=np.int32), [0, 128, 255]),
        (np.array([[-9, 32_896, 65_535]], dtype=np.int32), [0, 128, 255]),
        (np.array([[0, 0, 0]], dtype=np.int32), [0, 0, 0]),
    ],
)
def test_grey_of_32_bits(values: Any, expected: Any) -> None:
    pixels = decoded(encode(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(pixels[0, :, 0], expected)


def test_one_bit() -> None:
    pixels = decoded(encode(Image.new("1", (8, 8), 1), "PNG"))
    assert (pixels == 255).all()


def test_alpha_is_laid_on_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(10, 20, 30, 255), (10, 20, 30, 0), (0, 0, 0, 51)])
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        pixels = decoded(encode(image, kind, **options))
        assert pixels.tolist() == [[[10, 20, 30], [255, 255, 255], [204, 204, 204]]], kind


def test_grey_with_alpha_is_laid_on_white() -> None:
    image = Image.new("LA", (2, 1))
    image.putdata([(10, 255), (10, 0)])
    assert decoded(encode(image, "PNG")).tolist() == [[[10] * 3, [255] * 3]]


@pytest.mark.parametrize("transparency", [0, b"\0\xff"])
@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_clear_palette_colours_are_white(kind: Any, transparency: Any) -> None:
    if kind == "GIF" and transparency != 0:
        transparency = 0  # GIF has clear or not
    pixels = decoded(encode(palette_with_alpha(), kind, transparency=transparency))
    assert (pixels[:, :8] == 255).all()
    assert (pixels[:, 8:] == [255, 0, 0]).all()


@pytest.mark.parametrize(
    ("image", "clear"),
    [
        (Image.new("RGB", (2, 2), (1, 2, 3)), (1, 2, 3)),
        (Image.new("L", (2, 2), 7), 7),
        (Image.fromarray(np.full((2, 2), 700, dtype=np.uint16)), 700),
    ],
)
def test_a_png_colour_declared_clear_is_white(image: Any, clear: Any) -> None:
    assert (decoded(encode(image, "PNG", transparency=clear)) == 255).all()


def test_palette_without_alpha() -> None:
    image = photo().quantize(16)
    data = encode(image, "PNG")
    np.testing.assert_array_equal(decoded(data), plainly(data))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame(kind: Any) -> None:
    pixels = decoded(animation(kind))
    assert pixels.shape == (16, 24, 3)
    assert (pixels == [255, 0, 0]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: Any) -> None:
    data = encode(photo(), "JPEG", exif=exif_with(orientation=orientation))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(decoded(data), expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_orientation_is_applied_in_other_formats(kind: Any) -> None:
    result = decode_image(encode(photo(), kind, exif=exif_with(orientation=6)), max_pixels=LIMIT)
    assert (result.width, result.height) == (48, 64)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_senseless_orientations_are_ignored(value: Any) -> None:
    data = encode(photo(), "JPEG", exif=exif_with(orientation=value))
    np.testing.assert_array_equal(decoded(data), plainly(data))


def test_orientation_and_alpha_together() -> None:
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    pixels = decoded(encode(image, "PNG", exif=exif_with(orientation=8)))
    assert pixels.shape == (4, 2, 3)
    assert (pixels == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_odd_sizes(size: Any) -> None:
    assert decoded(encode(Image.new("RGB", size), "PNG")).shape == (size[1], size[0], 3)


# -- limits ---------------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self) -> Any:
        raise AssertionError("decoded")

    monkeypatch.setattr(PngImageFile, "load", load)
    with pytest.raises(LimitError) as caught:
        decode_image(png_bomb(30_000, 30_000), max_pixels=178_956_970)
    message = str(caught.value)
    assert "30,000 x 30,000" in message
    assert "ingest.max_pixels" in message
    assert "SEARCHENGINE_INGEST__MAX_PIXELS" in message


def test_the_bomb_is_real() -> None:
    assert decoded(png_bomb(300, 700)).shape == (700, 300, 3)


def test_the_limit_is_exact() -> None:
    data = encode(photo(), "PNG")
    assert decode_image(data, max_pixels=64 * 48).width == 64
    with pytest.raises(LimitError):
        decode_image(data, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_limited(kind: Any) -> None:
    with pytest.raises(LimitError):
        decode_image(encode(photo(), kind), max_pixels=1000)


def test_a_frame_larger_than_its_canvas_is_refused() -> None:
    data = (
        b"GIF89a"
        + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0)
        + bytes(6)  # two colours
        + b","
        + struct.pack("<HHHHB", 0, 0, 20_000, 20_000, 0)
        + b"\x02\x02\x44\x01\x00;"
    )
    with pytest.raises(LimitError):
        decode_image(data, max_pixels=LIMIT)


def test_a_tile_larger_than_its_picture_is_refused() -> None:
    entries = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    entries += [(322, 4, 60_000), (323, 4, 60_000), (324, 4, 8), (325, 4, 8)]
    directory = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    data = b"II*\0" + struct.pack("<I", 16) + bytes(8) + directory + bytes(4)
    with pytest.raises(LimitError, match="60,000 x 60,000"):
        decode_image(data, max_pixels=LIMIT)


def test_pillows_own_limit_is_left_alone_and_not_in_the_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for kind in ("JPEG", "PNG", "BMP"):
        assert decoded(encode(photo(), kind)).shape == (48, 64, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_running_out_of_memory_is_one_pictures_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self) -> Any:
        raise MemoryError

    monkeypatch.setattr(PngImageFile, "load", load)
    with pytest.raises(LimitError, match=r"ingest\.max_pixels"):
        decode_image(encode(photo(), "PNG"), max_pixels=LIMIT)


# -- what is no picture ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.9])
def test_a_truncated_picture_is_refused(kind: Any, share: Any) -> None:
    whole = encode(photo(), kind)
    with pytest.raises(DecodeError) as caught:
        decode_image(whole[: int(len(whole) * share)], max_pixels=LIMIT)
    assert_one_line(caught.value)


def test_a_jpeg_that_lacks_its_last_rows_is_refused() -> None:
    whole = encode(photo(), "JPEG")
    with pytest.raises(DecodeError, match="truncated"):
        decode_image(whole[: len(whole) - 40], max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n", "not a picture"),
        (b"I am a text.\n" * 100, "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%PDF-1.7\n", "not a picture"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF89a", "GIF"),
        (b"II*\0", "TIFF"),
        (b"BM", "BMP"),
        (b"RIFF\0\0\0\0WEBP", "WEBP"),
        (b"\0\0\0\x14ftypavif\0\0\0\0avif", "AVIF"),
        (b"\0\0\0\x14ftypmp42\0\0\0\0isom", "not a picture"),
    ],
)
def test_what_is_no_picture_is_told_in_one_line(data: Any, says: Any) -> None:
    with pytest.raises(DecodeError, match=says) as caught:
        decode_image(data, max_pixels=LIMIT)
    assert_one_line(caught.value)


def assert_one_line(error: ItemError) -> None:
    assert str(error).strip()
    assert str(error).isprintable()


_WHOLE = {
    kind: encode(
        photo(24, 16),
        kind,
        **({} if kind in ("GIF", "BMP") else {"exif": exif_with(orientation=6)}),
    )
    for kind in KINDS
}


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6)), max_size=5
    ),
    cut=st.floats(0, 1),
)
def test_damaged_pictures_raise_item_errors_only(kind: Any, damage: Any, cut: Any) -> None:
    data = bytearray(_WHOLE[kind])
    for where, what in damage:
        at = int(where * len(data))
        data[at : at + len(what)] = what
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        try:
            decoded(bytes(data[: int(cut * len(data)) + 1]))
        except ItemError as error:
            assert_one_line(error)
    assert leaked == []


# -- decoding at a part of the size ---------------------------------------------------------


def reduced(data: bytes, factor: int, limit: int = 4_000_000) -> Any:
    return decode_image(data, max_pixels=limit, reduction=lambda width, height: factor)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"quality": 95}),
        ("RGB", {"quality": 95, "subsampling": 0}),
        ("RGB", {"quality": 95, "progressive": True}),
        ("L", {"quality": 95}),
        ("CMYK", {"quality": 95}),
    ],
)
def test_a_jpeg_is_decoded_at_a_part_of_its_size(mode: str, options: Any, factor: int) -> None:
    image = Image.effect_mandelbrot((401, 299), (-2, -1, 1, 1), 40).convert("RGB").convert(mode)
    data = encode(image, "JPEG", **options)
    result = reduced(data, factor)
    assert result.size == (401, 299)
    assert result.reduced_from == (None if factor == 1 else (401, 299))
    assert result.image.mode == "RGB"
    assert result.image.size == (-(-401 // factor), -(-299 // factor))
    whole = decode_image(data, max_pixels=LIMIT).image
    difference = np.asarray(result.image, dtype=float) - np.asarray(whole.reduce(factor))
    assert np.sqrt((difference[:-1, :-1] ** 2).mean()) < 12  # half a pixel off is 30 and more


@pytest.mark.parametrize("orientation", range(1, 9))
def test_reduced_pictures_are_upright(orientation: int) -> None:
    data = encode(photo(15, 9).resize((300, 180)), "JPEG", exif=exif_with(orientation=orientation))
    asked = []

    def reduction(width: int, height: int) -> int:
        asked.append((width, height))
        return 4

    whole = decode_image(data, max_pixels=LIMIT)
    result = decode_image(data, max_pixels=LIMIT, reduction=reduction)
    assert asked == [whole.size]
    assert result.size == whole.size
    assert result.image.getexif()[0x0112] == orientation
    assert result.image.size == whole.image.reduce(4).size
    difference = np.asarray(result.image, dtype=float) - np.asarray(whole.image.reduce(4))
    assert np.sqrt((difference**2).mean()) < 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "JPEG"])
def test_other_formats_are_decoded_whole(kind: str) -> None:
    data = encode(photo(), kind)
    assert reduced(data, 8).image.size == reduced(data, 8).size == (64, 48)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (1, 500)])
def test_tiny_jpegs_survive_any_reduction(size: tuple[int, int]) -> None:
    result = reduced(encode(Image.new("RGB", size, "red"), "JPEG"), 8)
    assert result.size == size
    assert abs(np.asarray(result.image, dtype=int) - [254, 0, 0]).max() <= 2


def test_the_limit_holds_for_the_whole_picture() -> None:
    with pytest.raises(LimitError):
        reduced(encode(photo(), "JPEG"), 8, limit=64 * 48 - 1)


@pytest.fixture
def without_simplejpeg(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    jpeg._simplejpeg.cache_clear()
    yield
    jpeg._simplejpeg.cache_clear()


ODDITIES: dict[str, bytes] = {
    "plain": encode(photo(200, 140), "JPEG", quality=90),
    "4:4:4": encode(photo(201, 139), "JPEG", quality=90, subsampling=0),
    "4:2:2": encode(photo(203, 141), "JPEG", quality=90, subsampling=1),
    "progressive": encode(photo(200, 140), "JPEG", progressive=True),
    "restarts": encode(photo(200, 140), "JPEG", restart_marker_blocks=3),
    "grey": encode(photo(200, 140).convert("L"), "JPEG"),
    "kept RGB": encode(photo(200, 140), "JPEG", keep_rgb=True),
    "cmyk": encode(photo(200, 140).convert("CMYK"), "JPEG"),
    "turned": encode(photo(200, 140), "JPEG", exif=exif_with(orientation=8)),
    "profile": encode(photo(200, 140), "JPEG", icc_profile=b"x" * 3000),
    "more behind": encode(photo(200, 140), "JPEG") + b"motion photo" * 99,
    "bits before a marker": encode(photo(200, 140), "JPEG")[:-2] + b"\0\0\0\xff\xd9",
    "small": encode(photo(20, 17), "JPEG"),
}


@pytest.mark.parametrize("name", ODDITIES)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_pillow_alone_gives_the_same_pixels(
    name: str, factor: int, request: pytest.FixtureRequest
) -> None:
    fast = reduced(ODDITIES[name], factor)
    request.getfixturevalue("without_simplejpeg")
    slow = reduced(ODDITIES[name], factor)
    assert fast.size == slow.size
    assert fast.image.mode == slow.image.mode == "RGB"
    assert fast.image.getexif() == slow.image.getexif()
    np.testing.assert_array_equal(np.asarray(fast.image), np.asarray(slow.image))


def test_an_ordinary_jpeg_needs_no_pillow_to_be_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self) -> Any:
        raise AssertionError("decoded by Pillow")

    expected = np.asarray(reduced(ODDITIES["plain"], 2).image)
    monkeypatch.setattr(JpegImageFile, "load", load)
    for name in ("plain", "progressive", "grey", "turned", "profile"):
        assert reduced(ODDITIES[name], 2).image.mode == "RGB", name
    np.testing.assert_array_equal(np.asarray(reduced(ODDITIES["plain"], 2).image), expected)


@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_alone_keep_the_tags_of_their_file(orientation: int) -> None:
    exif = exif_with(orientation=orientation)
    exif[0x0110] = "a camera"
    result = reduced(encode(photo(200, 140), "JPEG", exif=exif), 2)
    assert isinstance(result.seen, np.ndarray) == (orientation == 1)
    np.testing.assert_array_equal(np.asarray(result.seen), np.asarray(result.image))
    for image in (result.tagged, result.image):
        assert image.getexif()[0x0110] == "a camera"
        assert image.getexif()[0x0112] == orientation


def verdict(data: bytes, **options: Any) -> str:
    try:
        decode_image(data, max_pixels=LIMIT, **options)
    except ItemError as error:
        return f"{type(error).__name__}: {error}"
    return "whole"


@settings(max_examples=150, deadline=None)
@given(
    progressive=st.booleans(),
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=6)), max_size=4
    ),
    cut=st.one_of(st.just(1.0), st.floats(0.02, 1)),
    factor=st.sampled_from([2, 4, 8]),
)
def test_reduction_changes_no_verdict(
    progressive: bool, damage: Any, cut: float, factor: int
) -> None:
    data = bytearray(_LARGER[progressive])
    for where, what in damage:
        at = int(where * len(data))
        data[at : at + len(what)] = what
    file = bytes(data[: int(cut * len(data)) + 1])
    said = verdict(file)
    event(said.split(":")[0])
    assert _without_count(verdict(file, reduction=lambda width, height: factor)) == _without_count(
        said
    )


def _without_count(said: str) -> str:
    """A reduced picture needs other bytes at hand to go on: how many are left over may differ."""
    return re.sub(r"\(\d+ bytes", "(n bytes", said)


_LARGER = {
    progressive: encode(
        photo(90, 70).resize((360, 280)), "JPEG", quality=90, progressive=progressive
    )
    for progressive in (False, True)
}


# -- surroundings ---------------------------------------------------------------------------


def test_warnings_do_not_leak() -> None:
    data = encode(
        photo(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\0\0\0\xff\0"
    )
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        with Image.open(io.BytesIO(data)) as image:
            image.getexif()
        assert leaked, "this file makes Pillow warn"
        leaked.clear()
        assert decoded(data).shape == (48, 64, 3)
        assert leaked == []


def test_exif_outlives_conversion_and_rotation() -> None:
    exif = exif_with(orientation=6)
    exif[0x0110] = "Model"
    for image, kind in (
        (photo(), "JPEG"),
        (photo().convert("L"), "JPEG"),
        (photo().convert("RGBA"), "PNG"),
        (palette_with_alpha(), "PNG"),
        (sixteen_bits(), "PNG"),
        (photo().convert("RGBA"), "WEBP"),
        (photo().convert("RGBA"), "AVIF"),
        (photo().convert("CMYK"), "TIFF"),
    ):
        options = {"transparency": 0} if image.mode == "P" else {}
        result = decode_image(encode(image, kind, exif=exif, **options), max_pixels=LIMIT)
        assert result.image.getexif().get(0x0110) == "Model", (image.mode, kind)


def test_text_chunks_do_no_harm() -> None:
    info = PngInfo()
    info.add_text("parameters", "x" * 10_000, zip=True)
    info.add_itxt("caption", "图片")
    assert decoded(encode(photo(), "PNG", pnginfo=info)).shape == (48, 64, 3)


def test_many_threads_at_once() -> None:
    whole = [encode(photo(40 + n, 30), kind) for n, kind in enumerate(KINDS * 3)]
    expected = [decoded(data) for data in whole]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for got, wanted in zip(pool.map(decoded, whole), expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(16)


def test_heic_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DecodeError, match=r"crossmodal-searchengine\[heic\]"):
        decode_image(HEIC, max_pixels=LIMIT)


def test_heic_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pillow_heif")

    def heif_image_file(file: Any) -> Any:
        assert file.read() == HEIC
        return Image.new("RGB", (3, 2), "red")

    module.HeifImageFile = heif_image_file
    monkeypatch.setitem(sys.modules, "pillow_heif", module)
    result = decode_image(HEIC, max_pixels=LIMIT)
    assert (result.mime, result.width, result.height) == ("image/heic", 3, 2)
    with pytest.raises(LimitError):
        decode_image(HEIC, max_pixels=5)


def test_a_real_heic_picture_is_decoded() -> None:
    import pillow_heif

    out = io.BytesIO()
    picture = Image.new("RGB", (64, 48), (200, 30, 30))
    pillow_heif.from_pillow(picture).save(out, quality=90)
    result = decode_image(out.getvalue(), max_pixels=LIMIT)
    assert (result.width, result.height, result.mime) == (64, 48, "image/heic")
    red, green, blue = result.image.getpixel((30, 20))
    assert abs(red - 200) < 10
    assert max(abs(green - 30), abs(blue - 30)) < 10
