"""Texts are short and contexts long: where a text tower need not read what follows the end mark.

A tower with a causal mask looks only backwards, and OpenCLIP's read the vector at the end mark
(Radford et al. 2021, section 2.4). What stands behind it, zeros up to the context, cannot reach
the vector, and takes nine tenths of the work for an ordinary query. Towers that look both ways
(SigLIP's), read the last place, or add a mark of their own at the end (CoCa's) are left whole.

Which tower is which follows from the model's configuration; no torch is needed to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from searchengine.encoders.towers.contract import Tokens

STEP: Final = 4
LEAST: Final = 8
"""Products of fewer rows than 4, or of 5 to 7 and 9 to 11 on two threads, are rounded differently
from those of 77; of multiples of 4, on 1 to 8 threads, they are equal to the last bit (torch 2.15,
AVX-512). Below 8 nothing is saved: the weights have to be read."""
KEYS: Final = 16
"""torch's attention is equal to the last bit where the keys are a multiple of this, or all of the
context: the rest is summed in another order."""
BUCKETS: Final = (16, 32)
"""Lengths beside the whole context for runtimes that compile for one shape."""


@dataclass(frozen=True, slots=True)
class EndMark:
    """Where a tower reads its vector."""

    token: int | None
    """The mark; ``None`` for the first of the highest tokens of a text, as OpenAI's do."""

    def lengths(self, tokens: Tokens) -> npt.NDArray[np.int64]:
        """Return how many of the tokens (n, context) count, mark included: (n,), 1 at least.

        Where there is no mark the towers read the first place, and so one token counts.
        """
        places = tokens if self.token is None else tokens == self.token
        return np.asarray(places.argmax(axis=1) + 1, np.int64)


def end_mark(model_cfg: Mapping[str, Any]) -> EndMark | None:
    """Return where a model's text tower ends, ``None`` where all of the context counts."""
    text_cfg = model_cfg["text_cfg"]
    elsewhere = ("hf_model_name", "no_causal_mask", "embed_cls")
    if "multimodal_cfg" in model_cfg or any(text_cfg.get(key) for key in elsewhere):
        return None
    pool = text_cfg.get("pool_type", "argmax")
    if pool == "argmax":
        return EndMark(None)
    return EndMark(int(text_cfg.get("eos_id", 2))) if pool == "eos" else None


def padded(length: int, context: int) -> int:
    """Return the length at which so many tokens are read."""
    return min(context, max(LEAST, -(-length // STEP) * STEP))


def bucket(length: int, context: int) -> int:
    """Return the shape for so many tokens where each shape is compiled by itself."""
    return min((one for one in BUCKETS if length <= one < context), default=context)


def passes(
    tokens: Tokens, mark: EndMark | None, most: int
) -> Iterator[tuple[npt.NDArray[np.int64], Tokens]]:
    """Yield (places, their tokens) for all of the tokens (n, context), ``most`` rows at a time.

    With a mark, texts of like length go together and lose what follows the longest of them.
    """
    context = tokens.shape[1]
    lengths = np.full(len(tokens), context) if mark is None else mark.lengths(tokens)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), most):
        places = order[start : start + most]
        length = padded(int(lengths[places[-1]]), context)
        yield places, np.ascontiguousarray(tokens[places, :length])
