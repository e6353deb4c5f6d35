"""A second look by another judge at the first few: a bigger model, or anything that scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from searchengine.containers.reading import picture_bytes
from searchengine.errors import EncoderError, ItemError, QueryError, SearchEngineError
from searchengine.query.stages.vectors import cosines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from searchengine.encoders.contract import Encoder, Pixels, Vectors
    from searchengine.query.pool import Candidate

TOP = 50
_BATCH = 32


class Reranker(Protocol):
    """Judges candidates for the query that it was made for."""

    def scores(self, candidates: Sequence[Candidate]) -> npt.NDArray[np.float32]:
        """Return float32 (n,), higher is better; NaN for one that it could not look at."""


def rescore(
    candidates: Sequence[Candidate], reranker: Reranker, *, top: int = TOP
) -> list[Candidate]:
    """Return the candidates with the first ``top`` in the reranker's order, the others behind.

    A candidate that the reranker could not look at keeps the very place that its first score gave
    it; the others are ordered among the places that are left. Ties keep the order given. Every
    ``score`` stays the cosine of the first look.

    Raises ``QueryError`` for ``top`` below 1, ``ValueError`` for a reranker that gives another
    number of scores than it got candidates.
    """
    if top < 1:
        raise QueryError(f"at least 1 candidate must be looked at again, not {top}")
    first = list(candidates[:top])
    if not first:
        return []
    given = np.asarray(reranker.scores(first), np.float32)
    if given.shape != (len(first),):
        raise ValueError(f"the reranker gave {given.shape} scores for {len(first)} candidates")
    places = np.flatnonzero(~np.isnan(given))
    best = places[np.argsort(-given[places], kind="stable")]
    again = list(first)
    for place, source in zip(places.tolist(), best.tolist(), strict=True):
        again[place] = first[source]
    return [*again, *candidates[top:]]


def read_file(candidate: Candidate) -> bytes | None:
    """Return the bytes of the picture behind a candidate; ``None`` if they cannot be had."""
    uri = candidate.fields.get("uri")
    if not isinstance(uri, str):
        return None
    try:
        return picture_bytes(uri, candidate.fields.get("meta"))
    except (SearchEngineError, ValueError):
        return None


class TwoTowerReranker:
    """A second, usually bigger, encoder that encodes the first few anew and compares.

    Pictures are read and decoded; texts are encoded from their ``caption``. A picture that cannot
    be read or decoded, or that the encoder makes no vector of, is one it could not look at.
    """

    def __init__(
        self,
        encoder: Encoder,
        query: Vectors,
        *,
        read: Callable[[Candidate], bytes | None] = read_file,
        max_pixels: int = 178_956_970,
    ) -> None:
        """Take the second encoder and the query as it encodes it: unit, float32 (dim,)."""
        if query.shape != (encoder.dim,):
            raise QueryError(
                f"the query's vector has shape {query.shape}, {encoder.name} makes "
                f"({encoder.dim},)",
                hint="encode the query with the encoder that reranks",
            )
        self._encoder = encoder
        self._query = query
        self._read = read
        self._max_pixels = max_pixels

    def scores(self, candidates: Sequence[Candidate]) -> npt.NDArray[np.float32]:
        """Return the cosine of the query and each candidate in the second encoder's space."""
        found = np.full(len(candidates), np.nan, np.float32)
        for start in range(0, len(candidates), _BATCH):
            batch = range(start, min(start + _BATCH, len(candidates)))
            texts = {at: text for at in batch if (text := _text(candidates[at]))}
            pixels = {
                at: seen
                for at in batch
                if candidates[at].modality == "image"
                and (seen := self._look(candidates[at])) is not None
            }
            self._compare(found, texts, self._encoder.encode_texts)
            self._compare(found, pixels, lambda some: self._encoder.encode_images(np.stack(some)))
        return found

    def _look(self, candidate: Candidate) -> Pixels | None:
        from searchengine.encoders.pictures import prepare_picture

        data = self._read(candidate)
        try:
            if data is None:
                return None
            return prepare_picture(self._encoder, data, max_pixels=self._max_pixels)[1]
        except ItemError:
            return None

    def _compare(
        self,
        found: npt.NDArray[np.float32],
        inputs: dict[int, Any],
        encode: Callable[[list[Any]], Vectors],
    ) -> None:
        """Write the cosines of some inputs, by place, where the encoder makes vectors of them."""
        while inputs:
            places = list(inputs)
            try:
                vectors = encode(list(inputs.values()))
            except EncoderError as error:
                if not error.bad_rows:  # the model is broken, not an input
                    raise
                for row in error.bad_rows:
                    del inputs[places[row]]
                continue
            found[places] = cosines(vectors, self._query)
            return


def _text(candidate: Candidate) -> str | None:
    """Return what there is to read of a text; ``None`` for a picture, whatever its caption."""
    caption = candidate.fields.get("caption")
    return caption if candidate.modality == "text" and isinstance(caption, str) else None
