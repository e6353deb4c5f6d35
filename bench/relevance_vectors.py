"""The pictures and texts of the relevance sets as vectors of a model, kept in a folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from relevance_sets import Case, Key, Sets, picture

from searchengine.encoders import Encoder, load_encoder
from searchengine.query.relevance import Background, load_background

_BATCH = 64


class Vectors:
    """A model's vectors for everything the cases speak of."""

    def __init__(self, model: str, sets: Sets, cases: list[Case], folder: Path) -> None:
        encoder = load_encoder(model)
        folder.mkdir(parents=True, exist_ok=True)
        self.model = encoder.name.rsplit("/", 1)[-1]
        self._encoder, self._folder = encoder, folder
        self.background: Background = load_background(encoder, cache_dir=folder)
        asked = {case.query for case in cases}
        texts = sorted({key for key in asked if isinstance(key, str)})
        pools = {case.pool for case in cases} | {
            key[0] for key in asked if not isinstance(key, str)
        }
        self._texts = {text: row for row, text in enumerate(texts)}
        self._text_rows = self._kept("queries", texts, lambda: encoder.encode_texts(texts))
        self._pools: dict[str, np.ndarray] = {}
        for pool in sorted(pools):
            if pool in sets.texts:
                rows = sets.texts[pool]
                self._pools[pool] = self._kept(pool, rows, lambda r=rows: encoder.encode_texts(r))
            else:
                sources = sets.pictures[pool]
                pictures = (picture(source, at) for at, source in enumerate(sources))
                names = [str(source) for source in sources]
                self._pools[pool] = self._kept(pool, names, lambda p=pictures: _encoded(encoder, p))

    def query(self, key: Key) -> np.ndarray:
        """Return the vector of a query, float32 (dim,)."""
        if isinstance(key, str):
            return self._text_rows[self._texts[key]]
        return self._pools[key[0]][key[1]]

    def items(self, case: Case) -> np.ndarray:
        """Return the vectors of a case's corpus, float32 (n, dim)."""
        return self._pools[case.pool][case.items]

    def _kept(self, name: str, content: list[str], make) -> np.ndarray:
        digest = hashlib.blake2b(
            "\n".join([self._encoder.fingerprint, name, *content]).encode(), digest_size=8
        )
        file = self._folder / f"{digest.hexdigest()}.npy"
        if not file.is_file():
            began = time.perf_counter()
            made = make()
            np.save(file, made)
            seconds = time.perf_counter() - began
            print(f"{self.model}: {name}, {len(made)} rows, {seconds:.0f} s", flush=True)
        return np.load(file)


def _encoded(encoder: Encoder, pictures: Iterable) -> np.ndarray:
    source, rows = iter(pictures), []
    while batch := list(islice(source, _BATCH)):
        rows.append(encoder.encode_images(np.stack([encoder.preprocess(one) for one in batch])))
    return np.concatenate(rows)
