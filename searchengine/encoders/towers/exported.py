"""Where a runtime gets its files from: the cache, or torch, once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

from searchengine.encoders.files import ModelFiles
from searchengine.encoders.towers.compiled import CompiledFiles
from searchengine.encoders.towers.openvino_import import import_openvino
from searchengine.encoders.trimming import end_mark
from searchengine.errors import DiskFullError

_log = logging.getLogger(__name__)

Tower = Literal["image", "text"]
Format = Literal["openvino", "onnx"]
SUFFIX: Final[dict[Format, str]] = {"openvino": ".xml", "onnx": ".onnx"}

_SCHEME = 2
"""Raise it when ``export.py`` begins to write other graphs."""


class ExportedTowers:
    """A model's towers as files for one runtime, exported from torch where they are not there."""

    def __init__(
        self,
        files: ModelFiles,
        kind: Format,
        *,
        fingerprint: str,
        cache_dir: Path | None,
        model: Any = None,
    ) -> None:
        """``fingerprint`` is the model's at fp32; ``model`` OpenCLIP's fp32, if loaded already."""
        self.files = files
        self.kind = kind
        self._model = model
        self._compiled = CompiledFiles(fingerprint, _form(kind), cache_dir=cache_dir)
        self._lock = threading.Lock()

    def there(self, tower: str) -> bool:
        """Whether a tower can be had without torch. ``image-int8`` is one, too."""
        return self._compiled.find(tower) is not None

    def path(self, tower: Tower) -> Path:
        """Return the file to load a tower from; what is missing is exported first.

        Raises ``UnsupportedError`` for towers that cannot be exported,
        ``ModelUnavailableError``, and ``DiskFullError`` where the file cannot be kept.
        """
        with self._lock:
            stem = self._compiled.find(tower)
            if stem is None:
                stem = self.keep(tower, lambda path: self._export(tower, path))
        return stem.with_name(stem.name + SUFFIX[self.kind])

    def found(self, stem: str) -> Path | None:
        """Return the file of what ``keep`` kept under that name, if it is there and whole."""
        path = self._compiled.find(stem)
        return None if path is None else path.with_name(path.name + SUFFIX[self.kind])

    def keep(self, stem: str, write: Callable[[Path], None]) -> Path:
        """Have ``write`` make the files of a tower. Raises ``DiskFullError``."""
        try:
            return self._compiled.make(stem, write)
        except OSError as error:
            raise DiskFullError(
                f"the compiled {stem} tower cannot be kept in {self._compiled.folder}: {error}",
                hint="free some space, name another cache_dir, or use model.runtime=torch",
            ) from error

    def forget(self, tower: str) -> None:
        """Have the tower made anew next time."""
        self._compiled.forget(tower)

    def release(self) -> None:
        """Let go of the torch model that exporting needed."""
        self._model = None

    def _export(self, tower: Tower, path: Path) -> None:
        from searchengine.encoders.towers.export import export_onnx
        from searchengine.encoders.towers.torch_towers import choose_device, load_model

        began = time.perf_counter()
        if self._model is None:
            self._model = load_model(self.files, "fp32", choose_device("cpu"))
        onnx = path.with_name(path.name + ".onnx")
        export_onnx(
            self._model,
            self.files.preprocess,
            self.files.context_length,
            tower,
            onnx,
            mark=end_mark(self.files.model_cfg),
        )
        if self.kind == "openvino":
            onnx_to_openvino(onnx, path.with_name(path.name + ".xml"))
            onnx.unlink()
        _log.info(
            "exported the %s tower of %s to %s in %.1f s",
            tower, self.files.ref, self.kind, time.perf_counter() - began,
        )  # fmt: skip


def onnx_to_openvino(source: Path, target: Path) -> None:
    """Write OpenVINO's IR (``target`` and a ``.bin`` beside it), weights untouched.

    By the C++ reader alone: ``openvino.convert_model`` reports to its makers.
    """
    openvino = import_openvino()
    model = openvino.Core().read_model(str(source))
    openvino.save_model(model, str(target), compress_to_fp16=False)
    del model  # Windows: the source stays open as long as it lives


def _form(kind: Format) -> str:
    if kind == "onnx":
        return f"onnx-{_SCHEME}"
    return f"openvino-{metadata.version('openvino')}-{_SCHEME}"
