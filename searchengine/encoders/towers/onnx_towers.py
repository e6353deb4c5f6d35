"""Towers on ONNX Runtime: fp32, on any CPU, a small install."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any, Final

import numpy as np

from searchengine.encoders.contract import Pixels
from searchengine.encoders.towers.contract import Rows, Tokens
from searchengine.encoders.towers.exported import ExportedTowers, Tower
from searchengine.encoders.towers.threads import available_cores
from searchengine.encoders.trimming import end_mark, passes
from searchengine.errors import EncoderError, UnsupportedError

_ROWS_A_PASS: Final = {"image": 8, "text": 16}


class OnnxTowers:
    """Implements ``Towers`` on the CPU at fp32. A tower is loaded when it is first needed."""

    runtime = "onnx"
    device = "cpu"
    name = "onnx fp32 on cpu"

    def __init__(self, exported: ExportedTowers, *, threads: int = 0) -> None:
        """``threads`` 0 means one a core. Raises ``UnsupportedError``."""
        import_onnxruntime()
        self._exported = exported
        self._threads = threads or available_cores()
        self._dim = int(exported.files.model_cfg["embed_dim"])
        self._sessions: dict[Tower, Any] = {}
        self._lock = threading.Lock()

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3); float32 (n, dim)."""
        return self._run("image", pixels)

    def texts(self, tokens: Tokens) -> Rows:
        """Run int64 (n, context), each text as far as it counts; float32 (n, dim)."""
        free = isinstance(self._session("text").get_inputs()[0].shape[1], str)
        mark = end_mark(self._exported.files.model_cfg) if free else None
        rows = np.empty((len(tokens), self._dim), np.float32)
        for places, some in passes(tokens, mark, _ROWS_A_PASS["text"]):
            rows[places] = self._run("text", some)
        return rows

    def _run(self, tower: Tower, inputs: Any) -> Rows:
        session, size = self._session(tower), _ROWS_A_PASS[tower]
        name = session.get_inputs()[0].name
        parts = [np.empty((0, self._dim), np.float32)]
        for start in range(0, len(inputs), size):
            part = np.ascontiguousarray(inputs[start : start + size])
            try:
                parts.append(session.run(None, {name: part})[0])
            except Exception as error:  # its exceptions have no common base
                raise EncoderError(
                    f"ONNX Runtime failed: {str(error).splitlines()[0][:300]}",
                    hint="use model.runtime=torch",
                ) from error
        return np.concatenate(parts)

    def _session(self, tower: Tower) -> Any:
        with self._lock:
            if tower not in self._sessions:
                self._sessions[tower] = self._load(tower)
            return self._sessions[tower]

    def _load(self, tower: Tower) -> Any:
        try:
            return open_session(str(self._exported.path(tower)), self._threads)
        except EncoderError:  # whole by its size, and yet not what was written
            self._exported.forget(tower)
            return open_session(str(self._exported.path(tower)), self._threads)


def open_session(path: str, threads: int) -> Any:
    """Return ONNX Runtime's session of a file. Raises ``EncoderError``."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads take the cores from whoever decodes beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        raise EncoderError(
            f"ONNX Runtime cannot load {path}: {str(error).splitlines()[0][:300]}",
            hint="use model.runtime=torch",
        ) from error


def has_onnxruntime() -> bool:
    """Whether ONNX Runtime is installed; nothing is imported."""
    return importlib.util.find_spec("onnxruntime") is not None


def import_onnxruntime() -> Any:
    """Return the module ``onnxruntime``. Raises ``UnsupportedError`` where it does not work."""
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise UnsupportedError(
            f"onnxruntime cannot be imported: {error}",
            hint='pip install "crossmodal-searchengine[onnx]", or model.runtime=torch',
        ) from error
    return onnxruntime
