"""How sure to be: the temperature of a softmax over labels, found by looking at known answers.

The scale that a CLIP model is trained with (100, for most) makes it far too sure of itself when
it chooses from a handful of labels. One number mends that: the scores are divided by the
temperature at which the right answers of a set of pictures get the highest likelihood (Guo et al.,
"On Calibration of Modern Neural Networks", ICML 2017). Where the corpus itself tells the right
labels of some items, they are that set. Where nobody knows, drawings are: any model can be shown
those, and what it makes of a red boat at night says how far its cosines can be trusted.
"""

from __future__ import annotations

import json
import math
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from searchengine.encoders.contract import Encoder

    Scores = npt.NDArray[np.float64]

_SCALES = np.geomspace(0.5, 500, 400)
_SCHEME = 1
_A_KIND = 4
"""Drawings of each kind of thing: 132 altogether."""
_SIDE = 224
_BATCH = 32


def softmax(scores: Scores) -> Scores:
    """Return each row's shares, summing to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def surprise(cosines: Scores, truth: npt.NDArray[np.int64], temperature: float) -> float:
    """Return the mean negative log likelihood of the right labels, ``cosines`` being (n, k)."""
    scaled = cosines / temperature
    top = scaled.max(axis=1)
    total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((total - scaled[np.arange(len(truth)), truth]).mean())


def fit_temperature(sets: Sequence[tuple[Scores, npt.NDArray[np.int64]]]) -> float:
    """Return the temperature of the least surprise over sets of (cosines (n, k), truth (n,)).

    Each set counts the same, and its surprise is a share of that of guessing among its k labels.
    """

    def cost(scale: float) -> float:
        shares = [
            surprise(cosines, truth, 1 / scale) / math.log(max(2, cosines.shape[1]))
            for cosines, truth in sets
        ]
        return sum(shares) / len(shares)

    return 1 / float(min(_SCALES, key=cost))


def calibration_error(shares: Scores, truth: npt.NDArray[np.int64], *, bins: int = 15) -> float:
    """Return the expected calibration error of (n, k) shares: how far sureness is from accuracy.

    Guo et al. 2017, equation 3: 0 is perfect.
    """
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    places = np.minimum((sure * bins).astype(int), bins - 1)
    error = 0.0
    for place in range(bins):
        some = places == place
        if some.any():
            error += some.mean() * abs(sure[some].mean() - right[some].mean())
    return float(error)


def drawn_temperature(encoder: Encoder, cache_dir: Path | None = None) -> float:
    """Return the temperature at which a model reads drawings best; found once for each model.

    132 drawings of one thing each are asked for their kind, their colour and their background.
    """
    file = _file(encoder, cache_dir)
    known = _known(file)
    if known is not None:
        return known
    found = fit_temperature(_drawn_sets(encoder))
    _remember(file, found)
    return found


def _drawn_sets(encoder: Encoder) -> list[tuple[Scores, npt.NDArray[np.int64]]]:
    from searchengine.demo.captions import query
    from searchengine.demo.draw import draw
    from searchengine.demo.scenes import BACKGROUNDS, COLOURS, KINDS, Group, Scene

    rng = random.Random("known answers")
    scenes = [
        Scene(
            rng.choice(BACKGROUNDS),
            (Group(kind, rng.choice(COLOURS), 1, "large", "middle"),),
            None,
            rng.randrange(2**31),
        )
        for kind in KINDS
        for _ in range(_A_KIND)
    ]
    rows = []
    for start in range(0, len(scenes), _BATCH):
        some = (draw(scene, _SIDE, _SIDE) for scene in scenes[start : start + _BATCH])
        rows.append(encoder.encode_images(np.stack([encoder.preprocess(one) for one in some])))
    pictures = np.concatenate(rows).astype(np.float64)
    asked = (
        (
            [query(kind, None, "en") for kind in KINDS],
            [KINDS.index(s.groups[0].kind) for s in scenes],
        ),
        (list(COLOURS), [COLOURS.index(s.groups[0].colour) for s in scenes]),
        (list(BACKGROUNDS), [BACKGROUNDS.index(s.background) for s in scenes]),
    )
    return [
        (pictures @ encoder.encode_texts(texts).T.astype(np.float64), np.array(truth))
        for texts, truth in asked
    ]


def _file(encoder: Encoder, cache_dir: Path | None) -> Path:
    if cache_dir is None:
        import platformdirs

        cache_dir = Path(platformdirs.user_cache_dir("searchengine", appauthor=False))
    return cache_dir / "temperatures" / f"{encoder.fingerprint}.json"


def _known(file: Path) -> float | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["scheme"] != _SCHEME:
            return None
        value = float(found["temperature"])
    except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: found out again
        return None
    return value if math.isfinite(value) and value > 0 else None


def _remember(file: Path, temperature: float) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump({"scheme": _SCHEME, "temperature": temperature}, out)
        Path(name).replace(file)
    except OSError:  # a cache that cannot be written costs time, nothing else
        return
