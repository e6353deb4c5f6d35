"""The tokenizer of a model: texts to token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from searchengine.encoders.clip_bpe import clip_tokenizer
from searchengine.encoders.files import ModelFiles
from searchengine.encoders.seam import first_lines, import_open_clip, quiet
from searchengine.encoders.tokens import tokenize
from searchengine.encoders.towers.contract import Tokens
from searchengine.errors import ModelUnavailableError

Tokenizer = Callable[[Sequence[str]], Tokens]
"""From n texts, however long or odd, to int64 (n, context)."""


def load_tokenizer(files: ModelFiles, *, cache_dir: Path | None = None) -> Tokenizer:
    """Return the model's own tokenizer. Raises ``ModelUnavailableError``.

    CLIP's is ours and needs no torch. All others are OpenCLIP's, and it brings torch with it.
    """
    own = None if _is_named_siglip(files) else clip_tokenizer(files.model_cfg["text_cfg"])
    tokenizer = _open_clip_tokenizer(files, cache_dir) if own is None else own
    return partial(tokenize, tokenizer, context_length=files.context_length)


def _is_named_siglip(files: ModelFiles) -> bool:
    """Whether OpenCLIP would go by the name: it does for architectures of its own."""
    return files.folder is None and "siglip" in files.ref.name.lower()


def _open_clip_tokenizer(files: ModelFiles, cache_dir: Path | None) -> Any:
    open_clip = import_open_clip()
    name = files.open_clip_name
    if files.ref.kind == "hub" and files.model_cfg["text_cfg"].get("hf_tokenizer_name"):
        name = str(files.ref)
    try:
        with quiet():
            return open_clip.get_tokenizer(name, cache_dir=cache_dir)
    except Exception as error:
        raise ModelUnavailableError(
            f"the tokenizer of {files.ref} cannot be loaded: {first_lines(error)}",
            hint="its files come from the hub on first use; in a local-dir they lie beside the "
            "weights",
        ) from error
