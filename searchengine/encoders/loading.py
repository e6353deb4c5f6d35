"""From a model's name to an encoder that is ready: files, tokenizer, towers."""

from __future__ import annotations

from pathlib import Path

from searchengine.encoders.choose import Wish, known_choice, plain_choice
from searchengine.encoders.files import ModelFiles, check_packages, known_files, remember_files
from searchengine.encoders.fingerprint import ModelCard
from searchengine.encoders.hub import fetch_files
from searchengine.encoders.names import ModelRef
from searchengine.encoders.openclip import OpenClipEncoder
from searchengine.encoders.opening import Opening
from searchengine.encoders.tokenizers import load_tokenizer


def load_openclip(ref: ModelRef, wish: Wish, *, cache_dir: Path | None = None) -> OpenClipEncoder:
    """Load a model, fetching it first if need be. For errors see ``load_encoder``."""
    files = known_files(ref, cache_dir=cache_dir) or fetch_files(ref, cache_dir=cache_dir)
    check_packages(files.ref, files.model_cfg)
    full = files.card(precision="fp32", cache_dir=cache_dir)
    tokenizer = load_tokenizer(files, cache_dir=cache_dir)
    choice, towers = Opening(
        files, tokenizer, wish, fingerprint=full.fingerprint, cache_dir=cache_dir
    ).open()
    card = full
    if not choice.shares:
        card = files.card(precision=choice.precision, cache_dir=cache_dir)
    encoder = OpenClipEncoder(card, files.preprocess, tokenizer, towers)
    remember_files(files, cache_dir=cache_dir)
    return encoder


def describe_openclip(
    files: ModelFiles, wish: Wish, *, cache_dir: Path | None = None
) -> ModelCard | None:
    """Return the card ``load_openclip`` would give; ``None`` where only measuring can tell."""
    full = files.card(precision="fp32", cache_dir=cache_dir)
    if wish.precision in ("auto", "fp32"):
        return full  # nothing is taken for fp32 that gives another space
    choice = plain_choice(wish) or known_choice(full.fingerprint, wish, cache_dir=cache_dir)
    if choice is None:
        return None
    return full if choice.shares else files.card(precision=choice.precision, cache_dir=cache_dir)
