"""What int8 needs before its first batch: a look at the pictures it is going to encode."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ingest.sources.contract import Skipped, singles
from searchengine.encoders.pictures import prepare_picture
from searchengine.errors import ItemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.sources.contract import Source
    from searchengine.encoders.contract import Encoder, Pixels


@runtime_checkable
class Calibrated(Protocol):
    """An encoder that may want to see pictures first."""

    @property
    def sample_wanted(self) -> int:
        """How many; 0 where it has seen enough."""

    def calibrate(self, pixels: Pixels) -> None:
        """Take uint8 (n, h, w, 3). Raises ``UnsupportedError`` where they do not suit it."""


def build_encoder(
    load: Callable[[str], Encoder],
    build_source: Callable[[], Source],
    model: str,
    *,
    max_pixels: int,
) -> Encoder:
    """Load an encoder and show it the first pictures of the source if it asks for them."""
    encoder = load(model)
    if isinstance(encoder, Calibrated) and encoder.sample_wanted:
        pictures = _pictures(build_source(), encoder, max_pixels)
        found = list(islice(pictures, encoder.sample_wanted))
        encoder.calibrate(np.stack(found) if found else np.empty((0, 1, 1, 3), np.uint8))
    return encoder


def _pictures(source: Source, encoder: Any, max_pixels: int) -> Iterator[Pixels]:
    for asset in singles(source):
        if isinstance(asset, Skipped) or asset.modality != "image":
            continue
        try:
            yield prepare_picture(encoder, source.open(asset), max_pixels=max_pixels)[1]
        except (ItemError, OSError):
            continue  # the run itself will say so
