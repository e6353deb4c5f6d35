"""RAW files: told by their content, decoded from their preview."""

from __future__ import annotations

import io
import sys

import pytest
from PIL import Image

from ingest.metadata import read_exif
from searchengine.decode import decode_image, is_picture
from searchengine.errors import DecodeError, LimitError
from searchengine.raw import raw_type
from tests.raw_files import dng, preview

MAX = 178_956_970


def _near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    seen = image.getpixel(at)
    assert isinstance(seen, tuple)
    return all(abs(a - b) < 12 for a, b in zip(seen, colour, strict=True))


def test_the_preview_is_what_is_seen_and_the_sensor_gives_the_size() -> None:
    decoded = decode_image(dng(previews=(preview(),)), max_pixels=MAX)
    assert decoded.image.size == (360, 270)
    assert (decoded.width, decoded.height) == (640, 480)
    assert decoded.mime == "image/x-adobe-dng"
    assert _near(decoded.image, (20, 100), (200, 30, 30))
    assert _near(decoded.image, (340, 100), (30, 160, 60))


def test_the_largest_preview_is_taken() -> None:
    small, large = preview((160, 120)), preview((600, 450))
    for order in ((small, large), (large, small)):
        decoded = decode_image(dng(previews=order), max_pixels=MAX)
        assert decoded.image.size == (600, 450)
        assert (decoded.width, decoded.height) == (600, 450), "as good as the sensor's size"


def test_it_is_upright_and_says_when_and_with_what_it_was_taken() -> None:
    decoded = decode_image(dng(previews=(preview(),), orientation=6), max_pixels=MAX)
    assert decoded.image.size == (270, 360)
    assert (decoded.width, decoded.height) == (480, 640)
    assert _near(decoded.image, (100, 20), (200, 30, 30)), "what was left is on top"
    facts = read_exif(decoded.image)
    assert facts.taken_at == "2024-06-01T12:30:00"
    assert (facts.camera, facts.lens) == ("Testmaker Model 1", "Lens 50")


def test_a_preview_with_its_own_exif_is_not_turned_twice() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.open(io.BytesIO(preview())).save(out, "JPEG", exif=exif)
    decoded = decode_image(dng(previews=(out.getvalue(),), orientation=6), max_pixels=MAX)
    assert decoded.image.size == (270, 360)
    exif[0x0112] = 0
    out = io.BytesIO()
    Image.open(io.BytesIO(preview())).save(out, "JPEG", exif=exif)
    decoded = decode_image(dng(previews=(out.getvalue(),), orientation=6), max_pixels=MAX)
    assert decoded.image.size == (270, 360), "and one that does not say is turned as the RAW says"


@pytest.mark.parametrize("previews", [(), (preview((160, 120)),), (b"\xff\xd8\xff no JPEG",)])
def test_without_a_preview_the_sensor_is_developed_at_half_size(
    previews: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if previews and previews[0].endswith(b"no JPEG"):
        whole = preview()
        data = dng(previews=(whole,))
        data = data.replace(whole[200:], b"\0" * len(whole[200:]))
    else:
        data = dng(previews=previews)
    decoded = decode_image(data, max_pixels=MAX)
    assert decoded.image.size == (320, 240)
    assert (decoded.width, decoded.height) == (640, 480)
    red, green, blue = decoded.image.getpixel((100, 100))  # type: ignore[misc]
    assert max(red, green, blue) - min(red, green, blue) < 30, "the sensor saw one grey"


def test_makers_raw_files_are_tiffs_and_are_still_told_from_pictures() -> None:
    assert raw_type(dng(version=False, make="NIKON CORPORATION")) == "image/x-nikon-nef"
    assert raw_type(dng(version=False, make="SONY")) == "image/x-sony-arw"
    assert raw_type(dng(version=False, make="X")) == "image/x-raw"
    for magic, kind in {
        b"II*\0\x10\0\0\0CR\x02\0": "image/x-canon-cr2",
        b"\0\0\0\x18ftypcrx \0\0": "image/x-canon-cr3",
        b"FUJIFILMCCD-RAW 0201": "image/x-fuji-raf",
        b"IIU\0\x08\0\0\0": "image/x-panasonic-rw2",
        b"IIRO\x08\0\0\0": "image/x-olympus-orf",
    }.items():
        assert raw_type(magic + b"\0" * 64) == kind
    out = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(out, "TIFF")
    assert raw_type(out.getvalue()) is None
    assert decode_image(out.getvalue(), max_pixels=MAX).mime == "image/tiff"


def test_any_beginning_of_a_raw_file_is_refused_or_decoded_and_never_crashes() -> None:
    whole = dng((64, 48), (preview((300, 260)),))
    outcomes = set()
    for end in [*range(0, 700, 7), *range(700, len(whole), 997)]:
        try:
            outcomes.add(decode_image(whole[:end], max_pixels=MAX).mime)
        except DecodeError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"DecodeError", "image/x-adobe-dng"}


def test_a_sensor_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(LimitError, match=r"640 x 480 .* ingest.max_pixels"):
        decode_image(dng(previews=(preview(),)), max_pixels=640 * 480 - 1)


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(DecodeError, match=r"pip install 'crossmodal-searchengine\[raw\]'"):
        decode_image(dng(), max_pixels=MAX)


def test_a_preview_is_reduced_as_it_is_decoded_and_the_sizes_stay() -> None:
    data = dng(previews=(preview((600, 400)),), orientation=6)
    for own, turned in ((data, (400, 600)), (_without_exif_orientation(), (400, 600))):
        decoded = decode_image(own, max_pixels=MAX, reduction=lambda width, height: 4)
        assert decoded.image.size == (100, 150)
        assert decoded.reduced_from == turned
        assert decoded.size == turned
    whole = decode_image(data, max_pixels=MAX)
    assert whole.reduced_from is None


def _without_exif_orientation() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 0
    out = io.BytesIO()
    Image.open(io.BytesIO(preview((600, 400)))).save(out, "JPEG", exif=exif)
    return dng(previews=(out.getvalue(),), orientation=6)


def test_a_few_bytes_tell_that_it_is_a_picture() -> None:
    assert is_picture(dng(previews=(preview(),))[:64])
    assert is_picture(b"FUJIFILMCCD-RAW 0201" + b"\0" * 44)
    assert is_picture(b"\0\0\0\x18ftypcrx " + b"\0" * 44)
