"""The fingerprint of an encoder: two encoders with one print give one space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from searchengine.encoders.preprocess import Preprocess

Precision = Literal["fp32", "bf16", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16", "int8")

_SCHEME = 1
"""Raise it when the same four ingredients begin to give other vectors."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What can be known of an encoder without loading it."""

    name: str
    """The canonical spelling."""
    fingerprint: str
    """32 hex digits."""
    dim: int
    image_size: tuple[int, int]
    """Height and width of the model's input in pixels."""
    context_length: int
    """Tokens of a text that are read, begin and end marks included."""


def fingerprint(
    *,
    model_cfg: Mapping[str, Any],
    weights_hash: str,
    preprocess: Preprocess,
    precision: Precision,
    tokenizer_hash: str = "",
) -> str:
    """Return 32 hex digits (blake2b-128) over all that decides what a vector is.

    Paths, names, dates, devices and library versions have no part in it.
    ``tokenizer_hash`` stands for tokenizer files that come with the weights.
    """
    ingredients = {
        "scheme": _SCHEME,
        "model": _without_sources(model_cfg),
        "weights": weights_hash,
        "preprocess": asdict(preprocess),
        "precision": precision,
        "tokenizer": tokenizer_hash,
    }
    canonical = json.dumps(ingredients, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode("ascii"), digest_size=16).hexdigest()


def _without_sources(config: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what only says where a tower's first weights came from: others are loaded over them."""
    return {
        key: _without_sources(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in ("timm_model_pretrained", "hf_model_pretrained")
    }
