from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ingest.metadata import PhotoFacts, read_exif
from searchengine.decode import decode_image
from searchengine.store.moments import moment_ms
from tests.ingest.hostile import encode, photo

EXIF, GPS = 0x8769, 0x8825
MAKE, MODEL = 0x010F, 0x0110
TAKEN, OFFSET, SUBSEC, LENS_MAKE, LENS = 0x9003, 0x9011, 0x9291, 0xA433, 0xA434

PARIS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.2)}


def facts(
    main: dict[int, object] | None = None,
    details: dict[int, object] | None = None,
    gps: dict[int, object] | None = None,
) -> PhotoFacts:
    """Read the tags back from an image that holds them as they are."""
    image = Image.new("RGB", (2, 2))
    exif = image.getexif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    exif.get_ifd(EXIF).update(details or {})
    exif.get_ifd(GPS).update(gps or {})
    return read_exif(image)


def test_nothing_is_known_of_a_bare_picture() -> None:
    assert read_exif(photo()) == PhotoFacts()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_from_files_of_every_format_that_has_exif(kind: Any) -> None:
    data = encode(photo(), kind, exif=_real_exif())
    result = decode_image(data, max_pixels=10_000)
    for image in (result.image, Image.open(io.BytesIO(data))):
        assert read_exif(image) == PhotoFacts(
            taken_at="2024-06-01T12:30:00+02:00",
            camera="FUJIFILM X-T5",
            lens="XF35mmF1.4 R",
            latitude=48.8583333,
            longitude=2.2945,
        )


def test_from_a_tiff_that_had_to_be_converted() -> None:
    data = encode(photo().convert("CMYK"), "TIFF", exif=_real_exif(orientation=6))
    result = decode_image(data, max_pixels=10_000)
    assert (result.width, result.height) == (48, 64)
    assert read_exif(result.image).taken_at == "2024-06-01T12:30:00+02:00"
    assert read_exif(result.image).latitude == 48.8583333


# -- time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({TAKEN: "2024:06:01 12:30:05"}, "2024-06-01T12:30:05"),
        ({TAKEN: "2024:06:01 12:30:05", OFFSET: "+02:00"}, "2024-06-01T12:30:05+02:00"),
        ({TAKEN: "2024:06:01 12:30:05", OFFSET: "-0330"}, "2024-06-01T12:30:05-03:30"),
        ({TAKEN: "2024:06:01 12:30:05", OFFSET: "Z"}, "2024-06-01T12:30:05+00:00"),
        ({TAKEN: "2024:06:01 12:30:05", SUBSEC: "7"}, "2024-06-01T12:30:05.700"),
        (
            {TAKEN: "2024:06:01 12:30:05", SUBSEC: "0451234", OFFSET: "+00:00"},
            "2024-06-01T12:30:05.045+00:00",
        ),
        ({TAKEN: "2024:06:01 12:30:05", SUBSEC: "00"}, "2024-06-01T12:30:05"),
        ({TAKEN: "2024:06:01 12:30:05", SUBSEC: "n/a"}, "2024-06-01T12:30:05"),
        ({TAKEN: "2024:06:01 12:30:05\0\0"}, "2024-06-01T12:30:05"),
        ({TAKEN: b"2024:06:01 12:30:05"}, "2024-06-01T12:30:05"),
        ({TAKEN: "2024-06-01T12:30:05"}, "2024-06-01T12:30:05"),
        ({TAKEN: "2024:06:01 12:30"}, "2024-06-01T12:30:00"),
    ],
)
def test_taken_at(tags: Any, expected: Any) -> None:
    taken_at = facts(details=tags).taken_at
    assert taken_at == expected
    assert moment_ms(expected) is not None, "the store can sort by it"


@pytest.mark.parametrize(
    "taken",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2024:06:31 12:00:00",
        "2024:13:01 12:00:00",
        "2024:06:01 25:00:00",
        "2024:06:01 12:30:61",
        "yesterday",
        "",
        "\0",
        17,
        (1, 2),
        None,
        1.5,
        b"\xff\xfe",
        "9" * 100_000,
    ],
)
def test_senseless_times_are_unknown(taken: Any) -> None:
    assert facts(details={TAKEN: taken}).taken_at is None


@pytest.mark.parametrize(
    "offset", ["+99:00", "+02:60", "-12:15", "+14:15", "+2", "", "   ", 2, None]
)
def test_senseless_offsets_leave_the_time_without_one(offset: Any) -> None:
    found = facts(details={TAKEN: "2024:06:01 12:30:05", OFFSET: offset})
    assert found.taken_at == "2024-06-01T12:30:05"


def stamp(
    hours: float, minutes: float, seconds: float, day: str = "2024:06:01"
) -> dict[int, object]:
    return {7: (hours, minutes, seconds), 29: day}


@pytest.mark.parametrize(
    ("gps", "offset"),
    [
        (stamp(10, 30, 5), "+02:00"),
        (stamp(10, 30, 40), "+02:00"),  # the fix is not of the same second
        (stamp(12, 30, 5), "+00:00"),
        (stamp(6, 45, 5), "+05:45"),
        (stamp(16, 0, 5), "-03:30"),
        (stamp(22, 30, 5, "2024:05:31"), "+14:00"),
        (stamp(0, 30, 5, "2024:06:02"), "-12:00"),
        (stamp(22, 15, 5, "2024:05:31"), ""),  # +14:15 is nowhere
        (stamp(0, 45, 5, "2024:06:02"), ""),
        (stamp(10, 37, 5), ""),  # neither a zone nor a recent fix
        (stamp(10, 30, 5, "2019:04:07"), ""),
        (stamp(10, 30, 5, "0000:00:00"), ""),
        (stamp(1e9, 30, 5), ""),
        (stamp(1e308, 30, 5), ""),
        ({7: (10, 30, 5)}, ""),
        ({29: "2024:06:01"}, ""),
        ({7: (10, 30), 29: "2024:06:01"}, ""),
        ({7: (10, 30, IFDRational(1, 0)), 29: "2024:06:01"}, ""),
        ({7: "10:30:05", 29: "2024:06:01"}, ""),
    ],
)
def test_the_offset_follows_from_the_satellites_clock(gps: Any, offset: Any) -> None:
    found = facts(details={TAKEN: "2024:06:01 12:30:05"}, gps=gps)
    assert found.taken_at == "2024-06-01T12:30:05" + offset


def test_a_written_offset_is_believed_before_the_satellites() -> None:
    found = facts(details={TAKEN: "2024:06:01 12:30:05", OFFSET: "+09:00"}, gps=stamp(10, 30, 5))
    assert found.taken_at == "2024-06-01T12:30:05+09:00"


# -- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("canon", "Canon EOS R5", "Canon EOS R5"),
        ("SONY", None, "SONY"),
        (None, "X100V", "X100V"),
        ("  Panasonic  ", "DC-GH5 \0\0\0", "Panasonic DC-GH5"),
        ("HUAWEI\0junk", "P40\nPro", "HUAWEI P40 Pro"),
        ("", "\0", None),
        (None, None, None),
        (5, (1, 2), None),
        (b"Leica", b"Q3", "Leica Q3"),
        ("小米".encode().decode("latin-1"), "14", "小米 14"),
        ("Caf\xe9", "1", "Café 1"),
    ],
)
def test_camera(make: Any, model: Any, camera: Any) -> None:
    assert facts({MAKE: make, MODEL: model}).camera == camera


def test_names_are_bounded() -> None:
    found = facts({MAKE: "M" * 10_000, MODEL: "x" * 10_000}, {LENS: "L" * 10_000_000})
    assert found.camera is not None
    assert len(found.camera) == 200
    assert found.lens == "L" * 200


def test_lens() -> None:
    assert facts(details={LENS: "RF50mm F1.2 L USM"}).lens == "RF50mm F1.2 L USM"
    assert facts(details={LENS_MAKE: "Sigma", LENS: "35mm F1.4"}).lens == "Sigma 35mm F1.4"
    assert (
        facts(details={LENS_MAKE: "Apple", LENS: "Apple back camera"}).lens == "Apple back camera"
    )


# -- place ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gps", "place"),
    [
        (PARIS, (48.8583333, 2.2945)),
        ({1: "S", 2: (33.0, 51.0, 24.84), 3: "W", 4: (70.0, 0.0, 0.0)}, (-33.8569, -70.0)),
        ({1: "s", 2: (33.5,), 3: "e", 4: (151, 12.9)}, (-33.5, 151.215)),
        ({1: b"N\0", 2: (IFDRational(485, 10), 0, 0), 3: "E\0", 4: (2, 0, 0)}, (48.5, 2.0)),
        ({1: "N", 2: (90, 0, 0), 3: "W", 4: (180, 0, 0)}, (90.0, -180.0)),
    ],
)
def test_place(gps: Any, place: Any) -> None:
    found = facts(gps=gps)
    assert (found.latitude, found.longitude) == place


@pytest.mark.parametrize(
    "wrong",
    [
        {2: (91.0, 0.0, 0.0)},
        {2: (90.0, 0.0, 1.0)},
        {4: (181.0, 0.0, 0.0)},
        {2: (-5.0, 0.0, 0.0)},
        {2: (IFDRational(0, 0), 0, 0)},
        {2: (float("inf"), 0, 0)},
        {2: ()},
        {2: (1, 2, 3, 4)},
        {2: "48.85"},
        {2: None},
        {2: b"\x01\x02"},
        {1: "E"},
        {1: None},
        {1: ""},
        {1: 7},
        {3: "?"},
    ],
)
def test_senseless_places_are_unknown(wrong: Any) -> None:
    found = facts(gps={**PARIS, **wrong})
    assert (found.latitude, found.longitude) == (None, None)


def test_a_device_without_a_fix_is_not_in_the_ocean() -> None:
    found = facts(gps={1: "N", 2: (0, 0, 0), 3: "E", 4: (0, 0, 0)})
    assert (found.latitude, found.longitude) == (None, None)


# -- whatever is in there -------------------------------------------------------------------


def check(found: PhotoFacts) -> None:
    """What holds for all facts, whatever they were read from."""
    if found.taken_at is not None:
        assert moment_ms(found.taken_at) is not None
    for name in (found.camera, found.lens):
        assert name is None or (0 < len(name) <= 200 and name.isprintable())
    assert (found.latitude is None) == (found.longitude is None)
    if found.latitude is not None and found.longitude is not None:
        assert -90 <= found.latitude <= 90
        assert -180 <= found.longitude <= 180


_rationals = st.builds(IFDRational, st.integers(-(2**31), 2**32), st.integers(-5, 2**32))
_scalars = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=30), st.binary(max_size=30), _rationals
)
_stamps = st.from_regex(r"[0-9 ]{4}:[0-9 ]{2}:[0-9 ]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True)
_values = st.one_of(
    _scalars,
    _stamps,
    st.lists(_scalars, max_size=4).map(tuple),
    st.sampled_from(["N", "S", "+02:00"]),
)


def _tags(*known: int) -> st.SearchStrategy[dict[int, object]]:
    return st.dictionaries(st.sampled_from(known), _values)


@settings(max_examples=300, deadline=None)
@given(
    _tags(MAKE, MODEL),
    _tags(TAKEN, OFFSET, SUBSEC, LENS, LENS_MAKE),
    _tags(1, 2, 3, 4, 7, 29),
)
def test_never_raises_on_any_values(main: Any, details: Any, gps: Any) -> None:
    check(facts(main, details, gps))


def _real_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[MAKE], exif[MODEL] = "FUJIFILM", "X-T5"
    exif[EXIF] = {TAKEN: "2024:06:01 12:30:00", OFFSET: "+02:00", LENS: "XF35mmF1.4 R"}
    exif[GPS] = PARIS | {7: (10.0, 30.0, 0.0), 29: "2024:06:01"}
    return exif.tobytes()


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda tail: b"Exif\0\0II*\0\x08\0\0\0" + tail),
        st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=8).map(
            lambda changes: _damaged(_real_exif(), changes)
        ),
    )
)
def test_never_raises_on_any_bytes(data: Any) -> None:
    image = Image.new("RGB", (2, 2))
    image.info["exif"] = data
    check(read_exif(image))


def _damaged(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    return bytes(damaged)
