"""From a model's name to an encoder that is ready: files, tokenizer, towers."""

from __future__ import annotations

from pathlib import Path

from searchengine.encoders.files import check_packages, known_files, remember_files
from searchengine.encoders.fingerprint import PRECISIONS, Precision
from searchengine.encoders.hub import fetch_files
from searchengine.encoders.names import ModelRef
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.tokenizers import load_tokenizer
from searchengine.encoders.towers.torch_towers import TorchTowers
from searchengine.errors import UnsupportedError


def load_openclip(
    ref: ModelRef,
    *,
    device: str = "auto",
    precision: Precision = "fp32",
    cache_dir: Path | None = None,
) -> OpenClipEncoder:
    """Load a model, fetching it first if need be. For errors see ``load_encoder``."""
    if precision not in PRECISIONS:
        raise UnsupportedError(
            f"precision {precision!r} is not known", hint=f"use {', '.join(PRECISIONS)}"
        )
    files = known_files(ref, cache_dir=cache_dir) or fetch_files(ref, cache_dir=cache_dir)
    check_packages(files.ref, files.model_cfg)
    towers = TorchTowers(files, device=device, precision=precision, cache_dir=cache_dir)
    tokenizer = load_tokenizer(files, cache_dir=cache_dir)
    card = files.card(precision=precision, cache_dir=cache_dir)
    encoder = OpenClipEncoder(card, files.preprocess, tokenizer, towers)
    remember_files(files, cache_dir=cache_dir)
    return encoder
