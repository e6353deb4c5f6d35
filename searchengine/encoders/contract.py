"""What an encoder is: a model that turns images and texts into unit vectors of one space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""One image (h, w, 3) or a batch (n, h, w, 3): RGB, 0 to 255."""
Picture: TypeAlias = "Image.Image | Pixels"
"""One picture: an image of Pillow's in mode RGB, or its pixels."""
Vectors = npt.NDArray[np.float32]
"""(n, dim), rows of unit length, all finite."""


@runtime_checkable
class Encoder(Protocol):
    """Two towers and what surrounds them. Outputs are float32, unit length and finite.

    ``encode_*`` raise ``EncoderError`` when the model gives anything else.
    """

    @property
    def name(self) -> str:
        """The canonical spelling of the model, as people type it."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """32 hex digits over model, weights, preprocessing and precision: one space, one print."""

    def reduction(self, width: int, height: int) -> int:
        """Return by how much such a picture may be reduced while it is decoded: 1, 2, 4 or 8."""

    def preprocess(self, image: Picture, whole: tuple[int, int] | None = None) -> Pixels:
        """Return the uint8 (h, w, 3) input of an RGB image. Runs in a worker, without torch.

        ``whole`` is the width and height of the picture before it was reduced;
        without it the image is the whole picture. ``encoders.pictures`` does both.
        Pixels instead of an image come only to those who ask for a reduction.
        """

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3), as ``preprocess`` made them, to float32 (n, dim)."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim). Long texts are cut at the model's context."""


@runtime_checkable
class Adapts(Protocol):
    """An encoder that may find a faster way to run its model, in the same space."""

    def settle(self) -> None:
        """Look now, where that takes no longer than it is worth."""

    def look_aside(self) -> None:
        """Let nobody who encodes wait for the looking."""


@runtime_checkable
class CountsTokens(Protocol):
    """An encoder that can say how much of a text it reads."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each of the texts is, marks included, the context at the most."""


@runtime_checkable
class TakesSeveral(Protocol):
    """An encoder that never rests if it is given a batch before it is done with the last one."""

    @property
    def calls_at_a_time(self) -> int:
        """How many calls of ``encode_*`` to have under way: 1 if they would only be in each other's
        way. May change between two calls."""


def calls_at_a_time(encoder: object) -> int:
    """Return how many calls to have under way: 1 with an encoder that does not say."""
    return max(1, encoder.calls_at_a_time) if isinstance(encoder, TakesSeveral) else 1
