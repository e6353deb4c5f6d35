"""What makes an array of numbers vectors: the right shape, finite, of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np

from searchengine.encoders.contract import Vectors
from searchengine.errors import EncoderError


def unit_rows(raw: Any, *, count: int, dim: int, model: str, what: str) -> Vectors:
    """Return float32 (count, dim) with rows of unit length.

    ``what`` names the inputs in the plural. Raises ``EncoderError``: for rows
    that are not finite or have no direction it names them in ``bad_rows``.
    """
    rows = np.asarray(raw, dtype=np.float32)
    if rows.shape != (count, dim):
        raise EncoderError(
            f"model {model} gave an array of shape {rows.shape} for {count} {what}, "
            f"not ({count}, {dim})",
            hint="its configuration and its weights do not belong together; fetch both again",
        )
    # In float64 no finite row's norm overflows, or vanishes unless the row is all zero.
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    good = np.isfinite(norms[:, 0]) & (norms[:, 0] > 0)
    if not good.all():
        raise _bad_rows(rows, np.flatnonzero(~good), model, what)
    return np.asarray(rows / norms, dtype=np.float32)


def _bad_rows(rows: Vectors, bad: Any, model: str, what: str) -> EncoderError:
    found = rows[bad]
    kinds = [
        word
        for word, present in (
            ("NaN", bool(np.isnan(found).any())),
            ("infinity", bool(np.isinf(found).any())),
            ("vectors without direction", bool((np.abs(found).max(axis=1) == 0).any())),
        )
        if present
    ]
    return EncoderError(
        f"model {model} produced {' and '.join(kinds)} for {len(bad)} of {len(rows)} {what}",
        bad_rows=tuple(int(row) for row in bad),
        hint="if every input fails, the weights are broken or the precision is too low: "
        "try precision fp32, or fetch the weights again",
    )
