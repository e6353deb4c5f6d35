"""Pictures, films and PDFs decoded in workers: what comes back is what decoding here would give."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from searchengine.apart import work
from searchengine.apart.bounds import Bounds
from searchengine.apart.process import DiedError, error_of
from searchengine.apart.workers import Workers
from searchengine.containers.contract import BrokenPart, Limits, Part
from searchengine.errors import DecodeError, ItemError, LimitError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from PIL import Image

    from searchengine.encoders.contract import Encoder, Pixels

_BYTES_A_SECOND = 2 << 20
"""A film may take a second more for each so many bytes: several times what slow ones need."""
_MOST_PICKLED = 1 << 16


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a picture that was decoded in a worker."""

    width: int
    """Pixels, of the whole upright picture."""
    height: int
    mime: str
    """From the content."""
    exif: bytes | None
    """As it stands in the file, not looked into."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """What else was asked for."""


class Decoders:
    """Decodes what is not to be trusted. May be used by many threads.

    Bytes that take too long, too much memory, or their decoder down are a ``LimitError`` or a
    ``DecodeError`` of their own and harm nothing else.
    """

    def __init__(
        self,
        count: int,
        bounds: Bounds | None = None,
        *,
        max_pixels: int = 178_956_970,
        max_bytes: int = 1 << 30,
        nice: int = 5,
    ) -> None:
        """Have ``count`` processes at most, each started when it is first needed.

        ``max_pixels`` and ``max_bytes`` are those of a picture (films and PDFs are read piece by
        piece); ``nice`` is by how much other processes go before them.
        """
        self._workers = Workers(count, bounds, nice=nice)
        self._max_pixels = max_pixels
        self._max_bytes = max_bytes

    @property
    def workers(self) -> Workers:
        """The processes, for other work of the same kind."""
        return self._workers

    def warm(self) -> frozenset[str]:
        """Start all processes now; return what they are kept from (``memory``, ``files``,
        ``network``). Raises ``MissingError`` where they do not start."""
        return self._workers.warm()

    def prepare(
        self,
        encoder: Encoder,
        data: bytes,
        also: Callable[[Image.Image], dict[str, Any]] | None = None,
    ) -> tuple[Seen, Pixels]:
        """Return what is known of a picture, and the encoder's uint8 (h, w, 3) input.

        The pixels are those of ``encoders.pictures.prepare_picture``, bit for bit. ``also`` is a
        function of a module, called in the worker with the picture as it was decoded.

        Raises ``DecodeError`` and ``LimitError``.
        """
        self._check_bytes(data)
        preparing = preparing_of(encoder)
        found = self._workers.call(work.prepare, preparing, data, self._max_pixels, also)
        return _seen(found), found["pixels"]

    def picture(self, data: bytes, *, within: tuple[int, int] | None = None) -> Image.Image:
        """Return a picture upright, in RGB, without metadata; with ``within`` made to fit into that
        width and height, never enlarged. Raises ``DecodeError`` and ``LimitError``.
        """
        from PIL import Image

        self._check_bytes(data)
        found = self._workers.call(work.picture, data, self._max_pixels, within)
        return Image.frombytes("RGB", tuple(found["size"]), found["rgb"])

    def look(self, data: bytes) -> Seen:
        """Return what is known of a picture, after having decoded it whole.

        Raises ``DecodeError`` and ``LimitError``.
        """
        self._check_bytes(data)
        return _seen(self._workers.call(work.picture, data, self._max_pixels, (1, 1)))

    def frames(
        self, file: BinaryIO, limits: Limits, *, check: Callable[[], None] = lambda: None
    ) -> tuple[tuple[Part, ...], ItemError | None]:
        """Return a film's key frames, and why there may be fewer than there should be.

        As ``containers.video.read_frames``, which also says what it raises. ``check`` is called now
        and then and may raise, which ends it.
        """
        found = self._workers.call(
            work.film, limits, file=file, whole_s=self._whole_s(file), check=check
        )
        problem = found["problem"]
        parts = tuple(Part(**frame) for frame in found["frames"])
        return parts, problem and item_error(problem)

    def frame(self, file: BinaryIO, seconds: float, limits: Limits) -> bytes:
        """Return the key frame of a film at that time, as a JPEG; as ``video.read_frame``."""
        whole_s = self._whole_s(file)
        jpeg = self._workers.call(work.film_frame, seconds, limits, file=file, whole_s=whole_s)
        assert isinstance(jpeg, bytes)
        return jpeg

    def count_pages(self, file: BinaryIO) -> int:
        """Return how many pages a PDF has, as ``containers.pdf.count_pages``."""
        return int(self._workers.call(work.page_count, file=file, whole_s=self._whole_s(file)))

    def pages(
        self,
        file: BinaryIO,
        numbers: Sequence[int],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> Iterator[Part | BrokenPart]:
        """Yield pages of a PDF, as ``containers.pdf.read_pages``.

        A page that its drawing comes to grief over is a ``BrokenPart``; the others are drawn in
        another process.
        """
        left, stuck = list(numbers), False
        while left:
            try:
                running = self._workers.stream(
                    work.pages, left, file=file, whole_s=self._whole_s(file), check=check
                )
                for found in running:
                    yield _part(found)
                    left, stuck = left[1:], False
                return
            except ItemError as error:
                if stuck or not isinstance(error.__cause__, DiedError):
                    raise  # nothing can be had of it
                yield BrokenPart(left[0], error)
                left, stuck = left[1:], True

    def close(self) -> None:
        """End the processes."""
        self._workers.close()

    def _check_bytes(self, data: bytes) -> None:
        if len(data) > self._max_bytes:
            raise LimitError(f"{len(data):,} bytes are more than the limit of {self._max_bytes:,}")

    def _whole_s(self, file: BinaryIO) -> float:
        return self._workers.bounds.time_s + file.seek(0, 2) / _BYTES_A_SECOND


def preparing_of(encoder: Encoder) -> work.Preparing:
    """Return what of an encoder prepares pictures, fit to be sent to another process.

    Raises ``UnsupportedError`` for an encoder that cannot be parted from its model.
    """
    preprocess = encoder.preprocess
    # Where it is an object of its own it crosses without the model; a method would take it along.
    preparing = work.Preparing(preprocess, getattr(preprocess, "reduction", encoder.reduction))
    try:
        size = len(pickle.dumps(preparing))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise _inseparable(encoder) from error
    if size > _MOST_PICKLED:
        raise _inseparable(encoder)
    return preparing


def item_error(told: Sequence[str]) -> ItemError:
    """Return an error as a worker has told it: kind, message, hint."""
    error = error_of(*told)
    return error if isinstance(error, ItemError) else DecodeError(str(error))


def _inseparable(encoder: Encoder) -> UnsupportedError:
    return UnsupportedError(
        f"pictures for {encoder.name} cannot be prepared in a process of their own",
        hint="its `preprocess` has to be an object that pickles without the model",
    )


def _seen(found: dict[str, Any]) -> Seen:
    return Seen(
        found["width"], found["height"], found["mime"], found["exif"], found.get("also", {})
    )


def _part(found: dict[str, Any]) -> Part | BrokenPart:
    if "error" in found:
        return BrokenPart(found["number"], item_error(found["error"]))
    return Part(**found)
