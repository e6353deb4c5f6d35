"""Real weights and photos from the environment, and tiny random models made on the spot."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# Tiny models gain nothing from threads, and lose much where the cores are busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TINY_VIT: dict[str, Any] = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 48, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TINY_RESNET: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 32},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
TINY_COCA: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {
        "image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16,
        "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
        "embed_cls": True, "output_tokens": True,
    },
    "multimodal_cfg": {
        "context_length": 20, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
    },
    "custom_text": True,
}  # fmt: skip
# As SigLIP's towers are put together, but with CLIP's tokenizer.
TINY_TIMM: dict[str, Any] = {
    "embed_dim": 192,
    "custom_text": True,
    "init_logit_bias": -10,
    "vision_cfg": {
        "image_size": 224, "timm_model_name": "vit_tiny_patch16_224", "timm_pool": "map",
        "timm_model_pretrained": False, "timm_proj": "none",
    },
    "text_cfg": {
        "context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
        "no_causal_mask": True, "pool_type": "last", "proj_bias": True,
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def save_tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that saves a random model in the local-dir layout and returns its folder."""

    def save(
        model_cfg: dict[str, Any],
        preprocess_cfg: dict[str, Any] | None = None,
        *,
        seed: int = 0,
        edit: Callable[[dict[str, Any]], None] | None = None,
    ) -> Path:
        import open_clip
        import torch
        from safetensors.torch import save_file

        folder = tmp_path_factory.mktemp("model")
        config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg or {}}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        torch.manual_seed(seed)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        weights = {key: value.clone() for key, value in model.state_dict().items()}
        if edit is not None:
            edit(weights)
        save_file(weights, folder / "open_clip_model.safetensors")
        return folder

    return save


@pytest.fixture(scope="session")
def tiny_vit(save_tiny: Callable[..., Path]) -> Path:
    """A small vision transformer with OpenAI's activation, resized by squashing."""
    return save_tiny(
        TINY_VIT, {"resize_mode": "squash", "interpolation": "bilinear", "mean": [0.5] * 3}
    )


@pytest.fixture(scope="session")
def tiny_resnet(save_tiny: Callable[..., Path]) -> Path:
    """A small ResNet with attention pooling, OpenCLIP's default preprocessing."""
    return save_tiny(TINY_RESNET)


@pytest.fixture(scope="session")
def tiny_coca(save_tiny: Callable[..., Path]) -> Path:
    """A small captioner with a contrastive head."""
    return save_tiny(TINY_COCA)


@pytest.fixture(scope="session")
def tiny_timm(save_tiny: Callable[..., Path]) -> Path:
    """A small image tower of timm's beside a text tower of its own."""
    return save_tiny(TINY_TIMM, {"resize_mode": "squash", "std": [0.5] * 3})


@pytest.fixture(scope="session")
def pictures() -> list[Image.Image]:
    """Nine pictures of odd sizes, always the same."""
    random = np.random.default_rng(7)
    sizes = [
        (48, 48),
        (1, 1),
        (200, 31),
        (31, 200),
        (64, 64),
        (300, 400),
        (47, 49),
        (5, 90),
        (90, 5),
    ]
    return [
        Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for width, height in sizes
    ]
