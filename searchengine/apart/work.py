"""What is done in a worker. Everything goes back as plain values (``messages.pack``)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from searchengine.decode import decode_image
from searchengine.encoders.pictures import prepare_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from PIL import Image

    from searchengine.containers.contract import BrokenPart, Limits, Part
    from searchengine.encoders.contract import Encoder, Picture, Pixels


@dataclass(frozen=True, slots=True)
class Preparing:
    """What of an encoder prepares pictures. It pickles without the model."""

    preprocess: Callable[[Picture, tuple[int, int] | None], Pixels]
    reduction: Callable[[int, int], int]


def prepare(
    preparing: Preparing,
    data: bytes,
    max_pixels: int,
    also: Callable[[Image.Image], dict[str, Any]] | None,
) -> dict[str, Any]:
    """Decode a picture to an encoder's pixels; tell what is known of it."""
    decoded, pixels = prepare_picture(cast("Encoder", preparing), data, max_pixels=max_pixels)
    return {
        "width": decoded.width,
        "height": decoded.height,
        "mime": decoded.mime,
        "exif": _exif(decoded.tagged),
        "also": also(decoded.tagged) if also else {},
        "pixels": pixels,
    }


def picture(data: bytes, max_pixels: int, within: tuple[int, int] | None) -> dict[str, Any]:
    """Decode a picture to RGB, made to fit into ``within``."""

    def reduction(width: int, height: int) -> int:
        """Leave twice the pixels that are wanted."""
        assert within is not None
        scale = min(within[0] / width, within[1] / height)
        return next((by for by in (8, 4, 2) if by * scale <= 0.5), 1)

    decoded = decode_image(data, max_pixels=max_pixels, reduction=reduction if within else None)
    image = decoded.image
    if within is not None:
        image.thumbnail(within)
    return {
        "width": decoded.width,
        "height": decoded.height,
        "mime": decoded.mime,
        "exif": _exif(decoded.tagged),
        "size": image.size,
        "rgb": image.tobytes(),
    }


def film(file: BinaryIO, limits: Limits) -> dict[str, Any]:
    """Take the key frames out of a film."""
    from searchengine.containers.video import read_frames

    found = read_frames(file, limits)
    problem = found.problem
    return {
        "frames": [asdict(frame) for frame in found.frames],
        "problem": problem and [type(problem).__name__, str(problem), problem.hint],
    }


def film_frame(file: BinaryIO, seconds: float, limits: Limits) -> bytes:
    """Take one key frame out of a film, as a JPEG."""
    from searchengine.containers.video import read_frame

    return read_frame(file, seconds, limits)


def page_count(file: BinaryIO) -> int:
    """Count the pages of a PDF."""
    from searchengine.containers.pdf import count_pages

    return count_pages(file)


def pages(file: BinaryIO, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Draw pages of a PDF, one after the other."""
    from searchengine.containers.pdf import read_pages

    for page in read_pages(file, numbers):
        yield _as_plain(page)


def _as_plain(part: Part | BrokenPart) -> dict[str, Any]:
    from searchengine.containers.contract import BrokenPart

    if isinstance(part, BrokenPart):
        error = part.error
        return {"number": part.number, "error": [type(error).__name__, str(error), error.hint]}
    return asdict(part)


def _exif(image: Image.Image) -> bytes | None:
    found = image.info.get("exif")
    return found if isinstance(found, bytes) else None
