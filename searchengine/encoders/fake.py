"""A deterministic encoder without a model: for tests, dry runs and examples.

It sees colours. A picture's vector is the share of each basic colour in it,
and a text's vector is the colours it names, so that "a red ball" is nearest
to what is mostly red; a little of a hash keeps different inputs apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from searchengine.encoders.contract import Pixels, Vectors
from searchengine.encoders.fingerprint import ModelCard
from searchengine.encoders.preprocess import Preprocess
from searchengine.encoders.vectors import unit_rows

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "orange": (240, 140, 20),
    "yellow": (245, 225, 50),
    "green": (40, 160, 60),
    "cyan": (40, 200, 210),
    "blue": (40, 80, 210),
    "purple": (130, 50, 170),
    "pink": (245, 130, 180),
    "brown": (120, 75, 40),
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
    "black": (15, 15, 15),
}
_NAMES = {name: place for place, name in enumerate(COLOURS)} | {"gray": list(COLOURS).index("grey")}
_HASH_SHARE = 0.1
"""Length of the part that tells inputs of equal colours apart, colours being 1."""
_CONTEXT = 77
_SIZE = 32


class FakeEncoder:
    """Implements ``Encoder`` over colours. The same inputs always give the same vectors.

    ``dim`` is at least 13: twelve colours and a hash. ``fail_on`` makes it
    misbehave as a broken model does: texts that contain it, and pictures all
    of whose pixels equal it, come out as NaN.
    """

    def __init__(
        self,
        dim: int = 32,
        *,
        fail_on: str | tuple[int, int, int] | None = None,
        salt: str = "",
    ) -> None:
        """Make an encoder; another ``salt`` gives another space with another fingerprint."""
        if dim <= len(COLOURS):
            raise ValueError(f"dim must be at least {len(COLOURS) + 1}, not {dim}")
        self._preprocess = Preprocess((_SIZE, _SIZE), resize_mode="squash")
        self._fail_on = fail_on
        self._salt = salt
        print_ = hashlib.blake2b(f"fake-1 {dim} {salt}".encode(), digest_size=16).hexdigest()
        self.card = ModelCard("fake", print_, dim, self._preprocess.size, _CONTEXT)

    @property
    def name(self) -> str:
        """``fake``."""
        return self.card.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.card.dim

    @property
    def fingerprint(self) -> str:
        """32 hex digits; differs by ``dim`` and ``salt``."""
        return self.card.fingerprint

    def reduction(self, width: int, height: int) -> int:
        """Return by how much such a picture may be reduced while it is decoded."""
        return self._preprocess.reduction(width, height)

    @property
    def preprocess(self) -> Any:
        """To uint8 (32, 32, 3): call it with an RGB image. Pickles by itself."""
        return self._preprocess

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3) to float32 (n, dim)."""
        rows = [self._row(_shares(image), image.tobytes()) for image in pixels]
        for row, image in zip(rows, pixels, strict=True):
            if isinstance(self._fail_on, tuple) and (image == np.array(self._fail_on)).all():
                row[:] = np.nan
        return self._vectors(rows, "images")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim); 77 words of each are read."""
        rows = []
        for text in texts:
            words = [match[0] for match, _ in zip(_words(text), range(_CONTEXT), strict=False)]
            colours = np.zeros(len(COLOURS))
            for word in words:
                if word in _NAMES:
                    colours[_NAMES[word]] += 1
            row = self._row(colours, " ".join(words).encode("utf-8", "replace"))
            if isinstance(self._fail_on, str) and self._fail_on in text:
                row[:] = np.nan
            rows.append(row)
        return self._vectors(rows, "texts")

    def _row(self, colours: npt.NDArray[np.float64], data: bytes) -> npt.NDArray[np.float64]:
        row = np.zeros(self.dim)
        length = np.linalg.norm(colours)
        row[: len(COLOURS)] = colours / length if length else 0.0
        row[len(COLOURS) :] = _HASH_SHARE * self._noise(data)
        return np.roll(row, len(self._salt))

    def _noise(self, data: bytes) -> npt.NDArray[np.float64]:
        """Return a unit vector that is a hash of the data."""
        count = self.dim - len(COLOURS)
        stream = hashlib.shake_128(self._salt.encode() + b"\0" + data).digest(2 * count)
        # Odd numbers, so never all zero.
        values = np.frombuffer(stream, dtype="<u2").astype(np.float64) - 32767.5
        return np.asarray(values / np.linalg.norm(values))

    def _vectors(self, rows: list[npt.NDArray[np.float64]], what: str) -> Vectors:
        raw = np.stack(rows) if rows else np.empty((0, self.dim))
        return unit_rows(raw, count=len(rows), dim=self.dim, model=self.name, what=what)


def _shares(image: Pixels) -> npt.NDArray[np.float64]:
    """Return the share of the pixels that is nearest to each basic colour."""
    palette = np.array(list(COLOURS.values()), dtype=np.int64)
    distances = ((image.reshape(-1, 1, 3).astype(np.int64) - palette) ** 2).sum(axis=2)
    counts = np.bincount(distances.argmin(axis=1), minlength=len(COLOURS))
    return counts.astype(np.float64)


def _words(text: str) -> Iterator[re.Match[str]]:
    return re.finditer(r"\w+", text.lower())
