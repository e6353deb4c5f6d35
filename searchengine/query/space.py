"""A question put into the space of vectors that a corpus lives in."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from searchengine.containers.reading import picture_bytes
from searchengine.errors import EncoderError, QueryError, SearchEngineError
from searchengine.query.compose import SAMPLE_SIZE, compose
from searchengine.query.prompts import default_prompts, encode_prompted
from searchengine.query.relevance import cached_background, load_background, relevance_of
from searchengine.query.resolve import settled_terms, term_vectors
from searchengine.query.retrieve import Asked
from searchengine.query.stages.rescore import TwoTowerReranker
from searchengine.query.terms import Known, Picture, RawVector, Words
from searchengine.store.filters import Compare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from searchengine.encoders.contract import Encoder, Vectors
    from searchengine.query.kept_vectors import KeptVectors
    from searchengine.query.lookup import Lookup
    from searchengine.query.query import Query
    from searchengine.query.relevance import Background
    from searchengine.query.resolve import Access, Settled, TermVector
    from searchengine.query.stages.rescore import Reranker
    from searchengine.query.terms import Term
    from searchengine.store.contract import SideInfo, Store

_SAMPLE_AGE_S = 600.0
_SAME = 0.999999
"""Cosine of two vectors that are one but for rounding."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A question in its parts, and how they become one vector: what it takes to explain it."""

    terms: tuple[tuple[Settled, TermVector], ...]
    """What was asked and its vector; terms of weight 0 are left out."""
    compose: Callable[[Sequence[TermVector]], npt.NDArray[np.float32]]
    encode_texts: Callable[[Sequence[str]], Vectors]


class Space:
    """What of a corpus's vector space is needed to ask it something, kept once it is known."""

    def __init__(
        self,
        store: Store,
        lookup: Callable[[], Lookup],
        encoder: Callable[[SideInfo], Encoder],
        second_encoder: Callable[[str], Encoder],
        prompts: str,
        cache_dir: Path | None,
        *,
        kept: KeptVectors,
        check_model: Callable[[SideInfo], object],
    ) -> None:
        """``lookup`` returns what looks items up in the version that is asked; ``check_model``
        raises where another model was asked for than the side was made with.
        """
        self._store = store
        self._lookup = lookup
        self._encoder = encoder
        self._second_encoder = second_encoder
        self._prompts = prompts
        self._cache_dir = cache_dir
        self._kept = kept
        self._check_model = check_model
        self._making = threading.Lock()
        self._backgrounds: dict[str, Background] = {}
        self._blanks: dict[str, npt.NDArray[np.float32]] = {}
        self._sampling = threading.Lock()
        self._samples: dict[str, tuple[float, npt.NDArray[np.float32] | None]] = {}

    def asked(self, query: Query, sides: Sequence[SideInfo], access: Access) -> list[Asked]:
        """Return the question as each of the sides sees it. Terms are read once."""
        terms = settled_terms(query.terms, self._lookup(), access)
        words = " ".join(w.text for weight, w in terms if weight > 0 and isinstance(w, Words))
        reranker = self._reranker(query.shape.rerank, terms, access)
        return [
            replace(self._asked(terms, words, info, access), reranker=reranker) for info in sides
        ]

    def encoded(self, terms: Sequence[Term], info: SideInfo, access: Access) -> Encoded:
        """Return the terms as a side sees them, each on its own."""
        settled = settled_terms(terms, self._lookup(), access)
        vectors = self._vectors(settled, info, access)
        sample = self._sample(info) if len(vectors) > 1 else None
        return Encoded(
            tuple(zip((what for _, what in settled), vectors, strict=True)),
            partial(compose, sample=sample),
            partial(self._encode_texts, info),
        )

    def background(self, info: SideInfo) -> Background:
        """Return what relevance is measured against for the side's model, loaded if need be."""
        if (known := self._backgrounds.get(info.fingerprint)) is not None:
            return known
        with self._making:  # it may take a minute: one thread does it, the others want the same
            found = self._backgrounds.get(info.fingerprint)
            if found is None:
                prompts = self._choice(info.model)
                found = cached_background(
                    info.fingerprint, cache_dir=self._cache_dir, prompts=prompts
                ) or load_background(
                    self._encoder(info), cache_dir=self._cache_dir, prompts=prompts
                )
                self._backgrounds[info.fingerprint] = found
            return found

    def _asked(
        self,
        terms: Sequence[tuple[float, Settled]],
        words: str,
        info: SideInfo,
        access: Access,
    ) -> Asked:
        vectors = self._vectors(terms, info, access)
        vector = compose(vectors, self._sample(info) if len(vectors) > 1 else None)
        unread = self._unread(terms, vectors, info)
        judge = partial(self._judge, info, vectors, vector)
        return Asked(info, vector, words, judge, unread=unread)

    def _unread(
        self,
        terms: Sequence[tuple[float, Settled]],
        vectors: Sequence[TermVector],
        info: SideInfo,
    ) -> tuple[str, ...]:
        """Return the texts that come out as the empty text does: no word of them is known."""
        texts = [
            (what.text, one.vector)
            for (_, what), one in zip(terms, vectors, strict=True)
            if isinstance(what, Words)
        ]
        if not texts:
            return ()
        blank = self._blanks.get(info.fingerprint)
        if blank is None:
            blank = self._blanks[info.fingerprint] = self._blank(info)
        return tuple(text for text, vector in texts if float(vector @ blank) > _SAME)

    def _blank(self, info: SideInfo) -> Vectors:
        """Return the vector of the empty text; zeros, like nothing, where the model has none."""
        try:
            return np.asarray(self._encode_texts(info, [""])[0])
        except EncoderError:
            return np.zeros(info.dim, np.float32)

    def _reranker(
        self, model: str | None, terms: Sequence[tuple[float, Settled]], access: Access
    ) -> Reranker | None:
        """Return the judge that a second model is, given the question as that model sees it."""
        if model is None:
            return None
        encoder = self._second_encoder(model)
        again = [(weight, self._seen_anew(what)) for weight, what in terms]
        vectors = term_vectors(
            again,
            self._lookup(),
            partial(self._prompted, encoder, encoder.name),
            lambda: encoder,
            encoder.dim,
            access,
        )
        return TwoTowerReranker(encoder, compose(vectors, None), max_pixels=access.max_pixels)

    def _seen_anew(self, what: Settled) -> Settled:
        """Return an indexed item as the picture or the text that it is: its vector is the first
        model's."""
        if isinstance(what, RawVector):
            raise QueryError("a second model cannot read a vector of the first one")
        if not isinstance(what, Known):
            return what
        item = self._lookup().item(what.id)
        if item.modality == "text":
            return Words(item.caption or "")
        try:
            return Picture(picture_bytes(item.uri, item.meta), item.uri)
        except SearchEngineError as error:
            raise QueryError(
                f"the picture of {what.id} cannot be read, and a second model has to see it "
                f"({error})",
                hint="leave out --rerank, or give the picture itself",
            ) from None

    def _vectors(
        self, terms: Sequence[tuple[float, Settled]], info: SideInfo, access: Access
    ) -> list[TermVector]:
        return term_vectors(
            terms,
            self._lookup(),
            partial(self._encode_texts, info),
            lambda: self._encoder(info),
            info.dim,
            access,
        )

    def _encode_texts(self, info: SideInfo, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dim); the model is asked for those that were not asked before."""
        self._check_model(info)
        prompts = self._choice(info.model)
        found = self._kept.find(info.fingerprint, info.dim, texts, prompts)
        new = [text for text, vector in zip(texts, found, strict=True) if vector is None]
        made = iter(())
        if new:
            encoded = encode_prompted(self._encoder(info), new, prompts)
            self._kept.keep(info.fingerprint, new, prompts, encoded)
            made = iter(encoded)
        rows = [next(made) if vector is None else vector for vector in found]
        return np.stack(rows) if rows else np.empty((0, info.dim), np.float32)

    def _prompted(self, encoder: Encoder, model: str, texts: Sequence[str]) -> Vectors:
        return encode_prompted(encoder, texts, self._choice(model))

    def _choice(self, model: str) -> str:
        return default_prompts(model) if self._prompts == "auto" else self._prompts

    def _sample(self, info: SideInfo) -> npt.NDArray[np.float32] | None:
        """Return vectors of about ``SAMPLE_SIZE`` items of the side, float32 (n, dim).

        Ids are hashes, so those below a bound are as random as any, and are
        quickly had. Kept for a while: it is the spread of scores that counts.
        """
        with self._sampling:
            return self._sampled(info)

    def _sampled(self, info: SideInfo) -> npt.NDArray[np.float32] | None:
        taken, sample = self._samples.get(info.collection, (0.0, None))
        if sample is None or time.monotonic() - taken > _SAMPLE_AGE_S:
            share = min(1.0, 2 * SAMPLE_SIZE / max(info.count, 1))
            where = None if share == 1 else Compare("id", "<", f"{int(share * 16**8):08x}")
            rows = self._store.scan(info.side, where=where, fields=("id", "vector"))
            some = [row["vector"] for row in islice(rows, SAMPLE_SIZE)]
            sample = np.stack(some) if some else None
            self._samples[info.collection] = (time.monotonic(), sample)
        return sample

    def _judge(
        self,
        info: SideInfo,
        terms: Sequence[TermVector],
        query: npt.NDArray[np.float32],
        items: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        kinds = tuple(term.kind for term in terms if term.weight > 0)
        return relevance_of(self.background(info), query, kinds, items, info.side.modality)
