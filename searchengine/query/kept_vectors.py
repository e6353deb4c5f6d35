"""Vectors of texts that were asked before: whoever asks again need not wait for a model.

In memory for as long as a process lives, and a bounded number of them in the cache folder, so that
the next process has them too. On disk a text is a hash. That hides what was asked from a glance,
not from somebody who has the model and guesses; ``query.keep=0`` keeps nothing there.

The file is a row of records, newest last. A record is written by one call and carries a checksum:
two processes may write at once, and one may be killed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from searchengine.query.prompts import load_templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from searchengine.encoders.contract import Vectors

_log = logging.getLogger(__name__)

_SCHEME: Final = 1
IN_MEMORY: Final = 16 << 20
"""Bytes, in which 5,000 vectors of 512 dimensions find room."""
_AROUND: Final = 300
"""Bytes of memory that a vector takes besides its numbers."""
_AT_ONCE: Final = 16
"""More texts than a person asks in one go are not a question, and are not written down."""
_HASH: Final = 16
_SUM: Final = 8

Vector = npt.NDArray[np.float32]


class KeptVectors:
    """Unit vectors by model and text. May be used from several threads."""

    def __init__(
        self, cache_dir: Path | None = None, *, on_disk: int = 0, in_memory: int = IN_MEMORY
    ) -> None:
        """Keep up to ``on_disk`` vectors a model under ``cache_dir``; without it only in memory.

        ``in_memory`` are bytes.
        """
        self._folder = None if cache_dir is None or on_disk <= 0 else cache_dir / "queries"
        self._most = on_disk
        self._known: OrderedDict[tuple[str, bytes], Vector] = OrderedDict()
        self._bytes = 0
        self._in_memory = in_memory
        self._read: set[str] = set()
        self._guard = threading.Lock()
        self.hits = 0
        """How many vectors were asked for and known,"""
        self.misses = 0
        """and how many were not."""

    @property
    def nbytes(self) -> int:
        """About how much memory the vectors take."""
        return self._bytes

    def find(
        self, fingerprint: str, dim: int, texts: Sequence[str], prompts: str
    ) -> list[Vector | None]:
        """Return the vector of each text, float32 (dim,), ``None`` where it is not known.

        ``prompts`` is what the texts are put into (see ``query.prompts``).
        """
        keys = [(fingerprint, _hash(text, prompts)) for text in texts]
        with self._guard:
            if fingerprint not in self._read:
                self._read.add(fingerprint)
                self._recall(fingerprint, dim)
            found = [self._known.get(key) for key in keys]
            for key in keys:
                if key in self._known:
                    self._known.move_to_end(key)
            known = sum(vector is not None for vector in found)
            self.hits += known
            self.misses += len(found) - known
        return found

    def keep(self, fingerprint: str, texts: Sequence[str], prompts: str, vectors: Vectors) -> None:
        """Remember the vectors, float32 (n, dim), of n texts."""
        if not texts:
            return
        hashes = [_hash(text, prompts) for text in texts]
        with self._guard:
            for hash_, vector in zip(hashes, vectors, strict=True):
                self._put((fingerprint, hash_), vector.copy())
            if self._folder is not None and len(texts) <= _AT_ONCE:
                records = b"".join(map(_record, hashes, vectors))
                self._write(self._folder / fingerprint, records, len(records) // len(texts))

    def _recall(self, fingerprint: str, dim: int) -> None:
        if self._folder is None:
            return
        try:
            data = (self._folder / fingerprint).read_bytes()
        except OSError:
            return
        for hash_, vector in _records(data, dim)[-self._most :]:
            self._put((fingerprint, hash_), vector)

    def _put(self, key: tuple[str, bytes], vector: Vector) -> None:
        """Remember one as the newest; the oldest make room."""
        old = self._known.pop(key, None)
        self._bytes += vector.nbytes + _AROUND if old is None else vector.nbytes - old.nbytes
        self._known[key] = vector
        while self._bytes > self._in_memory:
            _, gone = self._known.popitem(last=False)
            self._bytes -= gone.nbytes + _AROUND

    def _write(self, path: Path, records: bytes, size: int) -> None:
        """Add records; once there are twice as many as are kept, the older ones go."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
            with os.fdopen(handle, "rb+", buffering=0) as file:
                file.write(records)
                length = file.seek(0, os.SEEK_END)
                file.seek(0)
                overfull = length > 2 * self._most * size or length % size
                data = file.read() if overfull else b""
            if data:
                _replace(path, data, size, self._most)
        except OSError as error:
            _log.warning("cannot write %s (%s): texts are encoded anew each time", path, error)
            self._folder = None


_BINARY = getattr(os, "O_BINARY", 0)


@functools.lru_cache(maxsize=64)
def _hash(text: str, prompts: str) -> bytes:
    """Name a text in the sentences it is put into, which a person may have changed."""
    templates: Any = load_templates()[prompts] if prompts != "off" else None
    whole = json.dumps([_SCHEME, templates, text])
    return hashlib.blake2b(whole.encode("ascii"), digest_size=_HASH).digest()


def _record(hash_: bytes, vector: Vector) -> bytes:
    body = hash_ + vector.astype("<f4").tobytes()
    return body + _checksum(body)


def _records(data: bytes, dim: int) -> list[tuple[bytes, Vector]]:
    """Return what can be read, the oldest first; the same text twice is one, the newer."""
    size = _HASH + 4 * dim + _SUM
    found: dict[bytes, Vector] = {}
    for start in range(0, len(data) - size + 1, size):
        body, end = data[start : start + size - _SUM], data[start + size - _SUM : start + size]
        if _checksum(body) == end:
            found.pop(body[:_HASH], None)
            found[body[:_HASH]] = np.frombuffer(body, "<f4", offset=_HASH).astype(np.float32)
    return list(found.items())


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_SUM).digest()


def _replace(path: Path, data: bytes, size: int, most: int) -> None:
    dim = (size - _HASH - _SUM) // 4
    kept = b"".join(_record(hash_, vector) for hash_, vector in _records(data, dim)[-most:])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(kept)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink(missing_ok=True)
        raise
