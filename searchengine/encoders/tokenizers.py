"""The tokenizer of a model: texts to token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from searchengine.encoders.files import ModelFiles
from searchengine.encoders.seam import first_lines, import_open_clip, quiet
from searchengine.encoders.tokens import tokenize
from searchengine.encoders.towers.contract import Tokens
from searchengine.errors import ModelUnavailableError

Tokenizer = Callable[[Sequence[str]], Tokens]
"""From n texts, however long or odd, to int64 (n, context)."""


def load_tokenizer(files: ModelFiles, *, cache_dir: Path | None = None) -> Tokenizer:
    """Return the model's own tokenizer. Raises ``ModelUnavailableError``."""
    open_clip = import_open_clip()
    name = files.open_clip_name
    if files.ref.kind == "hub" and files.model_cfg["text_cfg"].get("hf_tokenizer_name"):
        name = str(files.ref)
    try:
        with quiet():
            tokenizer = open_clip.get_tokenizer(name, cache_dir=cache_dir)
    except Exception as error:
        raise ModelUnavailableError(
            f"the tokenizer of {files.ref} cannot be loaded: {first_lines(error)}",
            hint="its files come from the hub on first use; in a local-dir they lie beside the "
            "weights",
        ) from error
    return partial(tokenize, tokenizer, context_length=files.context_length)
