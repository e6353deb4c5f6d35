"""Settings, disk space and optional extras."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING

from searchengine.diagnose.check import Check, pip_command
from searchengine.diagnose.databases import nearest
from searchengine.errors import SearchEngineError
from searchengine.settings import ENV_PREFIX, settings_file

if TYPE_CHECKING:
    from pathlib import Path

LOW_BYTES = 2_000_000_000
"""Below this, a model's weights may not fit any more."""
NONE_LEFT_BYTES = 200_000_000
"""Below this, writing the index may fail at any moment."""


def check_settings(config: str | None) -> Check:
    """Say which settings file and which variables are in force (their names only)."""
    try:
        file = settings_file(config)
    except SearchEngineError as error:
        return Check("settings", "fail", str(error), error.hint)
    names = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
    return Check("settings", "ok", str(file) + (f", then {', '.join(names)}" if names else ""))


def check_space(name: str, setting: str, folder: Path) -> Check:
    """Say whether there is room in a folder, and whether it may be written to."""
    here = nearest(folder)
    elsewhere = f"add --set {setting}=OTHER_FOLDER"
    if not os.access(here, os.W_OK):
        return Check(name, "fail", f"{here} may not be written to", elsewhere)
    free = shutil.disk_usage(here).free
    said = f"{_size(free)} free at {folder}"
    if free < NONE_LEFT_BYTES:
        return Check(name, "fail", f"only {said}", f"free some space, or {elsewhere}")
    if free < LOW_BYTES:
        return Check(name, "warn", f"only {said}", f"free some space, or {elsewhere}")
    return Check(name, "ok", said)


_EXTRAS = (
    ("heic", "pillow_heif", "HEIC pictures"),
    ("raw", "rawpy", "RAW pictures of cameras"),
    ("video", "av", "films"),
    ("pdf", "pypdfium2", "PDFs"),
)
"""The extra, the library it brings, and what can be read with it."""


def check_formats() -> list[Check]:
    """Say which files can be read that need an extra."""
    return [
        Check(extra, "ok", f"{what} can be read")
        if find_spec(library) is not None
        else Check(
            extra,
            "ok",
            f"{what} cannot be read (an optional extra)",
            pip_command("install", f"crossmodal-searchengine[{extra}]"),
        )
        for extra, library, what in _EXTRAS
    ]


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1_000_000_000 else f"{count / 1e6:,.0f} MB"
