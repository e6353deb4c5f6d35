"""Any OpenCLIP model as an encoder: its files, its tokenizer, and whatever runs its towers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.encoders.contract import Pixels, Vectors, calls_at_a_time
from searchengine.encoders.fingerprint import ModelCard
from searchengine.encoders.towers.adaptive import AdaptiveTowers
from searchengine.encoders.towers.contract import NeedsSample
from searchengine.encoders.vectors import unit_rows

if TYPE_CHECKING:
    from searchengine.encoders.preprocess import Preprocess
    from searchengine.encoders.tokenizers import Tokenizer
    from searchengine.encoders.towers.contract import Towers

_TEXTS_A_BLOCK = 256
"""Texts tokenised at a time: a million of them need not be held as tokens."""


class OpenClipEncoder:
    """An OpenCLIP model, ready to encode. Implements ``Encoder``.

    A row's vector does not depend on its neighbours beyond rounding: the same
    image alone and in a full batch differ by less than 1e-5 in any component
    at fp32. Inputs of any length will do: they go through the model in passes of
    the size that suits the device.
    """

    def __init__(
        self, card: ModelCard, preprocess: Preprocess, tokenizer: Tokenizer, towers: Towers
    ) -> None:
        """Compose what ``load_encoder`` has loaded."""
        self._card = card
        self._preprocess = preprocess
        self._tokenizer = tokenizer
        self._towers = towers

    @property
    def card(self) -> ModelCard:
        """What ``describe_model`` says of this model."""
        return self._card

    @property
    def name(self) -> str:
        """The canonical spelling of the model."""
        return self._card.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._card.dim

    @property
    def fingerprint(self) -> str:
        """32 hex digits over model, weights, preprocessing and precision."""
        return self._card.fingerprint

    @property
    def towers(self) -> Towers:
        """What runs the model."""
        return self._towers

    @property
    def device(self) -> str:
        """Where the towers run."""
        return self._towers.device

    @property
    def preprocess(self) -> Any:
        """The model's ``Preprocess``: call it with an RGB image. Pickles without the model."""
        return self._preprocess

    def reduction(self, width: int, height: int) -> int:
        """Return by how much such a picture may be reduced while it is decoded."""
        return self._preprocess.reduction(width, height)

    @property
    def sample_wanted(self) -> int:
        """How many pictures ``calibrate`` should see before the first is encoded; 0 for none."""
        return self._towers.sample_wanted if isinstance(self._towers, NeedsSample) else 0

    def calibrate(self, pixels: Pixels) -> None:
        """Let int8 see uint8 (n, h, w, 3) of what it will encode.

        Raises ``UnsupportedError`` where they are too few, or lose too much.
        """
        if isinstance(self._towers, NeedsSample):
            self._towers.calibrate(pixels)

    @property
    def calls_at_a_time(self) -> int:
        """How many calls to have under way; see ``contract.TakesSeveral``."""
        return calls_at_a_time(self._towers)

    def settle(self) -> None:
        """Choose now what runs the model, where that is open yet: there is much to be encoded."""
        if isinstance(self._towers, AdaptiveTowers):
            self._towers.settle()

    def look_aside(self) -> None:
        """Choose what runs the model, where that is open yet, without anybody waiting for it."""
        if isinstance(self._towers, AdaptiveTowers):
            self._towers.look_aside()

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3) to float32 (n, dim).

        Raises ``ValueError`` for pixels of another type or size, ``EncoderError``
        (with ``bad_rows``) when the model gives no vectors.
        """
        height, width = self._card.image_size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3):
            raise ValueError(
                f"{self.name} takes uint8 (n, {height}, {width}, 3), "
                f"not {pixels.dtype} {pixels.shape}"
            )
        return self._vectors(self._towers.images(pixels), len(pixels), "images")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim); of long texts the model's context is read.

        Raises ``EncoderError`` (with ``bad_rows``) when the model gives no vectors.
        """
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), _TEXTS_A_BLOCK):
            tokens = self._tokenizer(texts[start : start + _TEXTS_A_BLOCK])
            parts.append(self._towers.texts(tokens))
        return self._vectors(np.concatenate(parts), len(texts), "texts")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each of the texts is, marks included, the context at the most."""
        tokens = self._tokenizer(["", *texts])
        is_token = tokens[1:] != tokens[0, -1]  # the empty text ends in padding
        last = tokens.shape[1] - is_token[:, ::-1].argmax(axis=1)
        return [int(count) for count in np.where(is_token.any(axis=1), last, 0)]

    def _vectors(self, raw: Any, count: int, what: str) -> Vectors:
        return unit_rows(raw, count=count, dim=self.dim, model=self.name, what=what)
