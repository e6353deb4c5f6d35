"""One encoder over several devices, a process each.

A process a device keeps each device's launches away from the others' interpreter lock. A batch is
cut into as many parts as there are devices (``model.device`` names them); pixels and vectors cross
through shared memory, so that only a few numbers go through the pipe. The processes end with their
parent: a pipe that closes is the word to stop.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from typing import TYPE_CHECKING, Any

import numpy as np

from searchengine.errors import EncoderError, SearchEngineError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from searchengine.encoders.contract import Encoder, Picture, Pixels, Vectors

_STOP_S = 5.0


class SeveralEncoder:
    """Implements ``Encoder`` over one process a device. ``close`` ends them.

    All devices hold the same model, so the fingerprint is that of any of them.
    """

    def __init__(self, builders: Sequence[Callable[[], Encoder]]) -> None:
        """Start a process for each of the builders, which have to pickle.

        Raises what a builder raises.
        """
        context = get_context("spawn")  # a fork would share the parent's CUDA context
        self._workers = [_Worker(context, build) for build in builders]
        self._ending = weakref.finalize(self, _close_all, self._workers)  # at exit too
        self._pool = ThreadPoolExecutor(len(self._workers), "device")
        try:
            self._facts, *_ = self._pool.map(_Worker.wait_until_ready, self._workers)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The canonical spelling of the model."""
        return self._facts.name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._facts.dim

    @property
    def fingerprint(self) -> str:
        """32 hex digits over model, weights, preprocessing and precision."""
        return self._facts.fingerprint

    def reduction(self, width: int, height: int) -> int:
        """By how much a picture of that size may be reduced while it is decoded."""
        return self._facts.reduction(width, height)

    @property
    def preprocess(self) -> Any:
        """The model's own: call it with an RGB image. Pickles without the model."""
        return self._facts.preprocess

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode n texts to float32 (n, dim), on the first device."""
        return self._workers[0].encode_texts(texts)

    def encode_images(self, pixels: Pixels) -> Vectors:
        """Encode uint8 (n, h, w, 3) to float32 (n, dim), a part on each device.

        Raises ``EncoderError``: of a model that fails on some rows (``bad_rows``), or because a
        device's process has died.
        """
        parts = np.array_split(np.arange(len(pixels)), len(self._workers))
        jobs = [
            self._pool.submit(worker.encode_images, pixels[part[0] : part[-1] + 1])
            for worker, part in zip(self._workers, parts, strict=True)
            if len(part)
        ]
        done: list[Vectors] = []
        bad: list[int] = []
        failure: EncoderError | None = None
        for job, part in zip(jobs, parts, strict=False):
            try:
                done.append(job.result())
            except EncoderError as error:
                failure = error
                bad += [int(part[0]) + row for row in error.bad_rows]
        if failure is not None:
            raise EncoderError(str(failure), bad_rows=tuple(bad), hint=failure.hint)
        return np.concatenate(done) if done else np.empty((0, self.dim), np.float32)

    def close(self) -> None:
        """End the processes."""
        self._ending()
        self._pool.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a process tells of its encoder; everything in it pickles without the model."""

    name: str
    dim: int
    fingerprint: str
    preprocess: Callable[[Picture, tuple[int, int] | None], Pixels]
    reduction: Callable[[int, int], int]


class _Worker:
    """The parent's end of one process."""

    def __init__(self, context: Any, build: Callable[[], Encoder]) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build), daemon=True)
        self._process.start()
        theirs.close()
        self._shared: SharedMemory | None = None
        self._lock = threading.Lock()
        self._dim = 0

    def wait_until_ready(self) -> _Facts:
        facts: _Facts = self._answer()
        self._dim = facts.dim
        return facts

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            vectors: Vectors = self._ask(list(texts))
            return vectors

    def encode_images(self, pixels: Pixels) -> Vectors:
        with self._lock:
            room = self._room(max(pixels.nbytes, len(pixels) * self._dim * 4))
            np.ndarray(pixels.shape, np.uint8, room.buf)[:] = pixels
            self._ask((room.name, pixels.shape))
            return np.array(np.ndarray((len(pixels), self._dim), np.float32, room.buf))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
        if self._shared is not None:
            self._shared.close()
            self._shared.unlink()
            self._shared = None

    def _room(self, size: int) -> SharedMemory:
        if self._shared is None or self._shared.size < size:
            if self._shared is not None:
                self._shared.close()
                self._shared.unlink()
            self._shared = SharedMemory(create=True, size=size)
        return self._shared

    def _ask(self, what: Any) -> Any:
        try:
            self._pipe.send(what)
        except OSError as error:
            raise self._dead() from error
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._dead() from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _dead(self) -> EncoderError:
        self._process.join(_STOP_S)
        return EncoderError(
            f"the process that encodes on one of the devices has ended "
            f"(exit code {self._process.exitcode})",
            hint="out of memory? name fewer devices, or take a smaller batch",
        )


def _serve(pipe: Connection, build: Callable[[], Encoder]) -> None:
    """Build the encoder, then encode what comes until the pipe closes."""
    try:
        encoder = build()
    except SearchEngineError as error:
        pipe.send(error)
        return
    preprocess = encoder.preprocess
    # Where it is an object of its own it crosses without the model; a method would take it along.
    reduction = getattr(preprocess, "reduction", encoder.reduction)
    pipe.send(_Facts(encoder.name, encoder.dim, encoder.fingerprint, preprocess, reduction))
    room: SharedMemory | None = None
    # The parent's end may close, and Ctrl-C reaches the whole group: both mean the end.
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            asked = pipe.recv()
            try:
                if isinstance(asked, list):
                    pipe.send(encoder.encode_texts(asked))
                    continue
                name, shape = asked
                if room is None or room.name != name:
                    room = _reopened(room, name)
                vectors = encoder.encode_images(np.ndarray(shape, np.uint8, room.buf).copy())
                np.ndarray(vectors.shape, np.float32, room.buf)[:] = vectors
                pipe.send(len(vectors))
            except EncoderError as error:
                pipe.send(error)
    if room is not None:
        room.close()


def _reopened(old: SharedMemory | None, name: str) -> SharedMemory:
    if old is not None:
        old.close()
    return SharedMemory(name)


def _close_all(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.close()


def first_device(device: str) -> str:
    """Return the one device that answers questions where a setting names several."""
    return device.split(",")[0].strip().replace("cuda:all", "cuda")


def device_names(device: str) -> list[str]:
    """Return the devices that a setting names: ``cuda:0,cuda:1``, ``cuda:all``, or just one.

    Raises ``UnsupportedError`` for ``cuda:all`` where there is none.
    """
    if device != "cuda:all":
        return [name.strip() for name in device.split(",") if name.strip()] or ["auto"]
    import torch

    count = torch.cuda.device_count()
    if not count:
        raise UnsupportedError(
            "the device 'cuda:all' names none: torch sees no CUDA device",
            hint="use auto or cpu; `searchengine doctor` shows what is here",
        )
    return [f"cuda:{number}" for number in range(count)]
