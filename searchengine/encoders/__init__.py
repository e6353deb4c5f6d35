"""Models that turn images and texts into unit vectors of one space."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from searchengine.encoders.contract import Encoder, Pixels, Vectors
from searchengine.encoders.fingerprint import ModelCard, Precision
from searchengine.encoders.names import ModelRef, parse_model
from searchengine.encoders.presets import Preset, default_model, load_presets

__all__ = [
    "Encoder",
    "ModelCard",
    "ModelRef",
    "Pixels",
    "Precision",
    "Preset",
    "Vectors",
    "default_model",
    "describe_model",
    "load_encoder",
    "load_presets",
    "parse_model",
]


def load_encoder(
    name: str,
    *,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
    cache_dir: Path | None = None,
) -> Encoder:
    """Load a model by any of its spellings; weights that are not here yet are fetched.

    ``device`` is ``auto`` (CUDA, then Apple's MPS, then the CPU) or a torch
    device; several of them (``cuda:0,cuda:1``, ``cuda:all``) share the work, a
    process each. ``runtime`` is ``torch``, ``openvino``, ``onnx`` or ``auto``: what
    was fastest on this machine, torch until that has been measured.
    ``precision`` is ``fp32``, ``bf16``, ``fp16``, ``int8`` or ``auto``: the
    fastest that gives the same space as fp32 (docs/runtimes.md). ``cache_dir``
    holds downloaded weights, compiled towers and what is remembered about
    models; by default the hub's own cache and the user's cache folder.

    Raises ``UnknownModelError``, ``ModelUnavailableError`` or, for a device,
    runtime or precision that does not exist here, ``UnsupportedError``.
    """
    from searchengine.encoders.choose import Wish

    devices = _devices(device)
    wish = Wish(devices[0], runtime, precision)
    ref = parse_model(name)
    if len(devices) > 1:
        from searchengine.encoders.several import SeveralEncoder

        load = partial(load_encoder, name, runtime=runtime, precision=precision)
        return SeveralEncoder([partial(load, device=d, cache_dir=cache_dir) for d in devices])
    if str(ref) == "fake":
        from searchengine.encoders.fake import FakeEncoder

        return FakeEncoder()
    from searchengine.encoders.loading import load_openclip

    return load_openclip(ref, wish, cache_dir=cache_dir)


def describe_model(
    name: str,
    *,
    device: str = "auto",
    runtime: str = "auto",
    precision: str = "auto",
    cache_dir: Path | None = None,
) -> ModelCard | None:
    """Return what ``load_encoder`` would give, without importing torch.

    ``None`` means that only loading can tell: a model from the hub that has
    not been loaded on this machine, or a precision that has not been compared
    with fp32 on it. Raises ``UnknownModelError``, ``UnsupportedError``, and
    ``ModelUnavailableError`` for a local folder that is not as it should be.
    """
    from searchengine.encoders.choose import Wish

    wish = Wish(_devices(device)[0], runtime, precision)
    ref = parse_model(name)
    if str(ref) == "fake":
        from searchengine.encoders.fake import FakeEncoder

        return FakeEncoder().card
    from searchengine.encoders.files import known_files
    from searchengine.encoders.loading import describe_openclip

    files = known_files(ref, cache_dir=cache_dir)
    return None if files is None else describe_openclip(files, wish, cache_dir=cache_dir)


def _devices(device: str) -> list[str]:
    if "," not in device and device != "cuda:all":
        return [device]
    from searchengine.encoders.several import device_names

    return device_names(device)
