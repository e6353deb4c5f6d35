"""The shape of the ``drawn-scenes`` model and how its folder is written.

Everything here is plain OpenCLIP configuration: a small ResNet with attention pooling (which,
unlike averaging, keeps track of where things stand) beside a small text transformer. The token
table of OpenCLIP's own tokenizer, 49,408 rows, is most of the weights, so it is kept narrow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from open_clip.model import CLIP
from safetensors.torch import save

IMAGE_SIZE: Final = 96
"""Side in pixels of the square the model looks at."""

CONTEXT_LENGTH: Final = 128
"""Tokens a caption may have; a Chinese character takes two or three."""

MEAN: Final = (0.5, 0.5, 0.5)
STD: Final = (0.25, 0.25, 0.25)

MODEL_CONFIG: Final[dict[str, Any]] = {
    "embed_dim": 192,
    "vision_cfg": {
        "image_size": IMAGE_SIZE,
        "layers": [1, 2, 2, 1],
        "width": 16,
        "head_width": 64,
    },
    "text_cfg": {
        "context_length": CONTEXT_LENGTH,
        "vocab_size": 49408,
        "width": 64,
        "heads": 4,
        "layers": 4,
    },
}
"""OpenCLIP's ``model_cfg``."""

PREPROCESS_CONFIG: Final[dict[str, Any]] = {
    "mean": list(MEAN),
    "std": list(STD),
    "interpolation": "bicubic",
    # Pictures are 4:3; cutting a square out of one would lose what stands at its edges.
    "resize_mode": "squash",
}
"""OpenCLIP's ``preprocess_cfg``."""


def build_model() -> CLIP:
    """The untrained model in float32, its random weights drawn from torch's generator."""
    return CLIP(**MODEL_CONFIG)


def save_model(model: CLIP, folder: Path) -> None:
    """Write ``open_clip_config.json`` and half-precision ``open_clip_model.safetensors``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": MODEL_CONFIG, "preprocess_cfg": PREPROCESS_CONFIG}
    text = json.dumps(config, indent=2) + "\n"
    (folder / "open_clip_config.json").write_text(text, encoding="utf-8")
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }
    data = save(weights, {"format": "pt"})
    (folder / "open_clip_model.safetensors").write_bytes(data)


def encode_tokens(model: CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """``model.encode_text`` for tokens cut short, unnormalised; [n, length] -> [n, embed_dim].

    Attention is causal and the feature is read at the last real token, so the padding behind it
    changes nothing; cutting it off saves most of the work on short captions.
    """
    length = int((tokens != 0).sum(dim=1).max())
    tokens = tokens[:, :length]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:length]
    hidden = model.transformer(hidden, attn_mask=model.attn_mask[:length, :length])
    last = model.ln_final(hidden[torch.arange(len(tokens)), tokens.argmax(dim=-1)])
    features: torch.Tensor = last @ model.text_projection
    return features
