"""What the installed OpenCLIP knows, read from its files: no torch is imported."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import Any

from searchengine.errors import ModelUnavailableError


def open_clip_version() -> str:
    """Return the version of the installed OpenCLIP. Raises ``ModelUnavailableError``."""
    try:
        return importlib.metadata.version("open_clip_torch")
    except importlib.metadata.PackageNotFoundError as error:
        raise _not_installed() from error


@functools.cache
def architectures() -> dict[str, Path]:
    """Return the configuration file of each architecture, by name.

    Raises ``ModelUnavailableError`` where OpenCLIP is not installed.
    """
    return {path.stem: path for path in sorted(package_file("model_configs").glob("*.json"))}


def package_file(name: str) -> Path:
    """Return where a file of OpenCLIP's package lies. Raises ``ModelUnavailableError``."""
    spec = importlib.util.find_spec("open_clip")  # locates a top-level package, runs nothing
    if spec is None or spec.origin is None:
        raise _not_installed()
    return Path(spec.origin).parent / name


def architecture_config(name: str) -> dict[str, Any]:
    """Return OpenCLIP's ``model_cfg`` of an architecture. Raises ``KeyError``."""
    config: dict[str, Any] = json.loads(architectures()[name].read_text(encoding="utf-8"))
    return config


def _not_installed() -> ModelUnavailableError:
    return ModelUnavailableError(
        "OpenCLIP is not installed here, so no model can run",
        hint="pip install open_clip_torch",
    )
