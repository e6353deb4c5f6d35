"""What a plan must know of a model: the size of its vectors, the work of a picture. No torch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchengine.encoders.architectures import architecture_config
from searchengine.encoders.names import parse_architecture
from searchengine.encoders.presets import load_presets
from searchengine.errors import ModelUnavailableError, UnknownModelError

_TIMM: dict[str, tuple[int, int, float]] = {
    "tiny": (192, 12, 4.0),
    "small": (384, 12, 4.0),
    "base": (768, 12, 4.0),
    "large": (1024, 24, 4.0),
    "so400m": (1152, 27, 3.7362),
    "giantopt": (1536, 40, 4.0),
    "huge": (1280, 32, 4.0),
    "giant": (1408, 40, 4.3637),
    "gigantic": (1536, 50, 5.8333),
}
"""Width, layers and MLP ratio of timm's vision transformers, by the word in their names
(timm/models/vision_transformer.py)."""
_TIMM_NAME = re.compile(r"(?:vit|eva02|eva)_(?:pe_core_)?([a-z0-9]+)_patch(\d+)")
_FAKE_DIM = 64


@dataclass(frozen=True, slots=True)
class Tower:
    """The image side of a model."""

    name: str
    dim: int
    """Numbers in a vector."""
    image_size: int
    """Pixels, height and width, of what it reads."""
    gflop: float | None
    """Of one picture, 10**9 operations, an addition and a multiplication being two; ``None`` where
    the shape of the network is not told by its configuration."""


def tower_of(model: str) -> Tower:
    """Return the facts of a model: a preset, any OpenCLIP spelling, with or without weights' tag,
    or ``local-dir:PATH``.

    Raises ``UnknownModelError``; for a model of the hub, whose configuration is not here, too.
    """
    if model.startswith("hf-hub:"):
        raise UnknownModelError(
            f"what {model} is like stands on the hub, and a plan asks no network",
            hint="give --dim and --images-per-gpu-s, or name its OpenCLIP architecture",
        )
    if model.startswith("local-dir:"):
        return _tower(model, _local_config(Path(model.partition(":")[2]).expanduser()))
    preset = load_presets().get(model.lower())
    if model == "fake":
        return Tower(model, _FAKE_DIM, 8, 0.0)
    if preset is not None and "/" not in preset.model:
        return Tower(model, preset.dim, preset.image_size, None)
    name = parse_architecture(model if preset is None else preset.model)
    return _tower(name, architecture_config(name))


def _local_config(folder: Path) -> dict[str, Any]:
    path = folder / "open_clip_config.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["model_cfg"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailableError(
            f"{path} cannot be read: {error}", hint="a local-dir holds open_clip_config.json"
        ) from error


def _tower(name: str, config: dict[str, Any]) -> Tower:
    vision = config["vision_cfg"]
    size = vision.get("image_size", 224)
    pixels = int(size if isinstance(size, int) else max(size))
    return Tower(name, int(config["embed_dim"]), pixels, _gflop(vision, pixels))


def _gflop(vision: dict[str, Any], pixels: int) -> float | None:
    if "timm_model_name" in vision:
        found = _TIMM_NAME.match(str(vision["timm_model_name"]))
        if found is None or found[1] not in _TIMM:
            return None
        width, layers, ratio = _TIMM[found[1]]
        return vit_gflop(pixels, int(found[2]), width, layers, ratio)
    if not isinstance(vision.get("layers"), int) or not vision.get("patch_size"):
        return None
    ratio = float(vision.get("mlp_ratio", 4.0))
    return vit_gflop(pixels, int(vision["patch_size"]), vision["width"], vision["layers"], ratio)


def vit_gflop(pixels: int, patch: int, width: int, layers: int, ratio: float = 4.0) -> float:
    """Return the operations of one picture through a vision transformer, 10**9.

    For n tokens of width w a layer's matrix products are n w^2 (4 + 2 r) for the projections and an
    MLP of ratio r, and 2 n^2 w for attention, multiplications and additions counted apart
    (Kaplan et al. 2020, "Scaling Laws for Neural Language Models", table 1); before them the
    patches' embedding. ViT-B-32 at 224: 8.8, as OpenCLIP's model_profile.csv has it (4.4 GMAC).
    """
    tokens = (pixels // patch) ** 2 + 1
    products = 2 * tokens * width * width * (4 + 2 * ratio)
    attention = 4 * tokens * tokens * width
    embedding = 2 * (tokens - 1) * width * 3 * patch * patch
    return (layers * (products + attention) + embedding) / 1e9
