"""Compiled towers on disk: found by model and runtime, written whole or not at all, bounded.

::

    cache_dir/towers/<fingerprint>/          the model's fp32 fingerprint
        onnx-1/image.onnx, text.onnx, ...
        openvino-2026.4.1-1/image.xml, image.bin, text.xml, text.bin, image-int8.xml, ...
        .../image.json                       written last: sizes of the files of that tower

A file whose size is not the one that was noted is damaged, and is made anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

MOST_BYTES: Final = 8_000_000_000
"""Kept in all; beyond, the models that were not used for longest go."""


class CompiledFiles:
    """The compiled towers of one model for one runtime."""

    def __init__(self, fingerprint: str, runtime: str, *, cache_dir: Path | None) -> None:
        """``runtime`` names all that decides the files' form, such as ``openvino-2026.4.1-1``."""
        if cache_dir is None:
            import platformdirs

            cache_dir = Path(platformdirs.user_cache_dir("searchengine", appauthor=False))
        self._root = cache_dir / "towers"
        self._model = self._root / fingerprint
        self.folder = self._model / runtime

    def find(self, stem: str) -> Path | None:
        """Return where the files of a tower lie, without suffix; ``None`` if not, or damaged."""
        try:
            sizes = json.loads((self.folder / f"{stem}.json").read_text(encoding="utf-8"))
            sound = bool(sizes) and all(
                (self.folder / name).stat().st_size == size for name, size in sizes.items()
            )
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        if not sound:
            return None
        with contextlib.suppress(OSError):
            os.utime(self._model)  # so that what is in use is not what goes first
        return self.folder / stem

    def make(self, stem: str, write: Callable[[Path], None]) -> Path:
        """Have ``write`` put files named ``stem`` and a suffix into a folder; keep them.

        ``write`` gets the path without suffix, in a folder of its own. Of two
        processes at once the last one's files stay; both work. Raises
        ``OSError`` where the files cannot be kept, and what ``write`` raises.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix=".making-"))
        try:
            write(scratch / stem)
            files = sorted(scratch.iterdir())
            note = self.folder / f"{stem}.json"
            note.unlink(missing_ok=True)
            shutil.rmtree(self.folder / "blobs", ignore_errors=True)  # compiled from the old ones
            for file in files:
                file.replace(self.folder / file.name)
            sizes = {file.name: (self.folder / file.name).stat().st_size for file in files}
            draft = scratch / "note"
            draft.write_text(json.dumps(sizes), encoding="utf-8")
            draft.replace(note)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self._bound()
        return self.folder / stem

    def forget(self, stem: str) -> None:
        """Drop what turned out not to load."""
        (self.folder / f"{stem}.json").unlink(missing_ok=True)

    def _bound(self) -> None:
        """Remove other models, the longest unused first, until all fits."""
        try:
            models = [path for path in self._root.iterdir() if path.is_dir()]
            sizes = {model: _size(model) for model in models}
            models.sort(key=lambda path: path.stat().st_mtime)
        except OSError:  # another process is at it
            return
        for model in models:
            if sum(sizes.values()) <= MOST_BYTES:
                return
            if model != self._model:
                _log.info("compiled towers fill more than %d bytes: %s goes", MOST_BYTES, model)
                shutil.rmtree(model, ignore_errors=True)
                sizes[model] = 0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
