"""Temporary: stands in for modules being written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

DEFAULT_THRESHOLD = 0.5
Background = Any


def load_background(*a: Any, **k: Any) -> Any:
    return None


def relevance_of(background: Any, query: Any, kinds: Any, vectors: Any, modality: Any) -> Any:
    return np.clip(vectors @ query, 0, 1).astype(np.float32)


def default_prompts(name: str) -> str:
    return "off"


def encode_prompted(encoder: Any, texts: Any, prompts: str) -> Any:
    return encoder.encode_texts(list(texts))


@dataclass
class Means:
    text: Any
    image: Any


def compose(terms: Any, side: Any, means: Any) -> Any:
    v = sum(t.weight * t.vector for t in terms)
    return (v / np.linalg.norm(v)).astype(np.float32)


def fold(c: Any) -> Any:
    return list(c)


def negated(t: Any) -> Any:
    return t
