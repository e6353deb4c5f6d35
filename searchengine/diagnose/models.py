"""Whether the weights that will be asked for are here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from searchengine.diagnose.check import Check, pip_command
from searchengine.errors import ModelUnavailableError, SearchEngineError

if TYPE_CHECKING:
    from searchengine.diagnose.stages import Stages
    from searchengine.encoders.names import ModelRef
    from searchengine.settings import Settings

_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


def configured_model(settings: Settings) -> ModelRef:
    """Return the model that a new corpus would get. Raises ``UnknownModelError``."""
    from searchengine.encoders import parse_model
    from searchengine.settings import DEFAULT_MODEL

    return parse_model(settings.model.name or DEFAULT_MODEL)


def check_model(settings: Settings, stages: Stages) -> Check:
    """Say whether the configured model can be loaded without the network.

    ``stages`` are those of ``runtime.probe`` for this model. The weights are
    not read: that they are there is what is looked at.
    """
    from searchengine.encoders.files import known_files

    try:
        ref = configured_model(settings)
        files = known_files(ref, cache_dir=settings.cache_dir)
    except SearchEngineError as error:
        return Check("model", "fail", str(error), error.hint)
    if files is not None:
        size = files.weights.stat().st_size
        return Check("model", "ok", f"{ref}: {files.weights} ({size / 1e6:,.0f} MB)")
    weights = stages.get("weights", {})
    if ref.kind == "pretrained" and weights.get("known") is False:
        known = ", ".join(weights.get("tags") or ()) or "none"
        return Check("model", "fail", f"{ref}: no such weights; {ref.name} has: {known}")
    repository = ref.name if ref.kind == "hub" else str(weights.get("repository") or "")
    cached = cached_weights(repository, settings.cache_dir)
    if cached is not None:
        return Check("model", "ok", f"{ref}: downloaded, not loaded yet ({cached})")
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return Check(
        "model",
        "warn",
        f"{ref}: the weights are not on this machine; the first use downloads them"
        + (", but HF_HUB_OFFLINE is set" if offline else ""),
        "use it once with a network connection"
        + (" and without HF_HUB_OFFLINE" if offline else "")
        + "; or --model local-dir:PATH; or see what needs none: searchengine demo",
    )


def check_drawn_scenes() -> Check:
    """Say whether the encoder that ships with the package is whole."""
    from searchengine.encoders import parse_model
    from searchengine.encoders.files import known_files

    reinstall = pip_command("install", "--force-reinstall", "crossmodal-searchengine")
    try:
        files = known_files(parse_model("drawn-scenes"))
    except ModelUnavailableError as error:
        return Check("drawn-scenes", "fail", str(error), reinstall)
    if files is None or files.weights.stat().st_size < 1_000_000:
        return Check("drawn-scenes", "fail", "the weights that ship are damaged", reinstall)
    return Check("drawn-scenes", "ok", "the small encoder that ships is here")


def cached_weights(repository: str, cache_dir: Path) -> Path | None:
    """Return a weights file of a repository of the hub that was downloaded whole, if any."""
    if not repository:
        return None
    folder = cache_dir / f"models--{repository.replace('/', '--')}" / "snapshots"
    found = sorted(path for path in folder.glob("*/*") if path.suffix in _WEIGHTS)
    return next((path for path in found if path.is_file()), None)  # a link may lead nowhere
