"""A hit's picture, small, as a data URI: to be looked at without fetching anything."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from searchengine.records import Hit

_QUALITY = 80


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A JPEG."""

    jpeg: bytes
    width: int
    """Pixels."""
    height: int

    @property
    def data_uri(self) -> str:
        """The picture as an address (RFC 2397)."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


def small_picture(hit: Hit, side: int) -> SmallPicture | str:
    """Return the picture of a hit within ``side`` pixels, or in a few words why there is none."""
    from searchengine.present.thumbnails import item_thumbnail

    if hit.modality != "image":
        return "a text"
    made = item_thumbnail(hit.uri, hit.metadata.get("meta"), (side, side))
    return made if isinstance(made, str) else as_jpeg(made)


def as_jpeg(image: Image.Image) -> SmallPicture:
    """Return an RGB picture as a JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return SmallPicture(out.getvalue(), image.width, image.height)


def measured(jpeg: bytes) -> SmallPicture:
    """Return a JPEG with the size that it has."""
    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        return SmallPicture(jpeg, *picture.size)
