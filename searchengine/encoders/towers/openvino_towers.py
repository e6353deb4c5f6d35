"""Towers on OpenVINO: bf16 where the processor has it, int8 images, no torch at run time."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import numpy as np

from searchengine.encoders.contract import Pixels
from searchengine.encoders.fingerprint import Precision
from searchengine.encoders.towers.contract import Rows, Tokens
from searchengine.encoders.towers.exported import ExportedTowers, Tower
from searchengine.encoders.towers.openvino_import import import_openvino
from searchengine.encoders.towers.threads import available_cores
from searchengine.encoders.trimming import BUCKETS, EndMark, bucket, end_mark
from searchengine.errors import EncoderError, UnsupportedError

# ViT-B-32 bf16, one thread: 33 images per core-second one at a time, 36 by four, 42 by eight, 40
# by 16 and by 32. Several threads at one pass wait for one another (39 and 36 by 32 and by eight
# for two); several passes of a thread each do not.
_IMAGES_A_PASS: Final = 8
_PASSES_A_STREAM: Final = 2  # one that runs, one that waits for the stream
_TEXTS_A_PASS: Final = 16
_FEW_TEXTS: Final = 2
_PRECISIONS: Final = ("fp32", "bf16", "int8")
INT8_STEM: Final = "image-int8"


class OpenVinoTowers:
    """Implements ``Towers`` on the CPU. A tower is loaded when it is first needed."""

    runtime = "openvino"
    device = "cpu"
    calls_at_a_time = 2
    """See ``encoders.contract.TakesSeveral``."""

    def __init__(
        self,
        exported: ExportedTowers,
        *,
        precision: Precision,
        threads: int = 0,
        image_file: Path | None = None,
    ) -> None:
        """``threads`` 0 means one a core; ``image_file`` replaces the exported image tower.

        Raises ``UnsupportedError`` for a precision this processor does not have.
        """
        check_precision(precision)
        self._image_file = image_file
        self._exported = exported
        self._precision = precision
        self._threads = threads or available_cores()
        self._dim = int(exported.files.model_cfg["embed_dim"])
        self._runs: dict[str, Callable[[Any], Rows]] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Such as ``openvino bf16 on cpu``."""
        return f"openvino {self._precision} on {self.device}"

    def images(self, pixels: Pixels) -> Rows:
        """Run uint8 (n, h, w, 3), passes side by side; float32 (n, dim)."""
        return self._tower("image")(np.ascontiguousarray(pixels))

    def texts(self, tokens: Tokens) -> Rows:
        """Run int64 (n, context); float32 (n, dim)."""
        return self._tower("text")(np.ascontiguousarray(tokens))

    def reload_images(self) -> None:
        """Have the image tower loaded anew: there is another one."""
        with self._lock:
            self._runs.pop("image", None)

    def _tower(self, tower: Tower) -> Callable[[Any], Rows]:
        with self._lock:
            if tower not in self._runs:
                self._runs[tower] = self._load(tower)
            return self._runs[tower]

    def _load(self, tower: Tower) -> Callable[[Any], Rows]:
        stem, streams = str(tower), 1
        if tower == "image":
            streams = self._threads  # many pictures come at a time, texts often alone
            if self._precision == "int8" and self._exported.there(INT8_STEM):
                stem = INT8_STEM
        try:
            return self._compile(stem, tower, streams)
        except RuntimeError:  # whole by its size, and yet not what was written
            self._exported.forget(stem)
            stem = str(tower)
            try:
                return self._compile(stem, tower, streams)
            except RuntimeError as error:
                raise UnsupportedError(
                    f"OpenVINO cannot load the {tower} tower: {str(error).splitlines()[0][:300]}",
                    hint="use model.runtime=torch",
                ) from error

    def _compile(self, stem: str, tower: Tower, streams: int) -> Callable[[Any], Rows]:
        hint, threads = _hint(self._precision), self._threads
        if tower == "image" and self._image_file is not None:
            compiled = compile_file(self._image_file, hint, streams=streams, threads=threads)
            return _Passes(compiled, _IMAGES_A_PASS, streams, self._dim)
        path = self._exported.found(stem) or self._exported.path(tower)
        if tower == "image":
            compiled = compile_file(path, hint, streams=streams, threads=threads, blobs=True)
            return _Passes(compiled, _IMAGES_A_PASS, streams, self._dim)
        whole = read_file(path)
        mark = end_mark(self._exported.files.model_cfg) if has_free_length(whole) else None

        def compiled_for(shape: tuple[int, int] | None) -> Callable[[Any], Rows]:
            one = compile_file(
                path, hint, streams=1, threads=threads, blobs=True, model=whole, shape=shape
            )
            return _Passes(one, 1 if shape else _TEXTS_A_PASS, 1, self._dim)

        return compiled_for(None) if mark is None else ShortTexts(compiled_for, mark, self._dim)


class _Passes:
    """A compiled tower that takes any number of rows, from any thread.

    Passes are started before those ahead of them are done, so that a stream which gets done finds
    its next one waiting, and need not wait for Python; nor for the end of one call, where there is
    another.
    """

    def __init__(self, compiled: Any, size: int, streams: int, dim: int) -> None:
        self._size = size
        self._dim = dim
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(_PASSES_A_STREAM * streams):
            self._free.put(compiled.create_infer_request())

    def __call__(self, inputs: Any) -> Rows:
        rows = np.empty((len(inputs), self._dim), np.float32)
        under_way: deque[tuple[Any, int]] = deque()
        try:
            for start in range(0, len(inputs), self._size):
                request = self._next(under_way, rows)
                under_way.append((request, start))
                request.start_async({0: np.ascontiguousarray(inputs[start : start + self._size])})
            while under_way:
                self._free.put(self._collect(under_way, rows))
        except RuntimeError as error:
            raise EncoderError(
                f"OpenVINO failed: {str(error).splitlines()[0][:300]}",
                hint="use model.runtime=torch",
            ) from error
        finally:  # of a call that fails: no request is given back before it has come to rest
            for request, _ in under_way:
                with contextlib.suppress(RuntimeError):
                    request.wait()
                self._free.put(request)
        return rows

    def _next(self, under_way: deque[tuple[Any, int]], rows: Rows) -> Any:
        """Return a request for the next pass: one that is free, else the oldest of this call."""
        try:
            return self._free.get(block=not under_way)
        except Empty:
            return self._collect(under_way, rows)

    def _collect(self, under_way: deque[tuple[Any, int]], rows: Rows) -> Any:
        """Wait for the oldest pass of this call, keep what it gives, and return its request."""
        request, start = under_way[0]
        request.wait()
        part = request.get_output_tensor(0).data
        if part.shape[1:] != rows.shape[1:]:
            raise EncoderError(f"the compiled tower gave {part.shape}, not (n, {self._dim})")
        rows[start : start + len(part)] = part
        under_way.popleft()
        return request


class ShortTexts:
    """A text tower that reads texts no further than they count.

    One text at a time, as questions come, goes through a tower compiled for just its length,
    rounded up to a few: 5 ms at 16 tokens, where one for any shape takes 8 and, the first time, 80
    (ViT-B-32 on one core). What comes by the many goes through that one.
    """

    def __init__(
        self,
        compiled_for: Callable[[tuple[int, int] | None], Callable[[Any], Rows]],
        mark: EndMark,
        dim: int,
    ) -> None:
        self._compiled_for = compiled_for
        self._mark = mark
        self._dim = dim
        self._runs: dict[tuple[int, int] | None, Callable[[Any], Rows]] = {}
        self._lock = threading.Lock()

    def __call__(self, tokens: Tokens) -> Rows:
        context = tokens.shape[1]
        rows = np.empty((len(tokens), self._dim), np.float32)
        lengths = [bucket(one, context) for one in self._mark.lengths(tokens).tolist()]
        for length in sorted(set(lengths)):
            places = [at for at, one in enumerate(lengths) if one == length]
            some = np.ascontiguousarray(tokens[places, :length])
            rows[places] = self._run((1, length) if len(places) <= _FEW_TEXTS else None)(some)
        return rows

    def _run(self, shape: tuple[int, int] | None) -> Callable[[Any], Rows]:
        with self._lock:
            if shape not in self._runs:
                self._runs[shape] = self._compiled_for(shape)
            return self._runs[shape]


def read_file(path: Path) -> Any:
    """Return an IR as it is written; raises ``RuntimeError`` as OpenVINO does."""
    return _core().read_model(str(path))


def has_free_length(model: Any) -> bool:
    """Whether a text tower was exported for texts of any length."""
    return bool(model.input(0).get_partial_shape()[1].is_dynamic)


def compile_file(
    path: Path,
    hint: str,
    *,
    streams: int,
    threads: int,
    blobs: bool = False,
    model: Any = None,
    shape: tuple[int, int] | None = None,
) -> Any:
    """Compile an IR for the CPU; raises ``RuntimeError`` as OpenVINO does.

    ``blobs`` keeps what comes out beside the IR: loading that takes half as long. ``model`` is
    the IR, if it has been read; ``shape`` what its input is compiled for.
    """
    options = {
        "INFERENCE_PRECISION_HINT": hint,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        # Pinned, the threads of two processes stand on the same core.
        "ENABLE_CPU_PINNING": False,
    }
    if blobs:
        options["CACHE_DIR"] = str(path.parent / "blobs")
    if model is None or shape is None:
        return _core().compile_model(str(path), "CPU", options)
    if shape[1] > BUCKETS[0]:  # rarely asked for: small, though it takes 0.1 s more to load
        options["CACHE_MODE"] = "OPTIMIZE_SIZE"
    fixed = model.clone()
    fixed.reshape(list(shape))
    return _core().compile_model(fixed, "CPU", options)


@functools.cache
def _core() -> Any:
    return import_openvino().Core()


def has_bf16() -> bool:
    """Whether this processor computes bfloat16. Imports OpenVINO."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _hint(precision: Precision) -> str:
    """What int8 leaves alone, and the text tower, runs at bf16 where there is bf16."""
    return "bf16" if precision != "fp32" and has_bf16() else "f32"


def check_precision(precision: Precision) -> None:
    """Raise ``UnsupportedError`` for a precision OpenVINO does not have on this processor."""
    if precision not in _PRECISIONS:
        raise UnsupportedError(
            f"OpenVINO has no {precision} on a CPU", hint=f"use {', '.join(_PRECISIONS)}, or auto"
        )
    if precision == "bf16" and not has_bf16():
        raise UnsupportedError(
            "this processor has no bfloat16 instructions", hint="use fp32 or auto"
        )
