"""An encoder for many requests at once: texts and pictures each in a queue of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.encoders.contract import Adapts, CountsTokens
from searchengine.errors import EncoderError
from searchengine.service.batching import Batching, Bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from searchengine.encoders.contract import Encoder, Pixels, Vectors
    from searchengine.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Company:
    """What the batches of an encoder need to know of the service, and tell it."""

    texts: Bounds
    pictures: Bounds
    near: Callable[[], int] = lambda: 0
    """How many requests are under way."""
    seen: Callable[[str, int], None] = lambda tower, rows: None
    """Told the tower (``text`` or ``image``) and the size of each batch."""


def company_of(
    chosen: ServiceSettings,
    *,
    near: Callable[[], int],
    seen: Callable[[str, int], None] = lambda tower, rows: None,
) -> Company | None:
    """Return what the settings say of batches; ``None`` where there shall be none."""
    if not chosen.batching:
        return None
    texts = Bounds(chosen.batch_texts, chosen.batch_wait_ms / 1000, chosen.batch_waiting)
    return Company(texts, replace(texts, most=chosen.batch_images), near, seen)


class BatchedEncoder:
    """Implements ``Encoder`` over another one, for calls from many threads. ``close`` ends it.

    A row's vector is the inner encoder's, to rounding: a matrix multiplied in another shape adds
    up in another order. ``docs/service.md`` says how much that is.
    """

    def __init__(self, inner: Encoder, company: Company) -> None:
        """Encode by ``inner``, in one thread a tower."""
        self._inner = inner
        self._texts = Batching(
            self._encode_texts,
            company.texts,
            name="text tower",
            near=company.near,
            seen=lambda rows: company.seen("text", rows),
        )
        self._pictures = Batching(
            self._encode_pictures,
            company.pictures,
            name="image tower",
            near=company.near,
            seen=lambda rows: company.seen("image", rows),
        )

    @property
    def name(self) -> str:
        """The canonical spelling of the model."""
        return self._inner.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._inner.dim

    @property
    def fingerprint(self) -> str:
        """32 hex digits; the inner encoder's: batching changes no space."""
        return self._inner.fingerprint

    @property
    def preprocess(self) -> Any:
        """The inner encoder's; it may be sent to other processes if that one's may."""
        return self._inner.preprocess

    @property
    def waiting(self) -> dict[str, int]:
        """How many rows wait for each tower."""
        return {"text": self._texts.waiting, "image": self._pictures.waiting}

    def reduction(self, width: int, height: int) -> int:
        """Return by how much such a picture may be reduced while it is decoded."""
        return self._inner.reduction(width, height)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim). Raises as ``Batching`` does."""
        return self._texts(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each of the texts is; words, where the model does not say."""
        if isinstance(self._inner, CountsTokens):
            return self._inner.count_tokens(texts)
        return [len(text.split()) for text in texts]

    def settle(self) -> None:
        """Look for a faster way to run the model, where that is open yet."""
        if isinstance(self._inner, Adapts):
            self._inner.settle()

    def look_aside(self) -> None:
        """Let nobody who encodes wait for the looking."""
        if isinstance(self._inner, Adapts):
            self._inner.look_aside()

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3) to float32 (n, dim). Raises as ``Batching`` does."""
        return self._pictures(list(pixels)) if len(pixels) else self._inner.encode_images(pixels)

    def close(self) -> None:
        """Encode nothing further."""
        self._texts.close()
        self._pictures.close()

    def _encode_texts(self, texts: list[str]) -> Vectors:
        """Encode each text once, however many ask for it."""
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        rows = [places[text] for text in texts]
        try:
            return self._inner.encode_texts(list(places))[rows]
        except EncoderError as error:
            bad = tuple(at for at, row in enumerate(rows) if row in set(error.bad_rows))
            raise EncoderError(str(error), bad_rows=bad, hint=error.hint) from error

    def _encode_pictures(self, pictures: list[Pixels]) -> Vectors:
        return self._inner.encode_images(np.stack(pictures))
