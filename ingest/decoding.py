"""Who decodes: this process, or workers of its own for what may hang, crash or eat all memory.

The decoders of JPEG, PNG and their like are tried by all the world; they run here, as fast as it
gets, unless ``ingest.decode_apart`` is set. Films, PDFs, RAW, HEIC and AVIF are always decoded in
processes that may be killed: one bad file is then a row in the report, and not the end of a run.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.metadata import exif_facts
from searchengine.apart import Decoders
from searchengine.encoders.pictures import prepare_picture
from searchengine.errors import ReadError
from searchengine.raw import raw_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from ingest.job import Job
    from searchengine.containers.contract import BrokenPart, Part
    from searchengine.encoders.contract import Encoder, Pixels
    from searchengine.errors import ItemError


class Decoding:
    """Decodes what a run finds. May be used by many threads; ``close`` it."""

    def __init__(self, job: Job, workers: int) -> None:
        """Have at most ``workers`` processes, started where something is found that needs them."""
        self._max_pixels = job.max_pixels
        self._limits = job.limits
        self._apart = job.decode_apart
        # What is read has been bounded by its source already.
        self._decoders = Decoders(
            workers, job.bounds, max_pixels=job.max_pixels, max_bytes=1 << 62, nice=0
        )

    def picture(self, encoder: Encoder, data: bytes) -> tuple[dict[str, Any], Pixels]:
        """Return what is known of a picture, in the words of ``records.Item``, and the encoder's
        uint8 (h, w, 3) input. Raises ``DecodeError`` and ``LimitError``.
        """
        if self._apart or is_risky(data):
            seen, pixels = self._decoders.prepare(encoder, data, exif_facts)
            size = {"width": seen.width, "height": seen.height}
            return {"mime": seen.mime, **size, **seen.also}, pixels
        decoded, pixels = prepare_picture(encoder, data, max_pixels=self._max_pixels)
        size = {"width": decoded.width, "height": decoded.height}
        return {"mime": decoded.mime, **size, **exif_facts(decoded.tagged)}, pixels

    def frames(
        self, file: BinaryIO, gone: Callable[[], bool]
    ) -> tuple[Sequence[Part], ItemError | None]:
        """Return a film's frames, and why there may be fewer than there should be.

        Raises an ``ItemError`` where there are none, and once ``gone()``.
        """
        return self._decoders.frames(file, self._limits, check=partial(_check, gone))

    def count_pages(self, file: BinaryIO) -> int:
        """Return how many pages a PDF has. Raises an ``ItemError``."""
        return self._decoders.count_pages(file)

    def pages(
        self, file: BinaryIO, numbers: Sequence[int], gone: Callable[[], bool]
    ) -> Iterator[Part | BrokenPart]:
        """Yield pages of a PDF. Raises an ``ItemError`` where there are none, once ``gone()``."""
        return self._decoders.pages(file, numbers, check=partial(_check, gone))

    def close(self) -> None:
        """End the processes."""
        self._decoders.close()


def is_risky(data: bytes) -> bool:
    """Whether a picture is RAW, HEIC or AVIF: their decoders are large, and tried by few."""
    return data[4:8] == b"ftyp" or raw_type(data) is not None


def _check(gone: Callable[[], bool]) -> None:
    if gone():
        raise ReadError("stopped while the file was being read")
