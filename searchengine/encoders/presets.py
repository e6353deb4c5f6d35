"""Named models as data: ``configs/models.yaml``."""

from __future__ import annotations

import functools
from dataclasses import MISSING, dataclass, fields
from typing import Any

from searchengine.configs_path import config_file
from searchengine.errors import SettingsError

_FILE = "models.yaml"
PROMPTS = ("off", "single", "ensemble")
"""What may be put around the words of a query: nothing, a template, several (see ``query``)."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One short name and what it stands for."""

    name: str
    model: str
    """Canonical spelling."""
    dim: int
    image_size: int
    """Pixels, height and width."""
    weights_mb: int
    """Megabytes (10**6 bytes) to download, once."""
    languages: tuple[str, ...]
    """ISO 639-1 codes, or ``multilingual``."""
    licence: str
    """Of the weights."""
    note: str
    """When to choose it and what it costs, one line."""
    needs: str | None = None
    """A package beyond the default install."""
    prompts: str = "off"
    """One of ``PROMPTS``: what serves this model best by measurement."""


@functools.cache
def load_presets() -> dict[str, Preset]:
    """Return the presets by name, in the file's order.

    Raises ``SettingsError`` naming the entry that is wrong.
    """
    presets = _document().get("presets")
    if not isinstance(presets, dict):
        raise SettingsError(f"{config_file(_FILE)} has no presets")
    return {str(name): _preset(str(name), entry) for name, entry in presets.items()}


def default_model() -> str:
    """Return the name of the preset for whoever names no model. Raises ``SettingsError``."""
    name = _document().get("default")
    if name not in load_presets():
        raise SettingsError(f"{config_file(_FILE)}: default: {name!r} is none of its presets")
    return str(name)


@functools.cache
def _document() -> dict[str, Any]:
    import yaml

    path = config_file(_FILE)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is no table of presets")
    return document


def _preset(name: str, entry: Any) -> Preset:
    where = f"{config_file(_FILE)}: {name}"
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} is no table")
    known = {field.name: field for field in fields(Preset) if field.name != "name"}
    for key in entry:
        if key not in known:
            raise SettingsError(f"{where}: {key!r} is not known", hint=f"known: {', '.join(known)}")
    for key, field in known.items():
        if key not in entry and field.default is MISSING:
            raise SettingsError(f"{where}: {key} is missing")
    for key in ("dim", "image_size", "weights_mb"):
        if not isinstance(entry[key], int) or entry[key] <= 0:
            raise SettingsError(f"{where}: {key}: {entry[key]!r} is no positive number")
    if not isinstance(entry["languages"], list):
        raise SettingsError(f"{where}: languages: {entry['languages']!r} is no list")
    if entry.get("prompts", "off") not in PROMPTS:
        known_prompts = ", ".join(f'"{choice}"' for choice in PROMPTS)  # bare off is YAML's false
        raise SettingsError(
            f"{where}: prompts: {entry['prompts']!r} is none of {known_prompts} (with quotes)"
        )
    return Preset(name=name, **{**entry, "languages": tuple(map(str, entry["languages"]))})
