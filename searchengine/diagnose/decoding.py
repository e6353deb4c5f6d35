"""What decodes and resizes photos here: the fast libraries, or Pillow in their place."""

from __future__ import annotations

from searchengine.diagnose.check import Check, pip_command
from searchengine.encoders.box_resize import resized_by
from searchengine.jpeg import reduced_by


def check_decoding() -> Check:
    """Say what reads JPEGs and what resizes them; a warning where it is Pillow."""
    said = f"JPEGs are reduced by {reduced_by()} and resized by {resized_by()}"
    missing = [
        package
        for package, by in (("simplejpeg", reduced_by()), ("cykooz-resizer", resized_by()))
        if by == "Pillow"
    ]
    if not missing:
        return Check("decoding", "ok", said)
    slower = f"{said}: nearly the same pixels, but slower, for want of {' and '.join(missing)}"
    return Check("decoding", "warn", slower, pip_command("install", *missing))
