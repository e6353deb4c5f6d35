"""What comes out of a worker is what decoding here gives, and what harms a worker harms nobody."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from searchengine.apart import Bounds, Decoders, Seen
from searchengine.apart.decoders import preparing_of
from searchengine.containers.contract import BrokenPart, Limits
from searchengine.containers.pdf import count_pages, read_pages
from searchengine.containers.video import read_frame, read_frames
from searchengine.encoders.fake import FakeEncoder
from searchengine.encoders.pictures import prepare_picture
from searchengine.encoders.preprocess import Preprocess
from searchengine.errors import DecodeError, ItemError, LimitError, UnsupportedError
from tests.container_files import black, film, pdf, scene
from tests.ingest.hostile import encode, exif_with, photo, png_bomb, write_hostile_files

MAX_PIXELS = 20_000_000
FILM = film([(2, black()), (3, scene(0)), (3, scene(1)), (3, scene(2))])


class _Clip(FakeEncoder):
    """Prepares pictures as CLIP does."""

    def __init__(self, size: int = 224) -> None:
        super().__init__()
        self._own = Preprocess((size, size))

    @property
    def preprocess(self) -> Any:
        return self._own

    def reduction(self, width: int, height: int) -> int:
        return self._own.reduction(width, height)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(
        2, Bounds(time_s=20.0, memory_mb=400), max_pixels=MAX_PIXELS, max_bytes=40_000_000
    )
    yield made
    made.close()


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns, or the error of an item that it raises."""
    try:
        return call()
    except ItemError as error:
        return error


def large_jpeg(width: int, height: int) -> bytes:
    rng = np.random.default_rng(1)
    rough = rng.integers(0, 255, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    return encode(Image.fromarray(rough).resize((width, height)), "JPEG", quality=88)


@pytest.mark.parametrize("encoder", [FakeEncoder(), _Clip()], ids=["fake", "clip"])
def test_every_kind_of_file_gives_what_it_gives_here(
    decoders: Decoders, encoder: FakeEncoder, tmp_path: Path
) -> None:
    expected = write_hostile_files(tmp_path)
    (tmp_path / "large.jpg").write_bytes(large_jpeg(1500, 1000))
    (tmp_path / "turned.jpg").write_bytes(
        encode(photo(900, 700), "JPEG", exif=exif_with(orientation=6), quality=85)
    )
    outcomes = {"same": 0, "refused": 0}
    for path in sorted(tmp_path.iterdir()):
        if expected.get(path.name) == "skipped" or not path.is_file():
            continue
        data = path.read_bytes()
        here = outcome(lambda: prepare_picture(encoder, data, max_pixels=MAX_PIXELS))  # noqa: B023
        apart = outcome(lambda: decoders.prepare(encoder, data))  # noqa: B023
        if isinstance(here, ItemError):
            told = [(type(one), str(one), getattr(one, "hint", "")) for one in (apart, here)]
            assert told[0] == told[1]
            outcomes["refused"] += 1
            continue
        (decoded, pixels), (seen, prepared) = here, apart
        assert prepared.dtype == np.uint8
        assert np.array_equal(prepared, pixels), path.name
        exif = decoded.tagged.info.get("exif")
        assert seen == Seen(decoded.width, decoded.height, decoded.mime, exif), path.name
        outcomes["same"] += 1
    assert outcomes["same"] >= 18
    assert outcomes["refused"] >= 6


def test_photos_give_the_same_pixels(decoders: Decoders, photos: Path) -> None:
    encoder = _Clip(256)
    some = sorted((photos / "coco-cc").rglob("*.jpg"))[:40]
    assert some
    with ThreadPoolExecutor(3) as pool:
        prepared = list(pool.map(lambda p: decoders.prepare(encoder, p.read_bytes())[1], some))
    for path, pixels in zip(some, prepared, strict=True):
        here = prepare_picture(encoder, path.read_bytes(), max_pixels=MAX_PIXELS)[1]
        assert np.array_equal(pixels, here)


def test_a_picture_comes_upright_and_bare(decoders: Decoders) -> None:
    data = encode(photo(90, 60), "JPEG", exif=exif_with(orientation=6))
    picture = decoders.picture(data)
    assert (picture.mode, picture.size, picture.info) == ("RGB", (60, 90), {})
    assert not picture.getexif()


@pytest.mark.parametrize(
    ("size", "within", "found"),
    [
        ((1600, 1200), (160, 160), (160, 120)),
        ((1600, 1200), (400, 120), (160, 120)),
        ((300, 1200), (100, 100), (25, 100)),
        ((60, 40), (100, 100), (60, 40)),
        ((2000, 1), (100, 100), (100, 1)),
    ],
)
def test_a_picture_made_to_fit(
    decoders: Decoders, size: tuple[int, int], within: tuple[int, int], found: tuple[int, int]
) -> None:
    data = large_jpeg(*size)
    small = decoders.picture(data, within=within)
    assert small.size == found
    whole = decoders.picture(data)
    assert whole.size == size
    whole.thumbnail(within, reducing_gap=None)
    apart = np.asarray(small, np.float32) - np.asarray(whole, np.float32)
    assert float(np.abs(apart).mean()) < 3.0  # of 255: it shows the same


def test_bad_pictures_are_refused_one_by_one(decoders: Decoders) -> None:
    encoder = _Clip()
    good = large_jpeg(640, 480)
    bad: list[tuple[bytes, type[ItemError]]] = [
        (png_bomb(30_000, 30_000), LimitError),
        (good[: len(good) // 2], DecodeError),
        (bytes(39_000_000), DecodeError),
        (bytes(50_000_000), LimitError),
        (b"", DecodeError),
        (b"<!doctype html>", DecodeError),
        (pdf(["one"]), DecodeError),
        (_claims(5000, 5000), LimitError),
        (_claims(4000, 4000), DecodeError),
    ]
    here = prepare_picture(encoder, good, max_pixels=MAX_PIXELS)[1]
    with ThreadPoolExecutor(4) as pool:
        mixed = [data for one, _ in bad for data in (one, good)]
        found = [
            one if isinstance(one, ItemError) else one[1]
            for one in pool.map(lambda d: outcome(lambda: decoders.prepare(encoder, d)), mixed)
        ]
    assert [type(one) for one in found[::2]] == [kind for _, kind in bad]
    assert all(np.array_equal(one, here) for one in found[1::2])


def _claims(width: int, height: int) -> bytes:
    """A picture that says how large it is, and then ends."""
    data = bytearray(encode(photo(8, 8), "PNG"))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def test_a_picture_that_takes_more_memory_than_there_is() -> None:
    small = Decoders(1, Bounds(memory_mb=60, memory_setting="service.decode_mb"))
    try:
        with pytest.raises(LimitError, match="memory"):
            small.picture(png_bomb(8000, 8000))
        assert small.picture(encode(photo(9, 7), "PNG")).size == (9, 7)
    finally:
        small.close()


def test_an_encoder_that_cannot_be_parted_from_its_model_is_refused() -> None:
    class Heavy:
        """Its preprocessing is a method, which takes all of it along."""

        name = "heavy"

        def __init__(self) -> None:
            self.weights = bytes(1 << 20)

        def reduction(self, width: int, height: int) -> int:
            return 1

        def preprocess(self, image: Any, whole: Any = None) -> Any:
            raise NotImplementedError

    class Bound(Heavy):
        def __init__(self) -> None:
            self.model = lambda: None

    for encoder in (Heavy(), Bound()):
        with pytest.raises(UnsupportedError, match="cannot be prepared in a process"):
            preparing_of(encoder)  # type: ignore[arg-type]
    assert len(pickle.dumps(preparing_of(_Clip()))) < 1000


def test_films_as_here(decoders: Decoders) -> None:
    limits = Limits(max_pixels=MAX_PIXELS)
    here = read_frames(io.BytesIO(FILM), limits)
    frames, problem = decoders.frames(io.BytesIO(FILM), limits)
    assert frames == here.frames
    assert len(frames) == 3
    assert problem is None
    at = frames[1].meta["t"]
    jpeg = read_frame(io.BytesIO(FILM), at, limits)
    assert decoders.frame(io.BytesIO(FILM), at, limits) == jpeg == frames[1].jpeg


def test_half_a_film_says_so_as_here(decoders: Decoders) -> None:
    shots = [(2.0, scene(n, (320, 240))) for n in range(8)]
    whole = film(shots, form="matroska")
    half = whole[: len(whole) * 2 // 3]
    here = read_frames(io.BytesIO(half), Limits())
    frames, problem = decoders.frames(io.BytesIO(half), Limits())
    assert frames == here.frames
    assert frames
    assert (type(problem), str(problem)) == (type(here.problem), str(here.problem))
    for data in (b"", b"nothing", FILM[:60]):
        with pytest.raises(DecodeError) as caught:
            read_frames(io.BytesIO(data), Limits())
        with pytest.raises(DecodeError) as apart:
            decoders.frames(io.BytesIO(data), Limits())
        assert str(apart.value) == str(caught.value)


def test_pages_as_here(decoders: Decoders) -> None:
    book = pdf(["one", None, "three"])
    assert decoders.count_pages(io.BytesIO(book)) == count_pages(io.BytesIO(book)) == 3
    here = list(read_pages(io.BytesIO(book), [3, 2, 1]))
    found = list(decoders.pages(io.BytesIO(book), [3, 2, 1]))
    assert [one.number for one in found] == [3, 2, 1]
    assert (found[0], found[2]) == (here[0], here[2])
    assert isinstance(found[1], BrokenPart)
    assert isinstance(here[1], BrokenPart)
    assert str(found[1].error) == str(here[1].error)
    with pytest.raises(DecodeError, match="damaged PDF"):
        decoders.count_pages(io.BytesIO(b"%PDF-1.4 and no more"))
    with pytest.raises(DecodeError, match="empty"):
        list(decoders.pages(io.BytesIO(b""), [1]))


def test_a_page_that_brings_its_drawing_down_is_one_page(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    from searchengine.apart import decoders as module
    from tests.apart import hostile_work

    monkeypatch.setattr(module.work, "pages", hostile_work.pages_of_which_some_kill)
    found = list(decoders.pages(io.BytesIO(b"%PDF"), [1, 2, 13, 3, 4]))
    assert [one.number for one in found] == [1, 2, 13, 3, 4]
    assert [isinstance(one, BrokenPart) for one in found] == [False, False, True, False, False]
    assert "exit status 1" in str(found[2].error)  # type: ignore[union-attr]
    pages = decoders.pages(io.BytesIO(b"%PDF"), [1, 13, 26, 3])
    assert [next(pages).number for _ in range(2)] == [1, 13]
    with pytest.raises(DecodeError, match="exit status 1"):  # two in a row: what is left is left
        next(pages)


def test_a_film_is_left_when_nobody_wants_it(decoders: Decoders) -> None:
    class StoppedError(Exception):
        pass

    def check() -> None:
        raise StoppedError

    shots = [(1.0, scene(n, (320, 240))) for n in range(20)]
    with pytest.raises(StoppedError):
        decoders.frames(io.BytesIO(film(shots, fps=30)), Limits(frame_gap_s=0.0), check=check)
