"""The bank as vectors of one model: made once, kept in the cache folder under its fingerprint."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import zipfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from searchengine.bank import (
    COPIES,
    PICTURES,
    bank_captions,
    bank_digest,
    bank_pictures,
    worn_copies,
)
from searchengine.query.prompts import encode_prompted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL import Image

    from searchengine.encoders.contract import Encoder

_log = logging.getLogger(__name__)

_BATCH: Final = 64
_UNIT: Final = 1e-3
"""How far from 1 the length of a stored vector may be."""


@dataclass(frozen=True, slots=True)
class Background:
    """What any query and any item of one model is compared with. All rows have unit length."""

    texts: npt.NDArray[np.float32]
    """Ordinary captions, (about 1,000, dim)."""
    pictures: npt.NDArray[np.float32]
    """Drawn pictures, (128, dim)."""
    copies: npt.NDArray[np.float32]
    """The first of them, cropped and compressed, (32, dim)."""

    @property
    def sameness(self) -> float:
        """What the model's cosine is for two pictures that a person would call the same."""
        return float((self.copies * self.pictures[: len(self.copies)]).sum(axis=1).mean())


def load_background(
    encoder: Encoder, *, cache_dir: Path | None = None, prompts: str = "off"
) -> Background:
    """Return the background of a model, from the cache if it is there.

    The first time, all captions and pictures go through the model (seconds for
    a small one, up to a minute on a CPU for a ViT-B), and are kept in
    ``cache_dir`` (by default the user's cache folder). A cache that is damaged
    is made anew; one that cannot be written costs the same time again.
    ``prompts`` is what queries are put into (see ``query.prompts``).

    Raises ``EncoderError`` as the encoder does.
    """
    found = cached_background(encoder.fingerprint, cache_dir=cache_dir, prompts=prompts)
    if found is not None and found.texts.shape[1] == encoder.dim:
        return found
    texts = encode_prompted(encoder, bank_captions(), prompts)
    pictures = list(bank_pictures())
    copies = _encoded(encoder, worn_copies(pictures))
    made = Background(texts, _encoded(encoder, pictures), copies)
    _keep(made, _file(encoder.fingerprint, cache_dir, prompts))
    return made


def cached_background(
    fingerprint: str, *, cache_dir: Path | None = None, prompts: str = "off"
) -> Background | None:
    """Return the background of the model with that fingerprint if it is cached; no model is needed.

    ``None`` where it is not, or is damaged.
    """
    try:
        with np.load(_file(fingerprint, cache_dir, prompts), allow_pickle=False) as stored:
            found = Background(stored["texts"], stored["pictures"], stored["copies"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if _is_sound(found) else None


def _is_sound(found: Background) -> bool:
    """Whether the arrays are what ``_keep`` writes: a file may be anything."""
    counts = (len(bank_captions()), PICTURES, COPIES)
    parts = (found.texts, found.pictures, found.copies)
    for rows, count in zip(parts, counts, strict=True):
        if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != count:
            return False
        if not np.all(np.abs(np.linalg.norm(rows, axis=1) - 1) < _UNIT):  # NaN is not below
            return False
    return len({rows.shape[1] for rows in parts}) == 1


def _encoded(encoder: Encoder, pictures: Iterable[Image.Image]) -> npt.NDArray[np.float32]:
    source, rows = iter(pictures), []
    while batch := list(islice(source, _BATCH)):
        rows.append(encoder.encode_images(np.stack([encoder.preprocess(one) for one in batch])))
    return np.concatenate(rows)


def _file(fingerprint: str, cache_dir: Path | None, prompts: str) -> Path:
    if cache_dir is None:
        import platformdirs

        cache_dir = Path(platformdirs.user_cache_dir("searchengine", appauthor=False))
    return cache_dir / "backgrounds" / f"{fingerprint}-{prompts}-{bank_digest()}.npz"


def _keep(made: Background, path: Path) -> None:
    """Write the file whole or not at all: another process may be reading or writing it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, texts=made.texts, pictures=made.pictures, copies=made.copies)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        _log.warning("cannot write %s (%s): it is made anew at each start", path, error)
